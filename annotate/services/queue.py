"""Put work into the queue, in the transaction that made it."""

import logging
from collections.abc import Mapping, Sequence

from django.db import InterfaceError, OperationalError, transaction
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued, JobAborted
from procrastinate.jobs import Job

from annotate.services.errors import (
    ExportInterrupted,
    GenerationInterrupted,
    TrainingInterrupted,
)

TRIES = 3
TRY_AGAIN_S = 5

# The queue's own name: these lines stand beside those that it writes of other jobs.
logger = logging.getLogger("procrastinate.jobs")


class AnotherTry(BaseRetryStrategy):
    """Try again what a machine broke off, and never what an engine refused."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Give the job of a worker that ends to the next one; try one that was killed 3 times."""
        if isinstance(exception, JobAborted):
            return RetryDecision()
        is_machine = isinstance(
            exception,
            GenerationInterrupted
            | TrainingInterrupted
            | ExportInterrupted
            | OperationalError
            | InterfaceError,
        )
        if is_machine and not self.is_last(job):
            return RetryDecision(retry_in={"seconds": TRY_AGAIN_S})
        return None

    def is_last(self, job: Job) -> bool:
        """Tell whether a job has been tried as often as it may be."""
        return job.attempts + 1 >= TRIES


def defer(task: str, *, queue: str, **arguments: int) -> None:
    """Queue a task of `annotate.tasks` by name; one with the same name and arguments runs once."""
    defer_each(task, queue=queue, arguments=[arguments])


def defer_each(task: str, *, queue: str, arguments: Sequence[Mapping[str, int]]) -> None:
    """Queue a task likewise, once for each of these arguments, in one statement."""
    jobs = [
        app.configure_task(
            f"annotate.tasks.{task}", queue=queue, lock=_lock(task, each)
        ).make_new_job(**each)
        for each in arguments
    ]
    if jobs:
        deferred = app.job_manager.batch_defer_jobs(jobs=jobs)
        contexts = [job.log_context() for job in deferred]
        logger.info("Deferred %d of %s", len(deferred), task, extra={"jobs": contexts})


def defer_once(task: str, *, queue: str, in_s: int = 0, **arguments: int) -> None:
    """Queue a task likewise, unless one with the same name and arguments waits to begin.

    Such a task does not retry by itself: its job would wait again, and another may in its place.

    Args:
        in_s: seconds before which it does not begin.
    """
    lock = _lock(task, arguments)
    if ProcrastinateJob.objects.filter(queueing_lock=lock, status="todo").exists():
        return
    configured = app.configure_task(
        f"annotate.tasks.{task}",
        queue=queue,
        lock=lock,
        queueing_lock=lock,
        schedule_in={"seconds": in_s} if in_s else None,
    )
    try:
        # A savepoint: two who come at once meet at a unique index, which would end the transaction.
        with transaction.atomic():
            configured.defer(**arguments)
    except AlreadyEnqueued:
        return


def _lock(task: str, arguments: Mapping[str, int]) -> str:
    return f"{task}:{sorted(arguments.items())}"
