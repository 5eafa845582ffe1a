"""Which turn of a comparison is to be judged, and whether it can have been read by now."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotate.models import Annotator, Comparison, RatingRules, SelectionRun, Vote
from annotate.models.comparisons import Purpose
from annotate.services import errors


def rules_of(run: SelectionRun) -> RatingRules:
    """Give the run's rules as they were read with it."""
    return getattr(run, "stored_rules", None) or RatingRules(run=run)


def last_turn(comparison: Comparison, rules: RatingRules) -> int:
    """Give the turn whose vote completes the comparison: 0 where it is judged as a whole."""
    n_turns = len(comparison.prompt.turns)
    return n_turns if rules.judges_each_turn and n_turns > 1 else Vote.WHOLE_CONVERSATION


def turn_due(comparison: Comparison, rules: RatingRules, standing: Iterable[Vote]) -> int:
    """Give the first turn without a vote among `standing`, or the last; 0 for the whole."""
    last = last_turn(comparison, rules)
    judged = {vote.turn for vote in standing}
    return next((turn for turn in range(1, last) if turn not in judged), last)


def check_turn(
    comparison: Comparison, rules: RatingRules, turn: int, standing: Sequence[Vote]
) -> None:
    """Refuse a vote on a comparison that does not wait for it, or on a turn out of order."""
    if comparison.skipped_at is not None:
        raise errors.VoteRefused(_("You skipped this pair; undo brings it back."))
    if comparison.answered_at is not None:
        raise errors.VoteRefused(_("You have judged this pair already; undo takes that back."))
    due = turn_due(comparison, rules, standing)
    if turn == due:
        return
    if due == Vote.WHOLE_CONVERSATION:
        raise errors.VoteRefused(
            _("This conversation is judged as a whole. Please load the page again.")
        )
    raise errors.VoteRefused(_("Turn %(turn)s is to be judged first.") % {"turn": due})


def check_pace(
    comparison: Comparison,
    annotator: Annotator,
    rules: RatingRules,
    turn: int,
    earlier: Sequence[Vote],
) -> None:
    """Refuse a person's vote that came too fast; see `record_vote` for what is measured."""
    is_person = annotator.kind == Annotator.Kind.PERSON
    if (
        rules.max_characters_per_s is None
        or not is_person
        or comparison.purpose == Purpose.PRACTICE
    ):
        return
    since = comparison.shown_at or _shown_at_earliest(comparison)
    if turn > 1:
        since = max(since, *(vote.created_at for vote in earlier))
    _refuse_haste(comparison=comparison, rules=rules, turn=turn, since=since, now=timezone.now())


def _refuse_haste(
    *, comparison: Comparison, rules: RatingRules, turn: int, since: datetime, now: datetime
) -> None:
    """Refuse a vote that came sooner than the run's reading speed allows.

    What has to be read is both replies in whole, or those of `turn` where turns are judged apart.

    Raises:
        TooFast: with the seconds that are left.
    """
    if rules.max_characters_per_s is None:
        return
    n_characters = sum(
        len(text)
        for completion in (comparison.completion_a, comparison.completion_b)
        for number, text in enumerate(completion.replies, start=1)
        if turn in (Vote.WHOLE_CONVERSATION, number)
    )
    needed_s = n_characters / rules.max_characters_per_s
    read_s = (now - since).total_seconds()
    if read_s < 0:
        return  # the clock was set back since: nobody can say how long it was
    seconds_left = math.ceil(needed_s - read_s)
    if seconds_left > 0:
        raise errors.TooFast(
            ngettext(
                "That was too fast to have read both texts. Please take %(n)s second more.",
                "That was too fast to have read both texts. Please take %(n)s seconds more.",
                seconds_left,
            )
            % {"n": seconds_left},
            seconds_left=seconds_left,
        )


def _shown_at_earliest(comparison: Comparison) -> datetime:
    """Give the earliest moment at which a comparison not marked as shown can have been."""
    votes = Vote.objects.filter(
        comparison__annotator=comparison.annotator_id,
        comparison__round__run=comparison.round.run_id,
    )
    last_vote_at: datetime | None = votes.aggregate(last=Max("created_at"))["last"]
    return max(comparison.created_at, last_vote_at or comparison.created_at)
