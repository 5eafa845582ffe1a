"""What the database knows of a run's votes and voters, read for `services/quality.py`."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, F, Func, QuerySet, TextField, Value
from django.db.models.functions import Coalesce, Length

from annotate.models import Comparison, Completion, Exclusion, Report, SelectionRun, Vote
from annotate.models.comparisons import Purpose

SLICES = {"language": "prompt__language", "category": "prompt__category"}


class Voter(NamedTuple):
    """Whoever judged, skipped or reported."""

    pk: int
    name: str
    kind: str
    pseudonym: str


class Ballot(NamedTuple):
    """A vote, with what tells on what, by whom, what for and how long it was cast."""

    annotator: int
    name: str
    kind: str
    pseudonym: str
    candidate_a: int
    candidate_b: int
    completion_a: int
    completion_b: int
    turn: int
    outcome: str
    side_a: str | None
    comparison: int
    purpose: str
    known: str | None
    shown_at: datetime
    import_key: str | None
    voted_at: datetime
    value: str

    @property
    def is_right(self) -> bool:
        """Tell whether it gives the known answer."""
        return self.outcome == self.known

    @property
    def voter(self) -> Voter:
        """Who cast it."""
        return Voter(self.annotator, self.name, self.kind, self.pseudonym)


@dataclass(frozen=True)
class Slice:
    """What there is to measure of a run, or of one value of `SLICES` in it.

    Attributes:
        ballots: that stand now, practice left out.
        skips, reports: how many comparisons each voter passed over, completions reported.
    """

    ballots: Sequence[Ballot]
    skips: Mapping[Voter, int]
    reports: Mapping[Voter, int]


def read_slices(run: SelectionRun, by: str | None) -> dict[str | None, Slice]:
    """Read what stands now, by the slices that have votes that rank; None is the key of all."""
    ballots: dict[str | None, list[Ballot]] = defaultdict(list)
    for ballot in _read_ballots(run, by):
        ballots[ballot.value if by else None].append(ballot)
    named = {value for value in ballots if any(_ranks(ballot) for ballot in ballots[value])}
    skips, reports = _count_skips(run, by), _count_reports(run, by)
    return {
        value: Slice(ballots[value], skips[value], reports[value])
        for value in (named if by else {None})
    }


def read_exclusions(run: SelectionRun) -> dict[int, Exclusion]:
    """Read who is excluded now, by annotator."""
    return {each.annotator_id: each for each in Exclusion.objects.standing().filter(run=run)}


def reply_lengths(run: SelectionRun) -> dict[int, int]:
    """Count the characters of each completion of the run."""
    text = Func(F("replies"), Value(""), function="array_to_string", output_field=TextField())
    completions = Completion.objects.of_run(run).annotate(n_characters=Length(text))
    return dict(completions.values_list("pk", "n_characters"))


def _ranks(ballot: Ballot) -> bool:
    return ballot.purpose == Purpose.RANKING


_OF_VOTER = ("annotator", "annotator__name", "annotator__kind", "annotator__pseudonym")


def _read_ballots(run: SelectionRun, by: str | None) -> Iterator[Ballot]:
    votes = Vote.objects.of_run(run).standing().exclude(comparison__purpose=Purpose.PRACTICE)
    path = "comparison__"
    rows = votes.order_by("id").values_list(
        *(f"{path}{field}" for field in _OF_VOTER),
        f"{path}candidate_a",
        f"{path}candidate_b",
        f"{path}completion_a",
        f"{path}completion_b",
        "turn",
        "outcome",
        f"{path}side_a",
        "comparison",
        f"{path}purpose",
        f"{path}gold__outcome",
        Coalesce(f"{path}shown_at", f"{path}created_at"),
        f"{path}import_key",
        "created_at",
        _slice_value(by, path),
    )
    return map(Ballot._make, rows.iterator(chunk_size=20_000))


def _count_skips(run: SelectionRun, by: str | None) -> dict[str | None, Counter[Voter]]:
    skipped = Comparison.objects.filter(round__run=run, skipped_at__isnull=False)
    return _count(skipped, by, "")


def _count_reports(run: SelectionRun, by: str | None) -> dict[str | None, Counter[Voter]]:
    return _count(Report.objects.filter(comparison__round__run=run), by, "comparison__")


def _count(rows: QuerySet[Any], by: str | None, path: str) -> dict[str | None, Counter[Voter]]:
    counted: dict[str | None, Counter[Voter]] = defaultdict(Counter)
    voter = [f"{path}{field}" for field in _OF_VOTER]
    grouped = rows.order_by().values_list(*voter, _slice_value(by, path)).annotate(Count("pk"))
    for *who, value, n in grouped:
        counted[value if by else None][Voter(*who)] += n
    return counted


def _slice_value(by: str | None, path: str) -> F | Value:
    return F(f"{path}{SLICES[by]}") if by else Value("")
