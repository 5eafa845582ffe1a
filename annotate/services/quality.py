"""Say how far a run's votes can be trusted: agreement, side bias, and every annotator."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import NamedTuple

import numpy as np
from django.db.models import F, Func, TextField, Value
from django.db.models.functions import Length
from django.utils.translation import gettext as _

from annotate.models import Completion, SelectionRun, Vote
from annotate.ranking import encode_outcomes
from annotate.ranking.agreement import (
    Agreement,
    agreement_with_others,
    measure_agreement,
    self_consistency,
)
from annotate.ranking.annotators import AnnotatorsDidNotConverge, fit_annotators
from annotate.ranking.arrays import FloatArray, IntArray, sum_at
from annotate.ranking.sides import LeftShare, measure_left_share, wilson_interval
from annotate.ranking.votes import TIE

SLICES = {"language": "comparison__prompt__language", "category": "comparison__prompt__category"}
LEVEL = 0.95
N_RESAMPLES = 1000
SEED = 0
_SIDES = {"left": 1, "right": -1, None: 0}


@dataclass(frozen=True)
class AnnotatorQuality:
    """What the votes say of one annotator; None where they cannot say it."""

    name: str
    kind: str
    votes: int
    agreement: float | None
    self_consistency: float | None
    left_share: float | None
    left_share_low: float | None
    left_share_high: float | None
    seconds_per_1000_characters: float | None
    reliability: float | None
    reliability_se: float | None


@dataclass(frozen=True)
class RunQuality:
    """What the votes of a run, or of one slice of it, say of themselves.

    Attributes:
        value: of the slice; None for all votes.
        annotators: those with the most votes first.
        gaps: why a number is None: name of the field → reason.
    """

    run: str
    value: str | None
    votes: int
    votes_by_kind: Mapping[str, int]
    agreement: Agreement
    left: LeftShare
    annotators: tuple[AnnotatorQuality, ...]
    gaps: Mapping[str, str]


class _Ballot(NamedTuple):
    """A vote, with what tells on what, by whom and how long it was cast."""

    annotator: int
    name: str
    kind: str
    candidate_a: int
    candidate_b: int
    completion_a: int
    completion_b: int
    turn: int
    outcome: str
    side_a: str | None
    comparison: int
    drawn_at: datetime
    import_key: str | None
    voted_at: datetime
    value: str


_FIELDS = ("comparison__annotator", "comparison__annotator__name", "comparison__annotator__kind",
           "comparison__candidate_a", "comparison__candidate_b", "comparison__completion_a",
           "comparison__completion_b", "turn", "outcome", "comparison__side_a", "comparison",
           "comparison__created_at", "comparison__import_key", "created_at")  # fmt: skip


def measure_quality(*, run: SelectionRun, by: str | None = None) -> list[RunQuality]:
    """Measure the votes of a run that stand now, as one statement of the database sees them.

    Args:
        by: a key of `SLICES`, for one answer for each value of it; None for one on everything.
    """
    votes = Vote.objects.of_run(run).standing().order_by("id")
    rows = votes.values_list(*_FIELDS, F(SLICES[by]) if by else F("outcome"))
    ballots: dict[str | None, list[_Ballot]] = defaultdict(list)
    for row in rows.iterator(chunk_size=20_000):
        ballot = _Ballot._make(row)
        ballots[ballot.value if by else None].append(ballot)
    if by is None:
        ballots.setdefault(None, [])
    was_cast_here = any(vote.import_key is None for slice_ in ballots.values() for vote in slice_)
    lengths = _reply_lengths(run) if was_cast_here else {}
    return [
        _measure(run.slug, value, ballots[value], lengths) for value in sorted(ballots, key=str)
    ]


def _reply_lengths(run: SelectionRun) -> dict[int, int]:
    """Count the characters of each completion of the run."""
    text = Func(F("replies"), Value(""), function="array_to_string", output_field=TextField())
    completions = Completion.objects.of_run(run).annotate(n_characters=Length(text))
    return dict(completions.values_list("pk", "n_characters"))


class _Columns:
    """Votes as integer columns, each (votes,); everything is numbered from 0."""

    def __init__(self, ballots: Sequence[_Ballot]) -> None:
        self.annotators = list(dict.fromkeys(vote[:3] for vote in ballots))  # (id, name, kind)
        self.annotator = _number([vote[:3] for vote in ballots])
        self.pair = _number([(vote.completion_a, vote.completion_b) for vote in ballots])
        self.unit = _number([(vote.completion_a, vote.completion_b, vote.turn) for vote in ballots])
        candidates = _number(
            [each for vote in ballots for each in (vote.candidate_a, vote.candidate_b)]
        )
        self.candidate_a, self.candidate_b = candidates[::2], candidates[1::2]
        self.n_candidates = int(candidates.max(initial=-1)) + 1
        self.outcome = encode_outcomes([vote.outcome for vote in ballots])
        self.side = np.array([_SIDES[vote.side_a] for vote in ballots], dtype=np.int64)

    @property
    def n_annotators(self) -> int:
        return len(self.annotators)


def _number(keys: Sequence[object]) -> IntArray:
    """Number keys in the order in which they come."""
    place = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([place[key] for key in keys], dtype=np.int64)


def _measure(
    run: str, value: str | None, ballots: Sequence[_Ballot], lengths: Mapping[int, int]
) -> RunQuality:
    columns = _Columns(ballots)
    agreement = measure_agreement(
        unit=columns.unit, annotator=columns.annotator, outcome=columns.outcome,
        rng=np.random.default_rng(SEED), level=LEVEL, n_resamples=N_RESAMPLES,
    )  # fmt: skip
    for_a_side = (columns.outcome < TIE) & (columns.side != 0)
    is_left = ((columns.outcome == 0) == (columns.side == 1))[for_a_side].astype(np.int64)
    whose = columns.annotator[for_a_side]
    left = measure_left_share(is_left=is_left, annotator=whose, pair=columns.pair[for_a_side])
    annotators, why_unreliable = _measure_annotators(columns, is_left, whose, ballots, lengths)
    gaps = _gaps_of_run(agreement, left) | _gaps_of_annotators(annotators, why_unreliable)
    return RunQuality(
        run=run,
        value=value,
        votes=len(ballots),
        votes_by_kind=dict(sorted(Counter(vote.kind for vote in ballots).items())),
        agreement=agreement,
        left=left,
        annotators=annotators,
        gaps=gaps if ballots else {},
    )


def _measure_annotators(
    columns: _Columns,
    is_left: IntArray,
    whose: IntArray,
    ballots: Sequence[_Ballot],
    lengths: Mapping[int, int],
) -> tuple[tuple[AnnotatorQuality, ...], str]:
    """Measure each annotator, and say why where there is no reliability."""
    n = columns.n_annotators
    unit, annotator, outcome = columns.unit, columns.annotator, columns.outcome
    n_left, n_sided = sum_at(whose, is_left, n), sum_at(whose, np.ones_like(whose), n)
    low, high = wilson_interval(n_left, n_sided, level=LEVEL)
    others = agreement_with_others(unit=unit, annotator=annotator, outcome=outcome, n_annotators=n)
    own = self_consistency(unit=unit, annotator=annotator, outcome=outcome, n_annotators=n)
    reliability, errors, why = _fit_reliability(columns)
    n_votes = np.bincount(annotator, minlength=n)
    pace = _reading_pace(ballots, lengths)
    rows = [
        AnnotatorQuality(
            name=name,
            kind=kind,
            votes=int(n_votes[place]),
            agreement=_known(others[place]),
            self_consistency=_known(own[place]),
            left_share=_known(n_left[place] / n_sided[place]) if n_sided[place] else None,
            left_share_low=_known(low[place]),
            left_share_high=_known(high[place]),
            seconds_per_1000_characters=pace.get(pk),
            reliability=_known(reliability[place]),
            reliability_se=_known(errors[place]),
        )
        for place, (pk, name, kind) in enumerate(columns.annotators)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.votes, row.name))), why


def _fit_reliability(columns: _Columns) -> tuple[FloatArray, FloatArray, str]:
    """Return (annotators,) reliabilities and their errors, or nan and why."""
    unknown = np.full(columns.n_annotators, np.nan)
    if columns.n_annotators < 2:
        return unknown, unknown, _("Reliability needs a second annotator to compare with.")
    try:
        fit = fit_annotators(
            candidate_a=columns.candidate_a,
            candidate_b=columns.candidate_b,
            outcome=columns.outcome,
            annotator=columns.annotator,
            side=columns.side,
            n_candidates=columns.n_candidates,
            n_annotators=columns.n_annotators,
        )
    except AnnotatorsDidNotConverge:
        return unknown, unknown, _("The annotator model did not settle on these votes.")
    return fit.reliability, fit.reliability_se, ""


def _reading_pace(ballots: Sequence[_Ballot], lengths: Mapping[int, int]) -> dict[int, float]:
    """Return annotator → median seconds a thousand characters, of comparisons drawn here.

    A comparison's time runs from its draw to the last of its votes.
    """
    last: dict[int, _Ballot] = {}
    for vote in ballots:
        earlier = last.get(vote.comparison)
        if vote.import_key is None and (earlier is None or vote.voted_at >= earlier.voted_at):
            last[vote.comparison] = vote
    paces: dict[int, list[float]] = defaultdict(list)
    for vote in last.values():
        n_characters = lengths[vote.completion_a] + lengths[vote.completion_b]
        if n_characters:
            seconds = (vote.voted_at - vote.drawn_at).total_seconds()
            paces[vote.annotator].append(1000 * seconds / n_characters)
    return {annotator: median(times) for annotator, times in paces.items()}


def _gaps_of_run(agreement: Agreement, left: LeftShare) -> dict[str, str]:
    gaps: dict[str, str] = {}
    if agreement.raw is None:
        nobody = _("No two annotators judged the same pair of completions.")
        gaps |= {"alpha": nobody, "raw_agreement": nobody}
    elif agreement.alpha is None:
        gaps["alpha"] = _("All votes on shared pairs are alike, and alpha is not defined then.")
    elif agreement.alpha.low is None:
        gaps["alpha_low"] = _("An interval needs a second shared pair.")
    if left.share is None:
        gaps["left_share"] = _("No vote is for a side that is known.")
    elif left.se is None:
        gaps["left_share_se"] = _(
            "The error needs votes for both sides, by two annotators or more, on two pairs or more."
        )
    return gaps


def _gaps_of_annotators(rows: Sequence[AnnotatorQuality], why_unreliable: str) -> dict[str, str]:
    gaps: dict[str, str] = {}
    if all(row.self_consistency is None for row in rows):
        gaps["self_consistency"] = _("Nobody judged the same pair twice.")
    if all(row.seconds_per_1000_characters is None for row in rows):
        gaps["seconds_per_1000_characters"] = _(
            "No vote was cast here; imported votes do not say when reading began."
        )
    if why_unreliable:
        gaps["reliability"] = why_unreliable
    return gaps


def _known(number: float) -> float | None:
    return None if np.isnan(number) else float(number)
