"""States of runs and rounds: the only place that changes them, and every change is in the log."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.models import Round, RunEvent, SelectionRun, User
from annotate.services import errors, queue
from annotate.services.changes import log_event

State = SelectionRun.State
Kind = RunEvent.Kind

TRANSITIONS: dict[str, set[str]] = {
    State.DRAFT: {State.GENERATING, State.VOTING},
    State.GENERATING: {State.VOTING, State.CLOSED},
    State.VOTING: {State.GENERATING, State.DECIDED, State.CLOSED},
    State.DECIDED: {State.GENERATING, State.VOTING, State.CLOSED},
    State.CLOSED: set(),
}
CANNOT_PAUSE = {State.DRAFT, State.CLOSED}


def lock_run(run: SelectionRun) -> None:
    """Read the run again and keep it from others; always before any of its rounds is locked."""
    run.refresh_from_db(from_queryset=SelectionRun.objects.select_for_update(no_key=True))


def move_run(*, run: SelectionRun, to: str, by: User | None = None) -> None:
    """Change the run's state: the only place that does. A run that closes closes its round.

    Raises:
        WrongState: the run cannot go there from where it is.
    """
    with transaction.atomic():
        lock_run(run)
        if run.state == to:
            return
        if to not in TRANSITIONS[run.state]:
            allowed = ", ".join(sorted(TRANSITIONS[run.state])) or "nowhere"
            message = f"run {run.slug} is {run.state} and cannot become {to}; it can go: {allowed}"
            raise errors.WrongState(message)
        _move(run, to, by)


def pause_run(*, run: SelectionRun, by: User | None = None) -> None:
    """Let nothing be made and no pair be drawn until it is resumed; again changes nothing.

    What stands before volunteers is judged still, and engines stop by themselves within a tick.

    Raises:
        WrongState: the run has not been launched, or is closed.
    """
    with transaction.atomic():
        lock_run(run)
        if run.state in CANNOT_PAUSE:
            message = _("Run %(run)s is in state “%(state)s”: there is nothing to pause.")
            raise errors.WrongState(message % _told(run))
        if run.paused_at is None:
            run.paused_at = timezone.now()
            run.save(update_fields=["paused_at"])
            log_event(run=run, kind=Kind.PAUSED, by=by)


def resume_run(*, run: SelectionRun, by: User | None = None) -> None:
    """Let a paused run go on where it was; again changes nothing.

    Raises:
        WrongState: the run is closed.
    """
    with transaction.atomic():
        lock_run(run)
        if run.state == State.CLOSED:
            message = _("Run %(run)s is in state “%(state)s” and cannot go on.")
            raise errors.WrongState(message % _told(run))
        if run.paused_at is not None:
            run.paused_at = None
            run.save(update_fields=["paused_at"])
            log_event(run=run, kind=Kind.RESUMED, by=by)
            # By a worker: what makes completions and judges pairs stands above this module.
            queue.defer_once("take_up_run", queue="default", run_id=run.pk)


def cancel_run(*, run: SelectionRun, by: User | None = None) -> None:
    """Give the run up, from any state: it is closed, decides nothing, and keeps what it has.

    Raises:
        WrongState: the run is closed already.
    """
    with transaction.atomic():
        lock_run(run)
        if run.state == State.CLOSED:
            message = _("Run %(run)s is in state “%(state)s” and cannot be cancelled.")
            raise errors.WrongState(message % _told(run))
        log_event(run=run, kind=Kind.CANCELLED, by=by)
        _move(run, State.CLOSED, by, cancelled_at=timezone.now())


def close_round(*, round_: Round, by: User | None = None) -> None:
    """Take no more votes in the round; a second call changes nothing."""
    now = timezone.now()
    with transaction.atomic():
        lock_run(round_.run)
        round_.refresh_from_db(from_queryset=Round.objects.select_for_update())
        if round_.closed_at is None:
            round_.opened_at = round_.opened_at or now
            round_.closed_at = now
            round_.save(update_fields=["opened_at", "closed_at"])
            log_event(run=round_.run, kind=Kind.ROUND_CLOSED, by=by, round=round_.number)
            if round_.trainings.filter(gate_alpha__isnull=False, gate_passed=None).exists():
                # By a worker, as above: it takes a look at the votes.
                queue.defer_once("settle_gates", queue="default", round_id=round_.pk)


def _move(run: SelectionRun, to: str, by: User | None, **fields: Any) -> None:
    """Write the state and what goes with it; the caller holds the run."""
    log_event(run=run, kind=Kind.STATE, by=by, **{"from": run.state, "to": to})
    run.state = to
    if to == State.CLOSED:
        run.paused_at = None
    for name, value in fields.items():
        setattr(run, name, value)
    run.save(update_fields=["state", "paused_at", *fields])
    if to == State.CLOSED:
        for round_ in run.rounds.filter(closed_at__isnull=True):
            close_round(round_=round_, by=by)


def _told(run: SelectionRun) -> dict[str, str]:
    return {"run": run.slug, "state": run.get_state_display()}
