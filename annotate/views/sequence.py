"""Which step of rating stands before an annotator, and which one follows it.

A step is a comparison, or one turn of it where the run judges each turn apart. A browser is given
the step after the one it shows, so that a vote costs no wait.
"""

import uuid
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.translation import gettext as _

from annotate.models import Comparison, SelectionRun
from annotate.services import drawing, errors, voting
from annotate.services.pairing import RoundNow
from annotate.services.sitting import Sitting
from annotate.views.counts import is_finished


@dataclass(frozen=True)
class Step:
    """A comparison, and the turn of it that is to be judged; 0 is all of it."""

    comparison: Comparison
    turn: int


@dataclass(frozen=True)
class Shown:
    """What a browser says that it shows: it needs what comes after that."""

    token: uuid.UUID
    turn: int


def shown_by(request: HttpRequest) -> Shown | None:
    """Read `?shown=TOKEN&turn=N`, None where the address does not say it."""
    try:
        return Shown(uuid.UUID(request.GET.get("shown", "")), int(request.GET.get("turn") or 0))
    except ValueError:
        return None


def current_step(sitting: Sitting) -> Step:
    """Give what the annotator is to judge now.

    Raises:
        NothingLeft: there is nothing to judge; the subclass says why.
    """
    comparison = sitting.give()
    return Step(comparison, voting.next_turn(comparison))


def step_after(shown: Shown | None, sitting: Sitting) -> Step | None:
    """Give the step after the one that a browser shows, None where that is the last for now.

    Where it shows another one than is to be judged now, such as a pair that was judged in a second
    window, that comes next.

    Raises:
        NothingLeft: as `current_step`.
    """
    step = current_step(sitting)
    comparison = step.comparison
    if shown != Shown(comparison.token, step.turn):
        return step
    if step.turn and step.turn < len(comparison.prompt.turns):
        return Step(comparison, step.turn + 1)
    try:
        following = sitting.give(after=comparison)
    except errors.NothingLeft:
        return None
    return Step(following, voting.next_turn(following))


def open_round(run: SelectionRun, now: RoundNow | None) -> RoundNow:
    """Give the run's open round.

    Raises:
        RoundClosed: no round of the run is open at the moment.
        NothingLeft: none is, since the run has ended or is paused.
    """
    if is_finished(run):
        raise drawing.tell_end(run)
    if now is not None:
        return now
    if run.paused_at is not None:
        raise drawing.tell_pause()
    raise errors.RoundClosed(_("This run takes no votes at the moment."))
