"""What an annotator does at one moment: a vote, and what stands before them after it.

It is one transaction. The annotator is held first, then the run's ledger; then their line is read,
once, with all that a vote and the next pair have to know of it.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import Unpack

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.models import Annotator, Comparison, RatingRules, Round, Vote
from annotate.models.comparisons import Purpose
from annotate.services import ballots, drawing, errors, estimating, matches, turns, waiting
from annotate.services.joined import ask
from annotate.services.pairing import RoundNow
from annotate.services.progress import note_judged

# The vote, the end of its comparison, and the next one, which the browser shows at once.
_WRITE = """
WITH vote AS (
  INSERT INTO annotate_vote
    (comparison_id, turn, outcome, degree, reasons_a, reasons_b, comment, created_at)
  VALUES (%(comparison)s, %(turn)s, %(outcome)s, %(degree)s, %(reasons_a)s::varchar[],
    %(reasons_b)s::varchar[], %(comment)s, %(at)s)
  RETURNING id
),
answered AS (
  UPDATE annotate_comparison SET answered_at = %(at)s, dropped_at = NULL
  WHERE id = %(answered)s
),
shown AS (
  UPDATE annotate_comparison SET shown_at = %(at)s, lease_expires_at = %(leased_until)s
  WHERE id = %(shown)s AND shown_at IS NULL
)
SELECT id FROM vote"""


@contextmanager
def sit_down(
    *,
    annotator: Annotator,
    now: RoundNow | None = None,
    token: uuid.UUID | None = None,
    rng: np.random.Generator | None = None,
) -> Iterator["Sitting"]:
    """Hold the annotator until the block ends.

    Args:
        now: the round in which they are given comparisons; None where they are given none.
        token: of the comparison that they vote on; None where they vote on none.
        rng: what pairs are drawn by; one of its own where None.
    """
    with transaction.atomic():
        held = waiting.hold_annotator(annotator, votes_on=token)
        if now is None:
            line = waiting.read_line(held, token=token)
        else:
            line = waiting.read_line(held, token=token, round_=now.round, rules=now.rules)
        yield Sitting(held, line, now, rng or np.random.default_rng())


class Sitting:
    """An annotator who is held, and the comparisons that wait for their answer."""

    def __init__(
        self,
        annotator: Annotator,
        line: waiting.Line,
        now: RoundNow | None,
        rng: np.random.Generator,
    ) -> None:
        self.annotator = annotator
        self._line = line
        self._now = now
        self._rng = rng
        self.n_judged = 0
        """Comparisons that were judged to the end meanwhile, practice left out."""

    def record(
        self, *, token: uuid.UUID, choice: str, turn: int = 0, **why: Unpack[ballots.Why]
    ) -> Vote:
        """Store what was chosen; see `voting.record_vote`."""
        place = self._line.find(token)
        if place is None:
            raise errors.ComparisonUnknown(_("This comparison was not drawn for you."))
        comparison = place.comparison
        comparison.annotator = self.annotator
        votes = list(comparison.votes.order_by("id")) if comparison.may_have_votes else []
        standing = [vote for vote in votes if vote.withdrawn_number is None]
        for vote in standing:
            if vote.turn == turn:
                return vote
        if place.is_closed:
            raise errors.RoundClosed(_("This round has closed, so the vote was not taken."))
        rules = self._find_rules(comparison)
        _check_consent(comparison, self.annotator)
        turns.check_turn(comparison, rules, turn, standing)
        ballot = ballots.read_ballot(comparison=comparison, rules=rules, choice=choice, **why)
        if all(vote.turn != turn for vote in votes):
            turns.check_pace(comparison, self.annotator, rules, turn, votes)
        vote = ballot.as_vote(comparison=comparison, turn=turn, at=timezone.now())
        self._write(vote, is_last=turn == turns.last_turn(comparison, rules))
        ballot.mark(vote)
        now = self._now if self._now and self._now.round == comparison.round else None
        estimating.note_vote(vote=vote, round_=comparison.round, now=now)
        return vote

    def give(self, *, after: Comparison | None = None) -> Comparison:
        """Give the oldest comparison that waits, other than `after`, or draw one, and lease it.

        It is marked as shown, the first time, unless it is to come after another.

        Raises:
            NothingLeft: there is nothing to give; the subclass says why.
        """
        now = self._now
        assert now is not None
        line = self._waiting
        others = [comparison for comparison in line if comparison != after]
        waiting.check_daily_limit(
            now.round,
            self.annotator,
            now.rules,
            n_before=len(line) - len(others),
            n_judged=self._line.n_judged,
        )
        if others:
            waiting.keep_lease(others[0], is_shown=after is None)
            return others[0]
        while True:
            drawn = drawing.draw_comparison(now=now, annotator=self.annotator, rng=self._rng)
            if waiting.keep_drawn(drawn, is_shown=after is None):
                line.append(drawn)
                return drawn
            # Others have been given it since, as many as may be: another is drawn.
            matches.forget(drawn)

    @cached_property
    def _waiting(self) -> list[Comparison]:
        """List what waits in the round, oldest first, without what may not be shown any more."""
        assert self._now is not None
        round_, rules = self._now.round, self._now.rules
        if self._line.round_id != round_.pk:  # the vote was on one of another round
            self._line = waiting.read_line(self.annotator, round_=round_, rules=rules)
        return waiting.keep_fit(self._line, round_, self.annotator, rules)

    def _find_rules(self, comparison: Comparison) -> RatingRules:
        now = self._now
        if now is not None and comparison.round_id == now.round.pk:
            comparison.round = now.round
        else:
            rounds = Round.objects.select_related("run__stored_rules")
            comparison.round = rounds.get(pk=comparison.round_id)
        return turns.rules_of(comparison.round.run)

    def _write(self, vote: Vote, *, is_last: bool) -> None:
        """Write a vote; one on the last turn ends its comparison, and the next one is shown."""
        comparison = vote.comparison
        following = self._line.next_after(comparison) if is_last else None
        leased_until = vote.created_at + timedelta(seconds=settings.LEASE_S)
        written = {
            "comparison": comparison.pk,
            "turn": vote.turn,
            "outcome": vote.outcome,
            "degree": vote.degree,
            "reasons_a": vote.reasons_a,
            "reasons_b": vote.reasons_b,
            "comment": vote.comment,
            "at": vote.created_at,
            "answered": comparison.pk if is_last else None,
            "shown": following and following.pk,
            "leased_until": leased_until,
        }
        vote.pk = ask(_WRITE, written)[0][0]
        vote._state.adding = False
        comparison.may_have_votes = True
        if is_last:
            self._end(comparison, following, vote.created_at, leased_until)

    def _end(
        self,
        comparison: Comparison,
        following: Comparison | None,
        at: datetime,
        leased_until: datetime,
    ) -> None:
        comparison.answered_at, comparison.dropped_at = at, None
        self._line.leave(comparison)
        if comparison.purpose != Purpose.PRACTICE:
            self.n_judged += 1
            if self.annotator.kind != Annotator.Kind.JUDGE:
                note_judged(comparison.round)
        if following is not None and following.shown_at is None:
            following.shown_at, following.lease_expires_at = at, leased_until


def _check_consent(comparison: Comparison, annotator: Annotator) -> None:
    """Refuse a vote that was under way while its annotator took all votes back.

    Every comparison was dropped then, so the others need not be asked about.
    """
    if comparison.dropped_at is None:
        return
    consents = annotator.consents.values_list("withdrawn_at", flat=True)
    if consents and None not in consents:
        raise errors.VoteRefused(_("You took your consent back, so the vote was not taken."))
