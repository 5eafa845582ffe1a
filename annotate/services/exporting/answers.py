"""What completions say as far as a turn, as messages, read prompt by prompt."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from annotate.ranking.arrays import AnyIntArray
from annotate.services.exporting.ballots import Texts
from annotate.services.exporting.portions import represent
from annotate.services.exporting.reading import (
    PromptTexts,
    read_completion_texts,
    read_prompt_texts,
)
from annotate.services.exporting.rows import Message


@dataclass(slots=True)
class Answer:
    """A completion as far as a turn.

    `same_as` is the first text on its prompt that it is as good as equal to, where that is asked.
    """

    candidate: int
    sample: int
    replies: list[str]
    messages: list[Message]
    is_blank: bool
    same_as: int = -1


@dataclass(frozen=True)
class Answers:
    """Some completions, by place and depth, and what came before them, by place of the prompt."""

    at: dict[tuple[int, int], Answer] = field(default_factory=dict)
    openings: dict[int, list[Message]] = field(default_factory=dict)

    @classmethod
    def read(
        cls, texts: Texts, places: AnyIntArray, depth: AnyIntArray, *, near_equal: float | None
    ) -> "Answers":
        """Read completions by their places among the texts, each as far as a turn."""
        n_depths = int(depth.max(initial=0)) + 1
        places, depths = np.divmod(np.unique(places.astype(np.int64) * n_depths + depth), n_depths)
        known = np.unique(places)
        read = read_completion_texts(texts.ids[known])
        prompt_of = texts.prompt[places]
        prompt_ids = texts.prompts.ids[np.unique(prompt_of)]
        prompts = read_prompt_texts(prompt_ids)
        answers = cls()
        of_prompt: dict[tuple[int, int], list[int]] = defaultdict(list)
        for place, turn, at, pk, prompt in zip(
            places.tolist(), depths.tolist(), prompt_of.tolist(), texts.ids[places].tolist(),
            texts.prompts.ids[prompt_of].tolist(), strict=True,
        ):  # fmt: skip
            asked, said = prompts[prompt], read[pk]
            if at not in answers.openings:
                answers.openings[at] = opening(asked)
            replies = said.replies[:turn]
            answers.at[place, turn] = Answer(
                candidate=said.candidate,
                sample=said.sample,
                replies=replies,
                messages=answer(asked.turns[:turn], replies),
                is_blank=not all(map(str.strip, replies)),
            )
            of_prompt[at, turn].append(place)
        if near_equal is not None:
            answers._compare(of_prompt, near_equal)
        return answers

    def _compare(self, of_prompt: dict[tuple[int, int], list[int]], near_equal: float) -> None:
        """Say of each text which other one on its prompt it is as good as equal to."""
        for (_prompt, turn), places in of_prompt.items():
            said = [self.at[place, turn] for place in places]
            whole = ["\n\n".join(each.replies) for each in said]
            for each, first in zip(said, represent(whole, near_equal=near_equal), strict=True):
                each.same_as = places[first]


def opening(asked: PromptTexts) -> list[Message]:
    """Give the messages up to the first reply."""
    messages = [{"role": "system", "content": asked.system}] if asked.system else []
    return [*messages, {"role": "user", "content": asked.turns[0]}]


def answer(turns: Sequence[str], replies: Sequence[str]) -> list[Message]:
    """Give the messages from the first reply on, the later questions among them.

    There may be more replies than turns; those are left out.
    """
    messages = [{"role": "assistant", "content": replies[0]}]
    for turn, reply in zip(turns[1:], replies[1:], strict=False):
        messages += [{"role": "user", "content": turn}, {"role": "assistant", "content": reply}]
    return messages
