"""Practice: comparisons whose answer is explained, before the first vote that counts."""

import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from annotate.models import Annotator, Comparison, Participation, RatingRules, SelectionRun, Vote
from annotate.models.comparisons import ComparisonQuerySet, Purpose
from annotate.services import drawing, voting, waiting


@dataclass(frozen=True)
class Practice:
    """How far an annotator has come: `waiting` is to be answered next, None after the last.

    `total` is the comparisons there are to answer. `needed` of the answers must be right, which
    is never more than there are to give.
    """

    waiting: Comparison | None
    total: int
    answered: int
    right: int
    needed: int

    @property
    def is_over(self) -> bool:
        """Tell whether nothing is left to answer."""
        return self.waiting is None

    @property
    def is_passed(self) -> bool:
        """Tell whether the annotator may go on; where there is nothing to practise on, at once."""
        return self.is_over and self.right >= self.needed


def practise(*, run: SelectionRun, annotator: Annotator) -> Practice:
    """Give what comes next in practice; after the last answer, keep that it was passed.

    Raises:
        RoundClosed: the run takes no votes.
    """
    waiting = voting.lease_practice(run=run, annotator=annotator)
    answered = list(_answered(run, annotator))
    right = sum(is_right(comparison) for comparison in answered)
    rules = RatingRules.of(run)
    there_are = drawing.list_practice(run=run, annotator=annotator, rules=rules).count()
    # What was answered stays so when a pair is retired; what was taken back is not drawn again.
    total = len(answered) if waiting is None else max(there_are, len(answered) + 1)
    needed = min(rules.practice_needed, total)
    practice = Practice(waiting, total, len(answered), right, needed)
    if practice.is_passed:
        Participation.objects.filter(run=run, annotator=annotator, practised_at=None).update(
            practised_at=timezone.now()
        )
    return practice


def is_right(comparison: Comparison) -> bool:
    """Tell whether every standing vote on a practice comparison found the known answer."""
    assert comparison.gold is not None
    outcomes = {vote.outcome for vote in comparison.votes.all() if vote.withdrawn_number is None}
    return outcomes == {comparison.gold.outcome}


def find_answered(
    *, run: SelectionRun, annotator: Annotator, token: uuid.UUID
) -> Comparison | None:
    """Give an answered practice comparison of the annotator, to be explained."""
    return _answered(run, annotator).filter(token=token).first()


def start_again(*, run: SelectionRun, annotator: Annotator) -> None:
    """Take every practice answer back, so that the same comparisons come again.

    Nothing happens to somebody who has passed.
    """
    with transaction.atomic():
        # Two tabs may ask at once; the second then finds nothing to take back.
        annotator = waiting.hold_annotator(annotator)
        if not annotator.participations.filter(run=run, practised_at=None).exists():
            return
        votes = Vote.objects.standing().filter(comparison__in=_answered(run, annotator))
        for vote in votes.order_by("id"):
            voting.withdraw_vote(vote=vote, by=annotator.user)


def _answered(run: SelectionRun, annotator: Annotator) -> ComparisonQuerySet:
    return (
        Comparison.objects.filter(
            round__run=run,
            annotator=annotator,
            purpose=Purpose.PRACTICE,
            answered_at__isnull=False,
        )
        .select_related("gold", "prompt", "completion_a", "completion_b", "round__run")
        .prefetch_related("votes")
        .order_by("answered_at")
    )
