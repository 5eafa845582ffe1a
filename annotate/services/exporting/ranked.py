"""Rows of all replies to a prompt, in the order that votes gave them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from annotate.ranking.arrays import AnyIntArray, FloatArray, IntArray
from annotate.ranking.verdicts import TextStrengths, rank_texts
from annotate.services.exporting.answers import Answer, Answers
from annotate.services.exporting.ballots import Texts
from annotate.services.exporting.choosing import Counted, kinds_of_groups
from annotate.services.exporting.portions import Row, blocks_of, name_kinds
from annotate.services.exporting.recipe import Recipe, RunVotes
from annotate.services.exporting.rows import FITTED_DECIMALS
from annotate.services.exporting.skimming import Skimmed

# Strengths that differ by less are equal: they share a rank.
_EQUAL = 1e-9
_PRIME = 1_000_003


@dataclass(eq=False)
class RankedReplies:
    """A portion of rankings by votes of a run: a row for each prompt, and depth, with votes.

    Attributes:
        groups: (rows,) the group of texts that each row is of.
        kinds: (groups,) bits of kinds of annotators.
    """

    name: str
    run: str
    weight: float
    min_votes: int
    near_equal: float | None
    texts: Texts
    ranked: TextStrengths
    groups: IntArray
    kinds: AnyIntArray
    candidates: dict[int, str]
    left_out: Counter[str]

    @property
    def first(self) -> IntArray:
        """(rows,) the place at which each row's texts begin."""
        return np.searchsorted(self.ranked.group, self.groups)

    @property
    def prompt(self) -> AnyIntArray:
        """(rows,) places of their prompts."""
        return np.asarray(self.texts.prompt[self.ranked.text[self.first]])

    @property
    def identity(self) -> IntArray:
        """(rows,) of their prompts."""
        return np.asarray(self.texts.prompts.identity[self.prompt])

    @property
    def key(self) -> IntArray:
        """(rows,) by which draws know a row."""
        first, ranked = self.first, self.ranked
        return np.asarray(self.texts.ids[ranked.text[first]] * 997 + ranked.depth[first])

    @property
    def sureness(self) -> FloatArray:
        """(rows,) 1 each."""
        return np.ones(len(self.groups))

    @property
    def n_votes(self) -> IntArray:
        """(rows,) votes among the texts."""
        both_ends = np.bincount(self.ranked.group, weights=self.ranked.votes)
        return (both_ends[self.groups] // 2).astype(np.int64)

    def rows(self, places: IntArray) -> Iterator[tuple[int, Row]]:
        """Yield the rows at these places."""
        prompt = self.prompt[places]
        for block in blocks_of(prompt):
            yield from self._rows_of_block(places[block], prompt[block])

    def skim(self, places: IntArray) -> Skimmed | None:
        """Say nothing: which replies a row has hangs on all their texts."""
        return None

    def _rows_of_block(self, places: IntArray, prompt: AnyIntArray) -> Iterator[tuple[int, Row]]:
        ranked, groups = self.ranked, self.groups[places]
        begins = np.searchsorted(ranked.group, groups)
        ends = np.searchsorted(ranked.group, groups, side="right")
        members = [np.arange(begin, end) for begin, end in zip(begins, ends, strict=True)]
        every = np.concatenate(members)
        answers = Answers.read(
            self.texts, ranked.text[every], ranked.depth[every],
            near_equal=self.near_equal,
        )  # fmt: skip
        for place, at, group, own in zip(
            places.tolist(), prompt.tolist(), groups.tolist(), members, strict=True
        ):
            kept = self._order(own, answers)
            if len(kept) < 2:
                self.left_out["fewer_than_two_replies"] += 1
            else:
                yield place, self._row(answers, at, kept, name_kinds(int(self.kinds[group])))

    def _order(self, members: IntArray, answers: Answers) -> list[tuple[int, Answer]]:
        """Give the texts that say something new, the strongest first, by their places."""
        ranked = self.ranked
        enough = members[ranked.decisive[members] >= self.min_votes]
        order = enough[np.lexsort((ranked.text[enough], -ranked.strength[enough]))]
        kept: list[tuple[int, Answer]] = []
        known: set[object] = set()
        for place in order.tolist():
            said = answers.at[int(ranked.text[place]), int(ranked.depth[place])]
            text = tuple(said.replies) if self.near_equal is None else said.same_as
            if not said.is_blank and text not in known:
                known.add(text)
                kept.append((place, said))
        return kept

    def _row(
        self, answers: Answers, prompt: int, kept: list[tuple[int, Answer]], kinds: list[str]
    ) -> Row:
        prompt_set, key, language, category = self.texts.prompts.places[prompt]
        places = [place for place, _said in kept]
        strengths = self.ranked.strength[places]
        return {
            "prompt": answers.openings[prompt],
            "completions": [said.messages for _place, said in kept],
            "source": self.name,
            "run": self.run,
            "prompt_set": prompt_set,
            "prompt_id": key,
            "n_turns": int(self.ranked.depth[places[0]]),
            "language": language,
            "category": category,
            "candidates": [self.candidates[said.candidate] for _place, said in kept],
            "samples": [said.sample for _place, said in kept],
            "ranks": rank_in_order(strengths),
            "strengths": np.round(strengths - strengths.mean(), FITTED_DECIMALS).tolist(),
            "n_votes": self.ranked.votes[places].tolist(),
            "weight": self.weight,
            "annotator_kinds": kinds,
        }


def rank_replies(
    source: RunVotes, recipe: Recipe, counted: Counted, candidates: dict[int, str]
) -> RankedReplies:
    """Rank the texts of each prompt by the votes among them."""
    ranked = rank_texts(counted.tally)
    n_groups = int(ranked.group.max(initial=-1)) + 1
    return RankedReplies(
        name=source.name,
        run=source.run,
        weight=source.weight,
        min_votes=recipe.min_votes,
        near_equal=recipe.near_equal,
        texts=counted.ballots.texts,
        ranked=ranked,
        groups=np.arange(n_groups),
        kinds=kinds_of_groups(counted, ranked),
        candidates=candidates,
        left_out=counted.left_out,
    )


def rank_in_order(strengths: FloatArray) -> list[int]:
    """Give ranks from 1 to descending strengths; equals share the better one."""
    is_new = np.diff(strengths, prepend=np.inf) < -_EQUAL
    ranks = np.maximum.accumulate(np.where(is_new, np.arange(1, len(strengths) + 1), 1))
    return [int(rank) for rank in ranks]
