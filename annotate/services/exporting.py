"""Turn votes into preference pairs and vote files, each with its lineage."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, Count, F, IntegerField, OuterRef, Q, QuerySet, When
from django.db.models.functions import JSONObject

from annotate.formats import MarkRow, write_rows
from annotate.models import (
    Annotator,
    PassageMark,
    PreferenceDataset,
    SelectionRun,
    User,
    Vote,
)
from annotate.models.votes import VoteQuerySet
from annotate.services import errors
from annotate.services.ledger import take_cutoff

if TYPE_CHECKING:
    import pyarrow as pa

Outcome = Vote.Outcome
KINDS = Annotator.Kind.values
VOTERS = ("people", "judges", "together")
Message = dict[str, str]

VOTE_COLUMNS = ("id", "prompt", "candidate_a", "sample_a", "candidate_b", "sample_b", "outcome",
                "annotator", "annotator_kind", "side_a", "turn", "round", "created_at", "degree",
                "reasons_a", "reasons_b", "comment", "marks")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PairRule:
    """How the votes on two completions become a chosen and a rejected one.

    Attributes:
        min_votes: decisive votes (not ties, not both bad) that a pair needs, at least 1.
        margin: by how many of them one side must lead, at least 1.
        voters: whose votes count: people's (simulated annotators stand for people), judges', or
            both kinds' as one crowd.
        round: the number of the only round whose votes count; None: all rounds'. Votes on replies
            of the model that is to be trained are fresh, those on its forebears' are not.
    """

    min_votes: int = 1
    margin: int = 1
    voters: str = "people"
    round: int | None = None

    def __post_init__(self) -> None:
        if self.voters not in VOTERS:
            raise errors.ExportRefused(
                f"voters is {self.voters!r}; it must be one of {', '.join(VOTERS)}"
            )
        for name in ("min_votes", "margin"):
            if getattr(self, name) < 1:
                raise errors.ExportRefused(
                    f"{name} is {getattr(self, name)}; it must be at least 1"
                )

    def to_dict(self) -> dict[str, Any]:
        """Give what a dataset stores: a rule for all rounds names none."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Export:
    """A file that was written."""

    path: Path
    n_rows: int
    sha256: str
    counts: dict[str, int]


def export_preferences(
    *, run: SelectionRun, rule: PairRule, created_by: User | None = None
) -> PreferenceDataset:
    """Write the run's preference pairs as TRL's conversational JSONL, and keep it as a dataset.

    Held-out prompts never get in. The same rule and cut-off make the same bytes.

    Raises:
        ExportRefused: no pair of completions has the votes that the rule asks for.
        LedgerBusy: votes are being imported into the run.
    """
    folder = django_settings.KURABE_HOME / "datasets"
    folder.mkdir(exist_ok=True)
    dataset = draft_preferences(run=run, rule=rule, folder=folder)
    dataset.created_by = created_by
    dataset.save()
    return dataset


def draft_preferences(*, run: SelectionRun, rule: PairRule, folder: Path) -> PreferenceDataset:
    """Write the run's preference pairs into a folder under KURABE_HOME; no row is kept of it.

    Raises:
        ExportRefused, LedgerBusy: as `export_preferences` does.
    """
    cutoff = take_cutoff(run=run)
    counts: Counter[str] = Counter()
    written = write_rows(
        folder / f"{run.slug}-{cutoff}.jsonl", preference_rows(run, cutoff, rule, counts)
    )
    if written.n_rows == 0:
        written.path.unlink()
        raise errors.ExportRefused(
            f"run {run.slug} gives no pairs: {describe_left_out(counts) or 'no vote stands'}; a"
            f" pair needs {rule.min_votes} or more decisive votes and a lead of {rule.margin}"
        )
    return PreferenceDataset(
        run=run,
        cutoff=cutoff,
        filters=rule.to_dict(),
        counts=dict(counts),
        n_pairs=written.n_rows,
        path=str(written.path.relative_to(django_settings.KURABE_HOME)),
        sha256=written.sha256,
    )


def write_preferences(*, dataset: PreferenceDataset, out: Path) -> Export:
    """Give a dataset to a file of one's own: .jsonl with the bytes of the stored one, or .parquet.

    Raises:
        FormatError: the file cannot be written.
    """
    stored = django_settings.KURABE_HOME / dataset.path
    with stored.open(encoding="utf-8") as lines:
        written = write_rows(out, map(json.loads, lines), schema=preference_schema())
    return Export(path=out, n_rows=written.n_rows, sha256=written.sha256, counts=dataset.counts)


def export_votes(*, run: SelectionRun, out: Path) -> Export:
    """Write one row for each vote that stands, in the form that `import_votes` reads.

    Raises:
        LedgerBusy: votes are being imported into the run.
    """
    written = write_rows(out, vote_rows(run, take_cutoff(run=run)), schema=vote_schema())
    return Export(path=out, n_rows=written.n_rows, sha256=written.sha256, counts={})


def vote_rows(run: SelectionRun, cutoff: int) -> Iterator[dict[str, Any]]:
    """Yield the votes that stood at the cut-off, in their order; annotators by pseudonym."""
    votes = Vote.objects.of_run(run).counting_at(cutoff).order_by("id")
    path = "comparison__"
    rows = votes.values_list(
        "comparison__token",
        f"{path}prompt__key",
        f"{path}candidate_a__name",
        f"{path}completion_a__sample",
        f"{path}candidate_b__name",
        f"{path}completion_b__sample",
        "outcome",
        f"{path}annotator__pseudonym",
        f"{path}annotator__kind",
        f"{path}side_a",
        "turn",
        f"{path}round__number",
        "created_at",
        "degree",
        "reasons_a",
        "reasons_b",
        "comment",
        _marks_of_vote(),
    )
    for values in rows.iterator(chunk_size=5_000):
        row = dict(zip(VOTE_COLUMNS, values, strict=True))
        row |= {"id": str(row["id"]), "created_at": row["created_at"].isoformat()}
        yield row | {"marks": _in_order(row["marks"])}


def _marks_of_vote() -> ArraySubquery:
    """Select a vote's marked passages along with it."""
    marks = PassageMark.objects.filter(vote=OuterRef("pk")).order_by()
    return ArraySubquery(marks.values(mark=JSONObject(**{name: name for name in MarkRow._fields})))


def _in_order(marks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put marks in the order of the text, and their columns in that of the file."""
    return [mark._asdict() for mark in sorted(MarkRow(**mark) for mark in marks)]


def preference_rows(
    run: SelectionRun, cutoff: int, rule: PairRule, counts: Counter[str]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each pair of completions with a majority; count the others by reason."""
    votes = counted_votes(run, cutoff, rule.voters, rule.round)
    for pair in _voted_pairs(votes).iterator(chunk_size=2_000):
        reason = _left_out(pair, rule)
        counts[reason or "pairs"] += 1
        if reason is None and pair["n_judge"]:
            counts["pairs_with_judges"] += 1
        if reason is None:
            yield _preference_row(run, pair)


def counted_votes(
    run: SelectionRun, cutoff: int, voters: str, round_number: int | None = None
) -> VoteQuerySet:
    """Find the votes that preference pairs are made of, by a `PairRule`'s voters and round."""
    votes = Vote.objects.of_run(run).counting_at(cutoff)
    if round_number is not None:
        votes = votes.filter(comparison__round__number=round_number)
    if voters == "people":
        return votes.by_people()
    is_judge = Q(comparison__annotator__kind=Annotator.Kind.JUDGE)
    return votes.filter(is_judge) if voters == "judges" else votes


def votes_behind(dataset: PreferenceDataset) -> VoteQuerySet:
    """Find the votes that a dataset was made of.

    Before judges were told apart, a dataset was made of everybody's.
    """
    voters = dataset.filters.get("voters", "together")
    return counted_votes(dataset.run, dataset.cutoff, voters, dataset.filters.get("round"))


def _voted_pairs(votes: VoteQuerySet) -> QuerySet[Vote, Any]:
    """Count the votes on each pair of completions and depth, in a stable order.

    A vote on a turn is on the conversation as far as that turn; turn 0 is the whole of it.
    """
    tallies = {f"n_{outcome}": Count("pk", filter=Q(outcome=outcome)) for outcome in Outcome.values}
    kinds = {f"n_{kind}": Count("pk", filter=Q(comparison__annotator__kind=kind)) for kind in KINDS}
    path = "comparison__"
    fields = {
        "prompt_set": f"{path}prompt__prompt_set__slug",
        "key": f"{path}prompt__key",
        "name_a": f"{path}candidate_a__name",
        "name_b": f"{path}candidate_b__name",
        "sample_a": f"{path}completion_a__sample",
        "sample_b": f"{path}completion_b__sample",
    }
    texts = {
        "system": f"{path}prompt__system",
        "turns": f"{path}prompt__turns",
        "language": f"{path}prompt__language",
        "category": f"{path}prompt__category",
        "is_held_out": f"{path}prompt__is_held_out",
        "replies_a": f"{path}completion_a__replies",
        "replies_b": f"{path}completion_b__replies",
    }
    depth = Case(
        When(turn=Vote.WHOLE_CONVERSATION, then=F(f"{path}prompt__turns__len")),
        default=F("turn"),
        output_field=IntegerField(),
    )
    return (
        votes.order_by()
        .values(depth=depth, **{name: F(field) for name, field in (fields | texts).items()})
        .annotate(**tallies, **kinds)
        .order_by(*fields.values(), "depth")
    )


def _left_out(pair: dict[str, Any], rule: PairRule) -> str | None:
    """Say why a pair is left out, if it is."""
    decisive = pair["n_a"] + pair["n_b"]
    replies = [pair[f"replies_{side}"][: pair["depth"]] for side in ("a", "b")]
    if pair["is_held_out"]:
        return "held_out"
    if not all(reply.strip() for reply in replies[0] + replies[1]):
        return "empty_reply"
    if replies[0] == replies[1]:
        return "same_replies"
    if decisive == 0:
        return "no_decisive_vote"
    if decisive < rule.min_votes:
        return "too_few_votes"
    if abs(pair["n_a"] - pair["n_b"]) < rule.margin:
        return "margin_too_small"
    return None


def _preference_row(run: SelectionRun, pair: dict[str, Any]) -> dict[str, Any]:
    chosen, rejected = ("a", "b") if pair["n_a"] > pair["n_b"] else ("b", "a")
    won, lost = pair[f"n_{chosen}"], pair[f"n_{rejected}"]
    turns = pair["turns"][: pair["depth"]]
    return {
        "prompt": opening(pair["system"], turns),
        "chosen": answer(turns, pair[f"replies_{chosen}"]),
        "rejected": answer(turns, pair[f"replies_{rejected}"]),
        "run": run.slug,
        "prompt_set": pair["prompt_set"],
        "prompt_id": pair["key"],
        "n_turns": len(turns),
        "language": pair["language"],
        "category": pair["category"],
        "chosen_candidate": pair[f"name_{chosen}"],
        "chosen_sample": pair[f"sample_{chosen}"],
        "rejected_candidate": pair[f"name_{rejected}"],
        "rejected_sample": pair[f"sample_{rejected}"],
        "votes_chosen": won,
        "votes_rejected": lost,
        "votes_tie": pair["n_tie"],
        "votes_both_bad": pair["n_both_bad"],
        "n_votes": won + lost + pair["n_tie"] + pair["n_both_bad"],
        "margin": (won - lost) / (won + lost),
        "agreement": won / (won + lost),
        "annotator_kinds": [kind for kind in KINDS if pair[f"n_{kind}"]],
    }


def describe_left_out(counts: Mapping[str, int]) -> str:
    """List what no pair was made of, with the numbers."""
    made = ("pairs", "pairs_with_judges")
    left_out = sorted((reason, n) for reason, n in counts.items() if reason not in made)
    return ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in left_out)


def opening(system: str, turns: list[str]) -> list[Message]:
    """Give the messages up to the first reply."""
    messages = [{"role": "system", "content": system}] if system else []
    return [*messages, {"role": "user", "content": turns[0]}]


def answer(turns: list[str], replies: list[str]) -> list[Message]:
    """Give the messages from the first reply on, the later questions among them.

    There may be more replies than turns; those are left out.
    """
    messages = [{"role": "assistant", "content": replies[0]}]
    for turn, reply in zip(turns[1:], replies[1:], strict=False):
        messages += [{"role": "user", "content": turn}, {"role": "assistant", "content": reply}]
    return messages


def preference_schema() -> "pa.Schema":
    """Give the columns of a preference file, as Parquet needs them."""
    import pyarrow as pa  # noqa: PLC0415  54 MB that a process without Parquet does without

    messages = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    counts = ("votes_chosen", "votes_rejected", "votes_tie", "votes_both_bad", "n_votes")
    return pa.schema(
        [
            *((name, messages) for name in ("prompt", "chosen", "rejected")),
            *((name, pa.string()) for name in ("run", "prompt_set", "prompt_id")),
            ("n_turns", pa.int64()),
            *((name, pa.string()) for name in ("language", "category")),
            ("chosen_candidate", pa.string()),
            ("chosen_sample", pa.int64()),
            ("rejected_candidate", pa.string()),
            ("rejected_sample", pa.int64()),
            *((name, pa.int64()) for name in counts),
            ("margin", pa.float64()),
            ("agreement", pa.float64()),
            ("annotator_kinds", pa.list_(pa.string())),
        ]
    )


def vote_schema() -> "pa.Schema":
    """Give the columns of a file of votes, as Parquet needs them."""
    import pyarrow as pa  # noqa: PLC0415  as above

    mark = pa.struct(
        [("which", pa.string()), *((name, pa.int64()) for name in ("turn", "start", "end")),
         ("tag", pa.string())]
    )  # fmt: skip
    types = dict.fromkeys(("sample_a", "sample_b", "turn", "round"), pa.int64())
    types |= dict.fromkeys(("reasons_a", "reasons_b"), pa.list_(pa.string()))
    types |= {"marks": pa.list_(mark)}
    return pa.schema([(name, types.get(name, pa.string())) for name in VOTE_COLUMNS])
