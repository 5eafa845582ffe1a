"""The votes of a source as narrow columns: a million of them in some 30 MB."""

from dataclasses import dataclass

import numpy as np
from django.db.models import BigIntegerField, F, Q
from django.db.models.functions import Cast
from numpy.typing import NDArray

from annotate.models import Annotator, SelectionRun, Vote
from annotate.models.votes import VoteQuerySet
from annotate.ranking.arrays import AnyIntArray, IntArray, number_ids
from annotate.services.exporting.reading import (
    AnnotatorTable,
    PromptTable,
    read_annotators,
    read_prompt_table,
)
from annotate.services.exporting.recipe import RunVotes
from annotate.services.exporting.splits import Splits
from annotate.services.vote_columns import copy_out, outcome_codes, side_codes

_PATH = "comparison__"
# How wide each column is kept; ids become places among those that are there.
_COLUMNS = {
    "completion_a": "i8",
    "completion_b": "i8",
    "prompt": "i8",
    "annotator": "i8",
    "turn": "i2",
    "outcome": "i1",
}
_FOR_RELIABILITY = {"candidate_a": "i8", "candidate_b": "i8", "side": "i1"}


@dataclass(frozen=True, eq=False)
class Texts:
    """The completions that were voted on, in the order of their prompts and then of their ids.

    Attributes:
        ids, prompt: (texts,) ids of completions, and places in `prompts`.
    """

    prompts: PromptTable
    ids: IntArray
    prompt: AnyIntArray

    @property
    def identity(self) -> IntArray:
        """(texts,) of their prompts."""
        return np.asarray(self.prompts.identity[self.prompt])


@dataclass(frozen=True, eq=False)
class Ballots:
    """Votes of a source, by places among its texts and annotators.

    Attributes:
        first, second: (votes,) places in `texts` of completions a and b.
        depth: (votes,) the turn up to which was compared: all turns for the whole conversation.
        outcome: (votes,) codes of `annotate.ranking`.
        annotator: (votes,) places in `annotators`.
        candidates, side: (2, votes) places of candidates a and b, and (votes,) the side of a; empty
            unless they were asked for.
        n_set_aside: votes of annotators and on prompts that may not stand together.
    """

    texts: Texts
    annotators: AnnotatorTable
    first: AnyIntArray
    second: AnyIntArray
    depth: AnyIntArray
    outcome: AnyIntArray
    annotator: AnyIntArray
    candidates: IntArray
    side: AnyIntArray
    n_set_aside: int

    def kinds(self) -> AnyIntArray:
        """Return (votes,) the place in `KINDS` of whoever cast each."""
        return np.asarray(self.annotators.kind.astype(np.int8)[self.annotator])


def counted_votes(run: SelectionRun, source: RunVotes) -> VoteQuerySet:
    """Find the votes that a source stands for, at its cut-off."""
    assert source.cutoff is not None
    return keep_voters(
        Vote.objects.of_run(run).counting_at(source.cutoff), source.voters, source.round
    )


def keep_voters(votes: VoteQuerySet, voters: str, round_number: int | None) -> VoteQuerySet:
    """Keep the votes of some voters, of one round or of all."""
    if round_number is not None:
        votes = votes.filter(comparison__round__number=round_number)
    if voters == "people":
        return votes.by_people()
    is_judge = Q(comparison__annotator__kind=Annotator.Kind.JUDGE)
    return votes.filter(is_judge) if voters == "judges" else votes


def read_ballots(
    *, run: SelectionRun, source: RunVotes, splits: Splits, for_reliability: bool = False
) -> Ballots:
    """Read the votes of a source, without those that the splits set aside."""
    kept = _COLUMNS | (_FOR_RELIABILITY if for_reliability else {})
    votes = _read(counted_votes(run, source), kept)
    annotator_ids, votes["annotator"] = number_ids(votes["annotator"])
    annotators = read_annotators(annotator_ids)
    prompt_ids, place = number_ids(votes["prompt"])
    prompts = read_prompt_table(prompt_ids)
    # By the order of the rows, and no more by that of the ids.
    votes["prompt"] = prompts.find(prompt_ids).astype(np.int32)[place]
    n_votes = len(votes["prompt"])
    may_count = splits.may_count(
        is_test_prompt=splits.is_test(prompts.identity)[votes["prompt"]],
        is_test_annotator=splits.is_test_annotator(annotators.pseudonyms)[votes["annotator"]],
    )
    if not may_count.all():
        votes = {name: column[may_count] for name, column in votes.items()}
    texts, first, second = _order_texts(votes, prompts)
    n_turns = prompts.n_turns.astype(np.int16)[votes["prompt"]]
    return Ballots(
        texts=texts,
        annotators=annotators,
        first=first,
        second=second,
        depth=np.where(votes["turn"] == Vote.WHOLE_CONVERSATION, n_turns, votes["turn"]),
        outcome=votes["outcome"],
        annotator=votes["annotator"],
        candidates=_order_candidates(votes),
        side=votes.get("side", np.empty(0, dtype=np.int8)),
        n_set_aside=n_votes - len(votes["prompt"]),
    )


def _read(votes: VoteQuerySet, kept: dict[str, str]) -> dict[str, NDArray[np.integer]]:
    """Read columns of votes, each narrowed block by block as it comes.

    The ledger's order is no matter: votes are counted by pair. It is brought about all the same
    where sums of rounded numbers hang on it.
    """
    integer = BigIntegerField()
    columns = {
        name: Cast(F(name if name == "turn" else f"{_PATH}{name}"), integer)
        for name in kept
        if name not in ("outcome", "side")
    }
    columns["outcome"] = outcome_codes()
    if "side" in kept:
        columns |= {"side": side_codes(), "number": Cast("id", integer)}
        kept = kept | {"number": "i8"}
    blocks: dict[str, list[NDArray[np.integer]]] = {name: [] for name in kept}
    for block in copy_out(votes.order_by(), columns):
        for name, kind in kept.items():
            blocks[name].append(block[name].astype(kind))
    read = {}
    for name, kind in kept.items():
        read[name] = np.concatenate(blocks.pop(name) or [np.empty(0, dtype=kind)])
    if "number" in read:
        order = np.argsort(read.pop("number"), kind="stable")
        read = {name: column[order] for name, column in read.items()}
    return read


def _order_texts(
    votes: dict[str, NDArray[np.integer]], prompts: PromptTable
) -> tuple[Texts, AnyIntArray, AnyIntArray]:
    """Give the completions in order, and both of each vote by place."""
    n_votes = len(votes["prompt"])
    ids, at = number_ids(np.concatenate([votes.pop("completion_a"), votes.pop("completion_b")]))
    at_a, at_b = at[:n_votes], at[n_votes:]
    prompt_of = np.empty(len(ids), dtype=np.int32)
    prompt_of[at_a] = votes["prompt"]
    prompt_of[at_b] = votes["prompt"]
    order = np.lexsort((ids, prompt_of))
    place = np.empty(len(ids), dtype=np.int32)
    place[order] = np.arange(len(ids), dtype=np.int32)
    return Texts(prompts, ids[order], prompt_of[order]), place[at_a], place[at_b]


def _order_candidates(votes: dict[str, NDArray[np.integer]]) -> IntArray:
    if "candidate_a" not in votes:
        return np.empty((2, 0), dtype=np.int64)
    both = np.stack([votes.pop("candidate_a"), votes.pop("candidate_b")])
    _ids, place = number_ids(both.ravel())
    return place.reshape(both.shape).astype(np.int64)
