"""States of trainings: the only place that changes them, and every change is in the run's log."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, Exists, OuterRef, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.models import RunEvent, TrainingRun, User
from annotate.services import errors
from annotate.services.changes import log_event
from annotate.services.queue import defer

State = TrainingRun.State
Wish = TrainingRun.Wish
TASK = "train"

TRANSITIONS: dict[str, set[str]] = {
    State.QUEUED: {State.RUNNING, State.STOPPED, State.FAILED},
    # Again running: by another process, where the first was killed.
    State.RUNNING: {State.RUNNING, State.QUEUED, State.FINISHED, State.STOPPED, State.FAILED},
    State.STOPPED: {State.QUEUED},
    State.FAILED: {State.QUEUED},
    State.FINISHED: set(),
}
# After so long a training that nobody speaks of has lost its worker.
LOST_AFTER = timedelta(minutes=2)
MAX_FAILURE = 1_000


def move_training(
    *,
    training_run: TrainingRun,
    to: str,
    by: User | None = None,
    of_attempt: int | None = None,
    failure: str = "",
) -> bool:
    """Change the state of a training: the only place that does.

    Args:
        of_attempt: who changes it; where another process has taken it over, nothing does.

    Returns:
        Whether it changed.

    Raises:
        WrongState: it cannot go there from where it is.
    """
    with transaction.atomic():
        _hold(training_run)
        if of_attempt is not None and training_run.attempt != of_attempt:
            return False
        before = training_run.state
        if to not in TRANSITIONS[before]:
            message = _("This training is in state “%(state)s”.")
            raise errors.WrongState(message % {"state": training_run.get_state_display()})
        _write(training_run, to, failure)
        if to != before:
            _log(training_run, by, **{"from": before, "to": to}, failure=training_run.failure)
    return True


def begin_attempt(*, training_run: TrainingRun) -> bool:
    """Take the training for this process, from whoever had it; say whether there is work."""
    with transaction.atomic():
        _hold(training_run)
        if training_run.is_over:
            return False
        if training_run.wish == Wish.STOP:
            move_training(training_run=training_run, to=State.STOPPED)
            return False
        training_run.attempt += 1
        training_run.seen_at = timezone.now()
        training_run.save(update_fields=["attempt", "seen_at"])
        return move_training(training_run=training_run, to=State.RUNNING)


def stop_training(*, training_run: TrainingRun, by: User | None = None) -> None:
    """Have the training stop after its next step, with a checkpoint from which it can go on.

    One that has not begun is stopped at once.

    Raises:
        WrongState: it is over.
    """
    with transaction.atomic():
        _hold(training_run)
        _refuse_over(training_run)
        if training_run.state == State.QUEUED:
            move_training(training_run=training_run, to=State.STOPPED, by=by)
        elif training_run.wish != Wish.STOP:
            _wish(training_run, Wish.STOP, by)


def keep_training(*, training_run: TrainingRun, by: User | None = None) -> None:
    """Have the training end after its next step: the weights as they are become the candidate.

    Raises:
        WrongState: it is over, or has not begun.
    """
    with transaction.atomic():
        _hold(training_run)
        _refuse_over(training_run)
        if training_run.state == State.QUEUED:
            raise errors.WrongState(_("This training has not begun: there are no weights to keep."))
        if training_run.wish != Wish.KEEP:
            _wish(training_run, Wish.KEEP, by)


def resume_training(*, training_run: TrainingRun, by: User | None = None) -> None:
    """Let a training that was stopped, or has failed, go on from its last checkpoint.

    Raises:
        WrongState: it is neither.
    """
    with transaction.atomic():
        _hold(training_run)
        if not training_run.may_resume:
            message = _("This training is in state “%(state)s”: it was neither stopped nor failed.")
            raise errors.WrongState(message % {"state": training_run.get_state_display()})
        move_training(training_run=training_run, to=State.QUEUED, by=by)
        defer(TASK, queue="gpu", training_run_id=training_run.pk)


def fail_lost() -> int:
    """Say of trainings whose worker is gone for good that they failed; say how many there were.

    One that a command runs has no job, and says all the time that it is there.
    """
    of_training = ProcrastinateJob.objects.filter(
        task_name=f"annotate.tasks.{TASK}", status__in=("todo", "doing")
    ).alias(training=Cast(KT("args__training_run_id"), BigIntegerField()))
    lost = TrainingRun.objects.alias(heard=Coalesce("seen_at", "created_at")).filter(
        ~Exists(of_training.filter(training=OuterRef("pk"))),
        Q(state=State.RUNNING) | Q(state=State.QUEUED),
        heard__lt=timezone.now() - LOST_AFTER,
    )
    n_failed = 0
    for training_run in lost:
        failure = "its job ended without a word; the worker's own log says why"
        n_failed += move_training(
            training_run=training_run,
            to=State.FAILED,
            of_attempt=training_run.attempt,
            failure=failure,
        )
    return n_failed


def _hold(training_run: TrainingRun) -> None:
    """Read the training again, and let nobody else change it until the transaction ends."""
    locked = TrainingRun.objects.select_for_update(no_key=True, of=("self",))
    training_run.refresh_from_db(from_queryset=locked)


def _refuse_over(training_run: TrainingRun) -> None:
    if training_run.is_over:
        message = _("This training is in state “%(state)s”: there is nothing to stop.")
        raise errors.WrongState(message % {"state": training_run.get_state_display()})


def _write(training_run: TrainingRun, to: str, failure: str) -> None:
    now = timezone.now()
    training_run.state = to
    training_run.failure = failure[:MAX_FAILURE]
    if to == State.QUEUED:
        training_run.finished_at = None
        training_run.seen_at = now
    elif to == State.RUNNING:
        training_run.started_at = now
    else:
        training_run.finished_at = now
    if to != State.RUNNING:
        training_run.wish = ""
    training_run.save(
        update_fields=["state", "failure", "started_at", "finished_at", "seen_at", "wish"]
    )


def _wish(training_run: TrainingRun, wish: str, by: User | None) -> None:
    training_run.wish = wish
    training_run.save(update_fields=["wish"])
    _log(training_run, by, wish=wish)


def _log(training_run: TrainingRun, by: User | None, **detail: Any) -> None:
    told = {"training": training_run.pk, "candidate": training_run.child_name, **detail}
    log_event(run=training_run.base.run, kind=RunEvent.Kind.TRAINING, by=by, **told)
