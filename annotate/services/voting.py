"""Give a volunteer the next comparison, and keep the vote.

Whoever changes an annotator's comparisons holds the annotator first, then the run's ledger. So two
tabs, a double click and a late answer meet the same comparisons.
"""

import uuid
from typing import Unpack

import numpy as np
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.models import (
    Annotator,
    Comparison,
    RatingRules,
    Report,
    Round,
    SelectionRun,
    User,
    Vote,
)
from annotate.models.comparisons import Side, SkipReason
from annotate.models.votes import VoteQuerySet
from annotate.services import (
    ballots,
    drawing,
    errors,
    estimating,
    ledger,
    matches,
    pairing,
    turns,
    waiting,
)
from annotate.services.sitting import sit_down

CHOICES = ballots.CHOICES
Mark = ballots.Mark
Why = ballots.Why
outcome_of = ballots.outcome_of
REPORTS_AT_ONCE = 20


def lease_comparison(
    *, round_: Round, annotator: Annotator, rng: np.random.Generator | None = None
) -> Comparison:
    """Give the comparison that is before the annotator now, and lease it for `LEASE_S` seconds.

    It is the oldest that waits for their answer; where none does, the next is drawn. The first
    time, it is marked as shown.

    Raises:
        RoundClosed: the round is not open.
        NothingLeft: there is nothing to give; the subclass says why.
    """
    return _lease(round_, annotator, after=None, rng=rng)


def lease_ahead(
    *,
    round_: Round,
    annotator: Annotator,
    after: Comparison,
    rng: np.random.Generator | None = None,
) -> Comparison | None:
    """Give the comparison that comes after `after`, to be fetched ahead; None where none will.

    It is leased and not marked as shown: that happens when `after` is answered or skipped.
    """
    try:
        return _lease(round_, annotator, after=after, rng=rng)
    except (errors.NothingLeft, errors.RoundClosed):
        return None


def lease_practice(
    *, run: SelectionRun, annotator: Annotator, rng: np.random.Generator | None = None
) -> Comparison | None:
    """Give the annotator's next practice comparison of the run; None after the last.

    Raises:
        RoundClosed: the run has no round, or its newest has closed.
    """
    round_ = run.rounds.order_by("number").last()
    if round_ is None or round_.closed_at is not None:
        raise errors.RoundClosed(_("This round takes no votes."))
    with transaction.atomic():
        annotator = waiting.hold_annotator(annotator)
        rules = RatingRules.of(run)
        line = waiting.list_waiting(round_, annotator, rules, is_practice=True)
        if line:
            waiting.keep_lease(line[0], is_shown=True)
            return line[0]
        drawn = drawing.draw_practice(
            round_=round_, annotator=annotator, rules=rules, rng=rng or np.random.default_rng()
        )
        if drawn is not None:
            waiting.keep_drawn(drawn, is_shown=True)
    return drawn


def next_turn(comparison: Comparison) -> int:
    """Give the turn to be judged now, from 1; 0 where the conversation is judged as a whole.

    A conversation of one turn is always judged as a whole.
    """
    rules = turns.rules_of(comparison.round.run)
    if turns.last_turn(comparison, rules) == Vote.WHOLE_CONVERSATION:
        return Vote.WHOLE_CONVERSATION
    standing = comparison.votes.standing() if comparison.may_have_votes else ()
    return turns.turn_due(comparison, rules, standing)


def record_vote(
    *,
    token: uuid.UUID,
    annotator: Annotator,
    choice: str,
    turn: int = 0,
    **why: Unpack[Why],
) -> Vote:
    """Store what the annotator chose on screen; a repetition returns the vote that stands.

    A lease that has run out does not matter: the vote is there, and it counts. The comparison
    that was fetched ahead counts as shown from here on, since the browser shows it at once.

    A first vote that comes before both texts can have been read is refused; whoever judged the
    pair before has read them. What is measured is the time since the comparison was shown; of a
    later turn, since the turn before it was judged. A vote on one that was fetched ahead can
    arrive before the vote that would have marked it as shown: then it is the time since it was
    drawn, or since the annotator's last vote in the run if that is later. A browser that kept
    votes while it was offline sends them at once; whichever comes back as too fast counts when
    sent again after `seconds_left`.

    Raises:
        ComparisonUnknown: no such comparison was drawn for this annotator.
        RoundClosed: the round has closed, and no vote stands for the comparison.
        VoteRefused: the run does not ask what was answered; the text says what would be right.
        TooFast: both texts cannot have been read yet.
        ValueError: `choice` is not one of `CHOICES`.
    """
    with sit_down(annotator=annotator, token=token) as sitting:
        return sitting.record(token=token, choice=choice, turn=turn, **why)


def change_vote(
    *,
    token: uuid.UUID,
    annotator: Annotator,
    choice: str,
    turn: int = 0,
    **why: Unpack[Why],
) -> Vote:
    """Take back the vote that stands and cast another, while the round is open.

    A repetition returns the vote that stands, since it says the same already. No pace is asked:
    the texts were read before.

    Raises:
        ComparisonUnknown, RoundClosed, ValueError: as in `record_vote`.
        VoteRefused: as there, and where no vote stands that could be changed.
    """
    with transaction.atomic():
        annotator = waiting.hold_annotator(annotator)
        comparison = waiting.find_comparison(token, annotator)
        rules = _check_open(comparison)
        earlier = comparison.votes.standing().filter(turn=turn).first()
        if earlier is None:
            raise errors.VoteRefused(_("There is no vote here that could be changed."))
        ballot = ballots.read_ballot(comparison=comparison, rules=rules, choice=choice, **why)
        if ballot.says_the_same_as(earlier):
            return earlier
        _take_back(Vote.objects.filter(pk=earlier.pk), by_id=annotator.user_id)
        vote = ballot.cast(comparison=comparison, turn=turn, at=timezone.now())
        estimating.request_refresh(round_=comparison.round)
    return vote


def undo_vote(
    *, run: SelectionRun, annotator: Annotator, shown: str | None = None
) -> Comparison | None:
    """Take back the annotator's last vote or skip in the open round, and give its comparison.

    It is then the one before the annotator again, from its first turn on. None where there is
    nothing to take back. Practice stays, and so does what was reported.

    Args:
        shown: the token of the comparison that stood before the annotator when they asked, "" for
            none. So a wish that arrives twice takes back one vote, and not two. None: any.

    Raises:
        RoundClosed: no round of the run is open.
        NotShown: another comparison than `shown` stands before the annotator.
        VoteRefused: the comparison may not be shown again, such as one that was reported since.
    """
    with transaction.atomic():
        annotator = waiting.hold_annotator(annotator)
        ledger.hold_ledger(run_id=run.pk)
        round_ = run.rounds.open().first()
        if round_ is None:
            raise errors.RoundClosed(_("This round takes no votes."))
        rules = RatingRules.of(run)
        line = waiting.list_waiting(round_, annotator, rules)
        if shown is not None and shown != (str(line[0].token) if line else ""):
            raise errors.NotShown(
                _("Nothing more was taken back: this pair stood before you by then.")
            )
        comparison = waiting.find_last_judged(round_, annotator, rules)
        if comparison is None:
            return None
        if comparison.skipped_at is None:
            _take_back(comparison.votes.standing(), by_id=annotator.user_id)
            estimating.request_refresh(round_=round_)
        comparison.answered_at = comparison.skipped_at = None
        comparison.skip_reason = ""
        comparison.save(update_fields=["answered_at", "skipped_at", "skip_reason"])
        waiting.keep_lease(comparison, is_shown=True)
    return comparison


def skip_comparison(*, token: uuid.UUID, annotator: Annotator, reason: str) -> None:
    """Pass over a comparison for good, unless it is undone; a repetition changes nothing.

    Raises:
        ComparisonUnknown: no such comparison was drawn for this annotator.
        RoundClosed: the round has closed.
        VoteRefused: the comparison was judged.
        ValueError: `reason` is not one of `SkipReason`.
    """
    if reason not in SkipReason.values:
        raise ValueError(f"reason is {reason!r}; it must be one of {', '.join(SkipReason.values)}")
    with transaction.atomic():
        comparison = waiting.find_comparison(token, waiting.hold_annotator(annotator))
        if comparison.skipped_at is not None:
            return
        _check_open(comparison)
        if comparison.answered_at is not None:
            raise errors.VoteRefused(_("You have judged this pair already; undo takes that back."))
        _skip(comparison, reason)


def report_completion(
    *, token: uuid.UUID, annotator: Annotator, side: str, text: str = ""
) -> Report:
    """Hide a completion from everybody until an admin has looked; a repetition changes nothing.

    The comparison is taken from the annotator too, unless they have judged it.

    Raises:
        ComparisonUnknown: no such comparison was drawn for this annotator.
        VoteRefused: nobody has looked at `REPORTS_AT_ONCE` earlier ones of theirs yet.
        ValueError: `side` is neither left nor right.
    """
    if side not in Side.values:
        raise ValueError(f"side is {side!r}; it must be one of {', '.join(Side.values)}")
    with transaction.atomic():
        comparison = waiting.find_comparison(token, waiting.hold_annotator(annotator))
        _check_reports(comparison)
        is_a = side == comparison.side_a
        report, _created = Report.objects.get_or_create(
            comparison=comparison,
            completion=comparison.completion_a if is_a else comparison.completion_b,
            defaults={"text": text.strip()},
        )
        if comparison.answered_at is None and comparison.skipped_at is None:
            _skip(comparison, SkipReason.BROKEN_TEXT)
    return report


def _check_reports(comparison: Comparison) -> None:
    """Keep one person from hiding a whole run."""
    own = Report.objects.filter(comparison__annotator=comparison.annotator_id, looked_at=None)
    if own.exclude(comparison=comparison).count() >= REPORTS_AT_ONCE:
        raise errors.VoteRefused(
            _("You have reported many answers that nobody has looked at yet. Please skip this one.")
        )


def withdraw_vote(*, vote: Vote, by: User | None) -> Vote:
    """Take a vote back, and those on the other turns: the comparison waits for an answer again.

    They stay in the ledger, and no longer count from here on.
    """
    with transaction.atomic():
        waiting.hold_annotator(Annotator(pk=vote.comparison.annotator_id))
        vote = Vote.objects.select_related("comparison__round").get(pk=vote.pk)
        if vote.withdrawn_number is None:
            ledger.hold_ledger(run_id=vote.comparison.round.run_id)
            _take_back(vote.comparison.votes.standing(), by_id=by.pk if by else None)
            Comparison.objects.filter(pk=vote.comparison_id).update(answered_at=None)
            vote.refresh_from_db()
            estimating.request_refresh(round_=vote.comparison.round)
    return vote


def withdraw_all(*, annotator: Annotator, by: User | None) -> int:
    """Take back every vote that the annotator has standing in any run; give how many.

    Their comparisons do not come back to them, and neither do those that wait.
    """
    with transaction.atomic():
        annotator = waiting.hold_annotator(annotator)
        comparisons = Comparison.objects.filter(annotator=annotator)
        votes = Vote.objects.standing().filter(comparison__annotator=annotator)
        run_ids = sorted(set(votes.values_list("comparison__round__run", flat=True)))
        for run_id in run_ids:
            ledger.hold_ledger(run_id=run_id)
        n_votes = _take_back(votes, by_id=by.pk if by else None)
        comparisons.filter(skipped_at=None).update(answered_at=None, dropped_at=timezone.now())
        # In one order, for two who do this at once wait for each other's wishes.
        for round_ in Round.objects.open().filter(run__in=run_ids).order_by("id"):
            estimating.request_refresh(round_=round_)
    return n_votes


def _lease(
    round_: Round,
    annotator: Annotator,
    *,
    after: Comparison | None,
    rng: np.random.Generator | None,
) -> Comparison:
    """Give the oldest comparison that waits, other than `after`, or draw one."""
    if round_.run.state == SelectionRun.State.CLOSED:
        raise drawing.tell_end(round_.run)
    if not round_.is_open:
        raise errors.RoundClosed(_("This round takes no votes."))
    now = pairing.look_at(round_)
    with sit_down(annotator=annotator, now=now, rng=rng) as sitting:
        try:
            return sitting.give(after=after)
        except errors.NothingLeft as nothing:
            found = nothing
    raise found  # outside, so that what was dropped on the way stays so


def _check_open(comparison: Comparison) -> RatingRules:
    """Hold the ledger, and refuse an answer to a round that has closed; else give the run's rules.

    In this order, so that the ranking of a round that has closed misses no vote that was taken.
    """
    ledger.hold_ledger(run_id=comparison.round.run_id)
    if Round.objects.filter(pk=comparison.round_id, closed_at__isnull=False).exists():
        raise errors.RoundClosed(_("This round has closed, so the vote was not taken."))
    return turns.rules_of(comparison.round.run)


def _skip(comparison: Comparison, reason: str) -> None:
    comparison.skipped_at = timezone.now()
    comparison.skip_reason = reason
    comparison.save(update_fields=["skipped_at", "skip_reason"])
    waiting.show_next(comparison)
    matches.forget(comparison)


def _take_back(votes: VoteQuerySet, *, by_id: int | None) -> int:
    """Write that votes were withdrawn; the caller holds the ledger."""
    return votes.update(
        withdrawn_number=ledger.NEXT_NUMBER, withdrawn_at=timezone.now(), withdrawn_by=by_id
    )
