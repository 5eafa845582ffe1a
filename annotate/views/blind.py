"""What a volunteer may see of a comparison: texts and a token, nothing that names a candidate."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, zip_longest

from django.utils.translation import gettext as _

from annotate.models import Comparison, Completion
from annotate.models.comparisons import Side
from annotate.rendering import count_lines
from annotate.rendering.passages import Passage
from annotate.views.reading import View, align_reply, mark_reply, show_plain, show_replies

LETTERS = {Side.LEFT: "A", Side.RIGHT: "B"}
# Replies are folded from here on, both sides alike; the style sheet folds at about 20 lines.
LONG_FROM_LINES = 24
# Chromium finds the direction of each paragraph in time that grows by the square of the text: 0.2 s
# at this length, 13 s at 20 times as much. Beyond it the first letter tells the direction of all.
HUGE_FROM_CHARACTERS = 50_000

Passages = Mapping[tuple[str, int], Sequence[Passage]]
"""Side and number of the turn, from 1 → stretches of the stored reply."""


@dataclass(frozen=True)
class Reply:
    """One side's answer to one turn; `letter` is what the screen calls that side."""

    side: str
    letter: str
    text: str
    is_cut: bool
    html: str = ""
    view: View = View.RENDERED

    @property
    def pieces(self) -> str:
        """Say which of the drawn characters are which of the stored text, for marking passages."""
        return align_reply(self.text, self.html, view=self.view).pack()

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to read."""
        return not self.text.strip()


@dataclass(frozen=True)
class Exchange:
    """A turn of the user, None where only replies go on, and the answers: left, then right."""

    number: int
    turn: str | None
    replies: tuple[Reply, Reply]

    @cached_property
    def is_long(self) -> bool:
        """Tell whether an answer is so long that both are folded."""
        return any(count_lines(reply.text) >= LONG_FROM_LINES for reply in self.replies)


@dataclass(frozen=True)
class BlindComparison:
    """Two conversations side by side, as the rating page shows them.

    `turn` is the one that is to be judged, and the last of those shown; 0 is all of them.
    """

    token: uuid.UUID
    language: str
    system: str
    exchanges: tuple[Exchange, ...]
    view: View
    turn: int = 0

    @property
    def is_long(self) -> bool:
        """Tell whether anything is folded."""
        return any(exchange.is_long for exchange in self.exchanges)

    @property
    def is_huge(self) -> bool:
        """Tell whether a text is so long that drawing it as others are would take seconds."""
        texts = [self.system]
        for exchange in self.exchanges:
            texts += [exchange.turn or "", *(reply.text for reply in exchange.replies)]
        return any(len(text) >= HUGE_FROM_CHARACTERS for text in texts)


def blind(comparison: Comparison, *, view: View = View.RENDERED, turn: int = 0) -> BlindComparison:
    """Put the completions on the sides where they were drawn, and leave out whose they are.

    Of a conversation whose turns are judged apart, what comes after `turn` is left out as well.
    """
    prompt = comparison.prompt
    left, right = comparison.completion_a, comparison.completion_b
    if comparison.side_a == Side.RIGHT:
        left, right = right, left
    n_turns = max(len(prompt.turns), len(left.replies), len(right.replies))
    columns = zip_longest(
        range(1, n_turns + 1),
        prompt.turns,
        _replies(left, Side.LEFT, n_turns),
        _replies(right, Side.RIGHT, n_turns),
    )
    return BlindComparison(
        token=comparison.token,
        language=prompt.language,
        system=show_plain(prompt.system),
        exchanges=tuple(
            _exchange(*column, view=view)
            for column in islice(columns, min(turn, n_turns) or n_turns)
        ),
        view=view,
        turn=turn,
    )


def _exchange(number: int, turn: str | None, left: Reply, right: Reply, *, view: View) -> Exchange:
    """Show a turn as it was written, and its two answers as the reader likes to see them."""
    shown = show_replies(left.text, right.text, view=view)
    return Exchange(
        number,
        None if turn is None else show_plain(turn),
        (replace(left, html=shown[0], view=view), replace(right, html=shown[1], view=view)),
    )


def _replies(completion: Completion, side: Side, n_turns: int) -> list[Reply]:
    """Give a reply for every turn, empty ones where the completion stopped early."""
    texts = completion.replies + [""] * (n_turns - len(completion.replies))
    is_cut = completion.finish_reason == Completion.FinishReason.LENGTH
    return [
        Reply(side.value, LETTERS[side], text, is_cut=is_cut and number == n_turns)
        for number, text in enumerate(texts, start=1)
    ]


def draw_marks(shown: BlindComparison, passages: Passages) -> BlindComparison:
    """Draw marked passages of the stored replies, whatever view they are shown in."""
    return _change_replies(
        shown, lambda reply, turn: _draw(reply, passages.get((reply.side, turn), ()))
    )


def hide_replies(shown: BlindComparison, sides: Collection[str]) -> BlindComparison:
    """Put words in the place of the replies of some sides."""
    words = show_plain(_("This text is hidden until somebody has looked at it."))

    def hide(reply: Reply, turn: int) -> Reply:
        if reply.side not in sides:
            return reply
        return replace(reply, text=words, html=words, is_cut=False, view=View.PLAIN)

    return _change_replies(shown, hide)


def _change_replies(
    shown: BlindComparison, change: Callable[[Reply, int], Reply]
) -> BlindComparison:
    """Change every reply; `change` is given the number of its turn, from 1."""
    exchanges = []
    for turn, exchange in enumerate(shown.exchanges, start=1):
        left, right = exchange.replies
        exchanges.append(replace(exchange, replies=(change(left, turn), change(right, turn))))
    return replace(shown, exchanges=tuple(exchanges))


def _draw(reply: Reply, passages: Sequence[Passage]) -> Reply:
    return replace(reply, html=mark_reply(reply.text, reply.html, passages, view=reply.view))
