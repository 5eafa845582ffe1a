"""The buttons that a run offers below a comparison."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from annotate.models import RatingRules
from annotate.views.blind import BlindComparison

REASON_SIDES = (("left", "A", "reason_left"), ("right", "B", "reason_right"))
ARROWS = {"ArrowLeft": "←", "ArrowRight": "→"}


@dataclass(frozen=True)
class Verdict:
    """A button: what it sends, what it says, and the keys that press it.

    `side` is left, right or middle; `keys` are named as in `aria-keyshortcuts`.
    """

    choice: str
    side: str
    label: str
    keys: tuple[str, ...]

    @property
    def sign(self) -> str:
        """Draw the first key as it stands on a keyboard."""
        modifier, plus, key = self.keys[0].rpartition("+")
        return ("⇧ " if plus and modifier == "Shift" else "") + ARROWS.get(key, key)


def list_verdicts(rules: RatingRules) -> list[Verdict]:
    """List the buttons from left to right; a digit is the place of a button among them."""
    wide = _degrees() if rules.asks_degree else _sides()
    middle = []
    if rules.offers_tie:
        middle.append(("tie", "middle", _("Draw"), ""))
    if rules.offers_both_bad:
        middle.append(("both_bad", "middle", _("Both bad"), ""))
    half = len(wide) // 2
    buttons = [*wide[:half], *middle, *wide[half:]]
    return [
        Verdict(choice, side, label, tuple(key for key in (arrow, str(place)) if key))
        for place, (choice, side, label, arrow) in enumerate(buttons, start=1)
    ]


def _sides() -> list[tuple[str, str, str, str]]:
    return [
        ("left", "left", _("A is better"), "ArrowLeft"),
        ("right", "right", _("B is better"), "ArrowRight"),
    ]


def _degrees() -> list[tuple[str, str, str, str]]:
    """The stronger verdict stands further out, and its arrow is struck with Shift."""
    return [
        ("left_clearly", "left", _("A clearly better"), "Shift+ArrowLeft"),
        ("left_slightly", "left", _("A slightly better"), "ArrowLeft"),
        ("right_slightly", "right", _("B slightly better"), "ArrowRight"),
        ("right_clearly", "right", _("B clearly better"), "Shift+ArrowRight"),
    ]


def reading_ms(shown: BlindComparison, rules: RatingRules) -> int:
    """Give the milliseconds before which the run takes no vote: a page need not send one then."""
    if rules.max_characters_per_s is None:
        return 0
    n_characters = sum(
        len(reply.text)
        for exchange in shown.exchanges
        if shown.turn in (0, exchange.number)
        for reply in exchange.replies
    )
    return 1_000 * n_characters // rules.max_characters_per_s
