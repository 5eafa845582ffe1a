"""Turn votes into preference pairs and vote files, each with its lineage."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.db.models import Count, F, Q, QuerySet

from annotate.formats import write_rows
from annotate.models import Comparison, PreferenceDataset, SelectionRun, User, Vote
from annotate.services import errors
from annotate.services.ledger import take_cutoff

if TYPE_CHECKING:
    import pyarrow as pa

Outcome = Vote.Outcome
Message = dict[str, str]

VOTE_COLUMNS = ("id", "prompt", "candidate_a", "sample_a", "candidate_b", "sample_b", "outcome",
                "annotator", "annotator_kind", "side_a", "turn", "round", "created_at")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PairRule:
    """How the votes on two completions become a chosen and a rejected one.

    Attributes:
        min_votes: decisive votes (not ties, not both bad) that a pair needs, at least 1.
        margin: by how many of them one side must lead, at least 1.
    """

    min_votes: int = 1
    margin: int = 1

    def __post_init__(self) -> None:
        for name in ("min_votes", "margin"):
            if getattr(self, name) < 1:
                raise errors.ExportRefused(
                    f"{name} is {getattr(self, name)}; it must be at least 1"
                )


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
    cutoff = take_cutoff(run=run)
    counts: Counter[str] = Counter()
    folder = django_settings.KURABE_HOME / "datasets"
    folder.mkdir(exist_ok=True)
    written = write_rows(
        folder / f"{run.slug}-{cutoff}.jsonl", preference_rows(run, cutoff, rule, counts)
    )
    if written.n_rows == 0:
        written.path.unlink()
        raise errors.ExportRefused(
            f"run {run.slug} gives no pairs: {json.dumps(dict(counts))}; it needs completions"
            f" with at least {rule.min_votes} decisive vote(s) and a margin of {rule.margin}"
        )
    return PreferenceDataset.objects.create(
        run=run,
        cutoff=cutoff,
        filters=asdict(rule),
        counts=dict(counts),
        n_pairs=written.n_rows,
        path=str(written.path.relative_to(django_settings.KURABE_HOME)),
        sha256=written.sha256,
        created_by=created_by,
    )


def write_preferences(*, dataset: PreferenceDataset, out: Path) -> Export:
    """Give a dataset to a file of one's own: the stored bytes as .jsonl, or as .parquet."""
    stored = django_settings.KURABE_HOME / dataset.path
    if out.suffix == ".jsonl":
        shutil.copyfile(stored, out)
        return Export(
            path=out, n_rows=dataset.n_pairs, sha256=dataset.sha256, counts=dataset.counts
        )
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
    votes = Vote.objects.of_run(run).standing_at(cutoff).order_by("id")
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
    )
    for token, *values, created_at in rows.iterator(chunk_size=5_000):
        yield dict(zip(VOTE_COLUMNS, [str(token), *values, created_at.isoformat()], strict=True))


def preference_rows(
    run: SelectionRun, cutoff: int, rule: PairRule, counts: Counter[str]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each pair of completions with a majority; count the others by reason."""
    for pair in _voted_pairs(run, cutoff).iterator(chunk_size=2_000):
        reason = _left_out(pair, rule)
        counts[reason or "pairs"] += 1
        if reason is None:
            yield _preference_row(run, pair)


def _voted_pairs(run: SelectionRun, cutoff: int) -> QuerySet[Comparison, Any]:
    """Count the votes on each pair of completions, in a stable order."""
    stood = Q(votes__id__lte=cutoff) & (
        Q(votes__withdrawn_number__isnull=True) | Q(votes__withdrawn_number__gt=cutoff)
    )
    tallies = {
        f"n_{outcome}": Count("votes", filter=stood & Q(votes__outcome=outcome))
        for outcome in Outcome.values
    }
    kinds = {
        f"n_{kind}": Count("votes", filter=stood & Q(annotator__kind=kind))
        for kind in ("person", "judge", "simulated")
    }
    return (
        Comparison.objects.filter(stood, round__run=run)
        .order_by()
        .values(
            "completion_a__sample",
            "completion_b__sample",
            key=F("prompt__key"),
            prompt_set=F("prompt__prompt_set__slug"),
            system=F("prompt__system"),
            turns=F("prompt__turns"),
            language=F("prompt__language"),
            category=F("prompt__category"),
            is_held_out=F("prompt__is_held_out"),
            name_a=F("candidate_a__name"),
            name_b=F("candidate_b__name"),
            replies_a=F("completion_a__replies"),
            replies_b=F("completion_b__replies"),
        )
        .annotate(**tallies, **kinds)
        .order_by(
            "prompt_set", "key", "name_a", "name_b", "completion_a__sample", "completion_b__sample"
        )
    )


def _left_out(pair: dict[str, Any], rule: PairRule) -> str | None:
    """Say why a pair is left out, if it is."""
    decisive = pair["n_a"] + pair["n_b"]
    if pair["is_held_out"]:
        return "held_out"
    if not all(reply.strip() for reply in pair["replies_a"] + pair["replies_b"]):
        return "empty_reply"
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
    return {
        "prompt": opening(pair["system"], pair["turns"]),
        "chosen": answer(pair["turns"], pair[f"replies_{chosen}"]),
        "rejected": answer(pair["turns"], pair[f"replies_{rejected}"]),
        "run": run.slug,
        "prompt_id": pair["key"],
        "language": pair["language"],
        "category": pair["category"],
        "chosen_candidate": pair[f"name_{chosen}"],
        "chosen_sample": pair[f"completion_{chosen}__sample"],
        "rejected_candidate": pair[f"name_{rejected}"],
        "rejected_sample": pair[f"completion_{rejected}__sample"],
        "votes_chosen": won,
        "votes_rejected": lost,
        "votes_tie": pair["n_tie"],
        "votes_both_bad": pair["n_both_bad"],
        "n_votes": won + lost + pair["n_tie"] + pair["n_both_bad"],
        "margin": (won - lost) / (won + lost),
        "agreement": won / (won + lost),
        "annotator_kinds": [k for k in ("person", "judge", "simulated") if pair[f"n_{k}"]],
    }


def opening(system: str, turns: list[str]) -> list[Message]:
    """Give the messages up to the first reply."""
    messages = [{"role": "system", "content": system}] if system else []
    return [*messages, {"role": "user", "content": turns[0]}]


def answer(turns: list[str], replies: list[str]) -> list[Message]:
    """Give the messages from the first reply on, the later questions among them."""
    messages = [{"role": "assistant", "content": replies[0]}]
    for turn, reply in zip(turns[1:], replies[1:], strict=True):
        messages += [{"role": "user", "content": turn}, {"role": "assistant", "content": reply}]
    return messages


def preference_schema() -> "pa.Schema":
    """Give the columns of a preference file, as Parquet needs them."""
    import pyarrow as pa  # noqa: PLC0415  54 MB that a process without Parquet does without

    messages = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    texts = ("run", "prompt_id", "language", "category")
    counts = ("votes_chosen", "votes_rejected", "votes_tie", "votes_both_bad", "n_votes")
    return pa.schema(
        [
            *((name, messages) for name in ("prompt", "chosen", "rejected")),
            *((name, pa.string()) for name in texts),
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

    numbers = ("sample_a", "sample_b", "turn", "round")
    return pa.schema(
        [(name, pa.int64() if name in numbers else pa.string()) for name in VOTE_COLUMNS]
    )
