"""Read what a volunteer sent for a comparison: is it what the run asks, and what does it mean?

On the screen it is left and right; what is stored is a and b.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from django.utils.translation import gettext as _

from annotate.models import Comparison, Completion, PassageMark, RatingRules, Vote
from annotate.models.comparisons import Side
from annotate.models.votes import Degree, Which
from annotate.services import errors

DEGREES = {
    f"{side}_{degree}": (side.value, degree.value)
    for side, degree in (
        (Side.LEFT, Degree.CLEARLY),
        (Side.LEFT, Degree.SLIGHTLY),
        (Side.RIGHT, Degree.SLIGHTLY),
        (Side.RIGHT, Degree.CLEARLY),
    )
}
CHOICES = (Side.LEFT.value, Side.RIGHT.value, *DEGREES, "tie", "both_bad")
MARKS_AT_MOST = 100


@dataclass(frozen=True)
class Mark:
    """Characters of a reply on the screen: from `start` to before `end`, in code points.

    `side` is left or right, `turn` counts the replies from 1, `tag` is one of `PassageTag`.
    """

    side: str
    turn: int
    start: int
    end: int
    tag: str


class Why(TypedDict, total=False):
    """What may be said with a choice, in terms of the screen."""

    reasons_left: Iterable[str]
    reasons_right: Iterable[str]
    comment: str
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Ballot:
    """What an annotator says of a comparison, in terms of a and b."""

    outcome: str
    degree: str = ""
    reasons_a: tuple[str, ...] = ()
    reasons_b: tuple[str, ...] = ()
    comment: str = ""
    marks: frozenset[tuple[str, int, int, int, str]] = frozenset()

    def cast(self, *, comparison: Comparison, turn: int, at: datetime) -> Vote:
        """Write the vote and its marks; the caller holds the ledger."""
        vote = self.as_vote(comparison=comparison, turn=turn, at=at)
        vote.save()
        self.mark(vote)
        return vote

    def as_vote(self, *, comparison: Comparison, turn: int, at: datetime) -> Vote:
        """Give the vote, not written yet."""
        return Vote(
            comparison=comparison,
            turn=turn,
            outcome=self.outcome,
            degree=self.degree,
            reasons_a=list(self.reasons_a),
            reasons_b=list(self.reasons_b),
            comment=self.comment,
            created_at=at,
        )

    def mark(self, vote: Vote) -> None:
        """Write the marks of the vote, which is."""
        PassageMark.objects.bulk_create(
            PassageMark(vote=vote, which=which, turn=turn, start=start, end=end, tag=tag)
            for which, turn, start, end, tag in sorted(self.marks)
        )

    def says_the_same_as(self, vote: Vote) -> bool:
        """Tell whether a vote already holds all of this."""
        marks = vote.marks.values_list("which", "turn", "start", "end", "tag")
        return self == Ballot(
            outcome=vote.outcome,
            degree=vote.degree,
            reasons_a=tuple(vote.reasons_a),
            reasons_b=tuple(vote.reasons_b),
            comment=vote.comment,
            marks=frozenset(marks),
        )


def read_ballot(
    *,
    comparison: Comparison,
    rules: RatingRules,
    choice: str,
    reasons_left: Iterable[str] = (),
    reasons_right: Iterable[str] = (),
    comment: str = "",
    marks: Sequence[Mark] = (),
) -> Ballot:
    """Check what was sent against the run's rules, and put it in terms of a and b.

    Raises:
        ValueError: `choice` is not one of `CHOICES`.
        VoteRefused: the run does not offer the choice, a reason, the comment or a mark.
    """
    side, degree = _read_choice(choice, rules)
    given = {
        Side.LEFT.value: tuple(dict.fromkeys(reasons_left)),
        Side.RIGHT.value: tuple(dict.fromkeys(reasons_right)),
    }
    _check_reasons([*given[Side.LEFT], *given[Side.RIGHT]], rules)
    comment = comment.strip()
    if comment and not rules.offers_comment:
        raise errors.VoteRefused(_("This run takes no comments; please vote without one."))
    a_left = comparison.side_a == Side.LEFT
    reasons_a, reasons_b = given[Side.LEFT], given[Side.RIGHT]
    if not a_left:
        reasons_a, reasons_b = reasons_b, reasons_a
    return Ballot(
        outcome=outcome_of(choice=side, side_a=str(comparison.side_a)),
        degree=degree,
        reasons_a=reasons_a,
        reasons_b=reasons_b,
        comment=comment,
        marks=_read_marks(comparison, rules, marks),
    )


def outcome_of(*, choice: str, side_a: str) -> str:
    """Translate left and right on the screen into a and b."""
    side, _degree = DEGREES.get(choice, (choice, ""))
    if side in Side.values:
        return Vote.Outcome.A if side == side_a else Vote.Outcome.B
    return side


def _read_choice(choice: str, rules: RatingRules) -> tuple[str, str]:
    """Part a choice into side (or tie, both_bad) and degree, where the run offers it."""
    if choice not in CHOICES:
        raise ValueError(f"choice is {choice!r}; it must be one of {', '.join(CHOICES)}")
    if choice == "tie" and not rules.offers_tie:
        raise errors.VoteRefused(_("This run takes no draws; please say which text is better."))
    if choice == "both_bad" and not rules.offers_both_bad:
        raise errors.VoteRefused(
            _("This run does not take “both bad”; please say which text is better.")
        )
    side, degree = DEGREES.get(choice, (choice, ""))
    if degree and not rules.asks_degree:
        raise errors.VoteRefused(
            _("This run does not ask by how much a text is better; please say only which is.")
        )
    if side in Side.values and rules.asks_degree and not degree:
        raise errors.VoteRefused(_("Please say whether it is clearly or slightly better."))
    return side, degree


def _check_reasons(reasons: list[str], rules: RatingRules) -> None:
    if not reasons:
        return
    offered = {tag.slug for tag in rules.offered_reasons}
    for reason in reasons:
        if reason not in offered:
            raise errors.VoteRefused(
                _("This run does not offer the reason “%(reason)s”; please vote without it.")
                % {"reason": reason}
            )


def _read_marks(
    comparison: Comparison, rules: RatingRules, marks: Sequence[Mark]
) -> frozenset[tuple[str, int, int, int, str]]:
    """Check that every mark lies within a stored reply, and put it in terms of a and b."""
    if marks and not rules.offers_passages:
        raise errors.VoteRefused(_("This run takes no marked passages; please vote without them."))
    if len(marks) > MARKS_AT_MOST:
        raise errors.VoteRefused(
            _("A vote can carry %(n)s marked passages at most.") % {"n": MARKS_AT_MOST}
        )
    completions = {
        str(comparison.side_a): (Which.A.value, comparison.completion_a),
        _other(str(comparison.side_a)): (Which.B.value, comparison.completion_b),
    }
    read = set()
    for mark in marks:
        which, completion = completions.get(mark.side, ("", None))
        if completion is None or not _lies_within(mark, completion):
            raise errors.VoteRefused(
                _("A marked passage does not lie within the text; please mark it again.")
            )
        read.add((which, mark.turn, mark.start, mark.end, mark.tag))
    return frozenset(read)


def _lies_within(mark: Mark, completion: Completion) -> bool:
    if mark.tag not in PassageMark.Tag.values or not 1 <= mark.turn <= len(completion.replies):
        return False
    return 0 <= mark.start < mark.end <= len(completion.replies[mark.turn - 1])


def _other(side: str) -> str:
    return Side.RIGHT.value if side == Side.LEFT else Side.LEFT.value
