"""What a vote said, in the terms of the screen on which it was cast."""

import json
from collections import defaultdict
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from annotate.models import Comparison, PassageMark, RatingRules, ReasonTag, Vote
from annotate.models.comparisons import Outcome, Side
from annotate.models.votes import Which
from annotate.rendering.passages import Passage
from annotate.views.blind import LETTERS, Passages

WORDS = {
    "left": _("A is better"),
    "right": _("B is better"),
    "left_clearly": _("A clearly better"),
    "left_slightly": _("A slightly better"),
    "right_slightly": _("B slightly better"),
    "right_clearly": _("B clearly better"),
    "tie": _("Draw"),
    "both_bad": _("Both bad"),
}


@dataclass(frozen=True)
class Quotation:
    """A marked passage: the letter of its side, its words, and what is wrong with them."""

    letter: str
    words: str
    label: str


@dataclass(frozen=True)
class Reason:
    """A reason that the run offers or that was given, and whether it was."""

    slug: str
    label: str
    is_given: bool


@dataclass(frozen=True)
class ReasonSide:
    """The reasons of one side; `field` is their name in the form."""

    letter: str
    field: str
    reasons: list[Reason]

    @property
    def given(self) -> list[Reason]:
        """List those that were given."""
        return [reason for reason in self.reasons if reason.is_given]


@dataclass(frozen=True)
class Judgement:
    """A vote on a comparison whose side a stood on the left or on the right."""

    comparison: Comparison
    vote: Vote

    @property
    def choice(self) -> str:
        """Give what was pressed, as the form names it."""
        if self.vote.outcome not in (Outcome.A, Outcome.B):
            return str(self.vote.outcome)
        side = self._side_of(self.vote.outcome)
        return f"{side}_{self.vote.degree}" if self.vote.degree else side

    @property
    def words(self) -> str:
        """Say it as the buttons do."""
        return str(WORDS[self.choice])

    def reasons_of(self, side: str) -> list[str]:
        """List the reasons that were given for a side."""
        is_a = side == self._side_of(Which.A)
        return self.vote.reasons_a if is_a else self.vote.reasons_b

    @property
    def passages(self) -> Passages:
        """Give the marked passages by side and turn."""
        found: dict[tuple[str, int], list[Passage]] = defaultdict(list)
        for place, mark in enumerate(self.vote.marks.all()):
            passage = Passage(mark.start, mark.end, mark.tag, str(place))
            found[self._side_of(mark.which), mark.turn].append(passage)
        return found

    @property
    def marks_sent(self) -> list[str]:
        """Write the marks as the form sends them."""
        return [
            json.dumps(
                {"side": self._side_of(mark.which), "turn": mark.turn}
                | {"start": mark.start, "end": mark.end, "tag": mark.tag}
            )
            for mark in self.vote.marks.all()
        ]

    @property
    def quotations(self) -> list[Quotation]:
        """Quote what was marked, left before right."""
        quoted = [
            Quotation(
                LETTERS[Side(self._side_of(mark.which))],
                self._words_of(mark),
                str(mark.get_tag_display()),
            )
            for mark in self.vote.marks.all()
        ]
        return sorted(quoted, key=lambda quotation: quotation.letter)

    def _words_of(self, mark: PassageMark) -> str:
        is_a = mark.which == Which.A
        completion = self.comparison.completion_a if is_a else self.comparison.completion_b
        return completion.replies[mark.turn - 1][mark.start : mark.end]

    def _side_of(self, which: str) -> str:
        is_left = (which == Which.A) == (self.comparison.side_a == Side.LEFT)
        return Side.LEFT.value if is_left else Side.RIGHT.value


def list_reason_sides(rules: RatingRules, judgement: Judgement) -> list[ReasonSide]:
    """List what the run offers as reasons, and what was given before it offered others."""
    offered = set(rules.reasons.all())
    labels = {tag.slug: (tag.label, tag in offered) for tag in ReasonTag.objects.all()}
    sides = []
    for side, letter in LETTERS.items():
        given = judgement.reasons_of(side)
        reasons = [
            Reason(slug, label, slug in given)
            for slug, (label, is_offered) in labels.items()
            if is_offered or slug in given
        ]
        sides.append(ReasonSide(letter, f"reason_{side.value}", reasons))
    return sides
