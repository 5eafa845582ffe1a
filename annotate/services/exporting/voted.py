"""Rows of chosen and rejected replies that votes decided."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from annotate.ranking.arrays import AnyIntArray, FloatArray, IntArray
from annotate.services.exporting.answers import Answer, Answers
from annotate.services.exporting.ballots import Texts
from annotate.services.exporting.choosing import Proposals
from annotate.services.exporting.portions import Row, blocks_of, find_repeated, name_kinds
from annotate.services.exporting.skimming import Skimmed, read_facts

_PRIME = 1_000_003


@dataclass(eq=False)
class VotedPairs:
    """A portion of pairs by votes of a run."""

    name: str
    run: str
    weight: float
    near_equal: float | None
    texts: Texts
    proposals: Proposals
    candidates: dict[int, str]
    left_out: Counter[str]

    @property
    def prompt(self) -> AnyIntArray:
        """(rows,) places of their prompts."""
        return np.asarray(self.texts.prompt[self.proposals.chosen])

    @property
    def identity(self) -> IntArray:
        """(rows,) of their prompts."""
        return np.asarray(self.texts.identity[self.proposals.chosen])

    @property
    def key(self) -> IntArray:
        """(rows,) by which draws know a row."""
        texts, pairs = self.texts.ids, self.proposals
        return np.asarray(
            (texts[pairs.chosen] * _PRIME + texts[pairs.rejected]) * _PRIME + pairs.depth
        )

    @property
    def sureness(self) -> FloatArray:
        """(rows,) agreement."""
        return self.proposals.agreement

    @property
    def n_votes(self) -> IntArray:
        """(rows,) votes on the pair."""
        return np.asarray(self.proposals.outcomes.sum(axis=1))

    def rows(self, places: IntArray) -> Iterator[tuple[int, Row]]:
        """Yield the rows at these places, prompt by prompt."""
        prompt = self.prompt[places]
        for block in blocks_of(prompt):
            yield from self._rows_of_block(places[block], prompt[block])

    def skim(self, places: IntArray) -> Skimmed | None:
        """Say which rows their texts allow, unless texts are to be compared with each other."""
        if self.near_equal is not None:
            return None
        pairs = self.proposals.keep(places)
        both = np.concatenate([pairs.chosen, pairs.rejected])
        facts = read_facts(self.texts, both, np.tile(pairs.depth, 2))
        is_blank = facts.is_blank.reshape(2, -1).any(axis=0)
        chosen, rejected = facts.digest.reshape(2, -1)
        is_same = ~is_blank & (chosen == rejected)
        self.left_out["empty_reply"] += int(is_blank.sum())
        self.left_out["same_replies"] += int(is_same.sum())
        fit = np.flatnonzero(~is_blank & ~is_same)
        longer, shorter = facts.n_chars.reshape(2, -1)
        writers = np.unique(facts.candidate.reshape(2, -1)[:, fit])
        return Skimmed(
            source=self.name,
            run=self.run,
            weight=self.weight,
            places=places[fit],
            prompts=self.texts.prompts,
            prompt=self.prompt[places[fit]],
            longer=np.sign(longer - shorter)[fit],
            kinds=pairs.kinds[fit],
            candidates=[self.candidates[pk] for pk in writers.tolist()],
        )

    def _rows_of_block(self, places: IntArray, prompt: AnyIntArray) -> Iterator[tuple[int, Row]]:
        pairs = self.proposals.keep(places)
        both = np.concatenate([pairs.chosen, pairs.rejected])
        answers = Answers.read(
            self.texts, both, np.tile(pairs.depth, 2), near_equal=self.near_equal
        )
        sides = [
            (answers.at[chosen, depth], answers.at[rejected, depth])
            for chosen, rejected, depth in zip(
                pairs.chosen.tolist(), pairs.rejected.tolist(), pairs.depth.tolist(), strict=True
            )
        ]
        reasons = [self._say_unfit(*both) for both in sides]
        if self.near_equal is not None:
            self._leave_out_repeated(reasons, sides, pairs, prompt)
        facts = zip(
            places.tolist(), prompt.tolist(), reasons, sides, pairs.depth.tolist(),
            pairs.outcomes.tolist(), pairs.margin.tolist(), pairs.agreement.tolist(),
            pairs.kinds.tolist(), strict=True,
        )  # fmt: skip
        for place, at, reason, (chosen, rejected), *verdict in facts:
            if reason:
                self.left_out[reason] += 1
            else:
                yield place, self._row(answers, at, chosen, rejected, *verdict)

    def _say_unfit(self, chosen: Answer, rejected: Answer) -> str:
        """Say why two texts teach nothing, if they do not."""
        if chosen.is_blank or rejected.is_blank:
            return "empty_reply"
        if chosen.replies == rejected.replies:
            return "same_replies"
        is_near = self.near_equal is not None and chosen.same_as == rejected.same_as
        return "near_equal" if is_near else ""

    def _leave_out_repeated(
        self,
        reasons: list[str],
        sides: list[tuple[Answer, Answer]],
        pairs: Proposals,
        prompt: AnyIntArray,
    ) -> None:
        fit = [n for n, reason in enumerate(reasons) if not reason]
        known = [(int(prompt[n]), sides[n][0].same_as, sides[n][1].same_as) for n in fit]
        n_votes = pairs.outcomes.sum(axis=1)[fit].tolist()
        for n in find_repeated(known, pairs.agreement[fit].tolist(), n_votes):
            reasons[fit[n]] = "near_duplicate"

    def _row(
        self,
        answers: Answers,
        prompt: int,
        chosen: Answer,
        rejected: Answer,
        depth: int,
        outcomes: list[int],
        margin: float,
        agreement: float,
        kinds: int,
    ) -> Row:
        prompt_set, key, language, category = self.texts.prompts.places[prompt]
        return {
            "prompt": answers.openings[prompt],
            "chosen": chosen.messages,
            "rejected": rejected.messages,
            "source": self.name,
            "run": self.run,
            "prompt_set": prompt_set,
            "prompt_id": key,
            "n_turns": depth,
            "language": language,
            "category": category,
            "chosen_candidate": self.candidates[chosen.candidate],
            "chosen_sample": chosen.sample,
            "rejected_candidate": self.candidates[rejected.candidate],
            "rejected_sample": rejected.sample,
            "votes_chosen": outcomes[0],
            "votes_rejected": outcomes[1],
            "votes_tie": outcomes[2],
            "votes_both_bad": outcomes[3],
            "n_votes": sum(outcomes),
            "margin": margin,
            "agreement": agreement,
            "weight": self.weight,
            "annotator_kinds": name_kinds(kinds),
        }
