"""What a volunteer may see of a comparison: texts and a token, nothing that names a candidate."""

import uuid
from dataclasses import dataclass
from itertools import zip_longest

from annotate.models import Comparison, Completion
from annotate.models.votes import Side

LETTERS = {Side.LEFT: "A", Side.RIGHT: "B"}


@dataclass(frozen=True)
class Reply:
    """One side's answer to one turn; `letter` is what the screen calls that side."""

    side: str
    letter: str
    text: str
    is_cut: bool

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to read."""
        return not self.text.strip()


@dataclass(frozen=True)
class Exchange:
    """A turn of the user, None where only replies go on, and the answers: left, then right."""

    turn: str | None
    replies: tuple[Reply, Reply]


@dataclass(frozen=True)
class BlindComparison:
    """Two conversations side by side, as the rating page shows them."""

    token: uuid.UUID
    language: str
    system: str
    exchanges: tuple[Exchange, ...]


def blind(comparison: Comparison) -> BlindComparison:
    """Put the completions on the sides where they were drawn, and leave out whose they are."""
    prompt = comparison.prompt
    left, right = comparison.completion_a, comparison.completion_b
    if comparison.side_a == Side.RIGHT:
        left, right = right, left
    n_turns = max(len(prompt.turns), len(left.replies), len(right.replies))
    columns = zip_longest(
        prompt.turns,
        _replies(left, Side.LEFT, n_turns),
        _replies(right, Side.RIGHT, n_turns),
    )
    return BlindComparison(
        token=comparison.token,
        language=prompt.language,
        system=prompt.system,
        exchanges=tuple(Exchange(turn, (first, second)) for turn, first, second in columns),
    )


def _replies(completion: Completion, side: Side, n_turns: int) -> list[Reply]:
    """Give a reply for every turn, empty ones where the completion stopped early."""
    texts = completion.replies + [""] * (n_turns - len(completion.replies))
    is_cut = completion.finish_reason == Completion.FinishReason.LENGTH
    return [
        Reply(side.value, LETTERS[side], text, is_cut=is_cut and number == n_turns)
        for number, text in enumerate(texts, start=1)
    ]
