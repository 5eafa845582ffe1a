"""What waits in the queues, for how long, and who works it off."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from annotate.services.operating.failures import failure_of

# A worker says every ten seconds that it is there.
SEEN_WITHIN = timedelta(seconds=45)
TASKS = "annotate.tasks."
# For how long jobs stay that are over: those that failed wait longer, for somebody to look.
SUCCEEDED_KEPT, FAILED_KEPT = timedelta(days=7), timedelta(days=90)
FORGOTTEN_AT_ONCE = 10_000


@dataclass(frozen=True)
class TaskJobs:
    """How many jobs of one task wait, run and have failed."""

    task: str
    queue: str
    waiting: int
    running: int
    failed: int


@dataclass(frozen=True)
class Lag:
    """How long the oldest job of a queue has been due, in seconds; 0 where none waits."""

    queue: str
    seconds: float


@dataclass(frozen=True)
class Worker:
    """A worker by the number that the queue gave it, with what it runs."""

    number: int
    seen_at: datetime
    is_alive: bool
    jobs: tuple[str, ...]


@dataclass(frozen=True)
class FailedJob:
    """A job that failed for good, with what it said."""

    number: int
    task: str
    queue: str
    arguments: dict[str, int]
    attempts: int
    failed_at: datetime | None
    failure: str


def count_jobs() -> list[TaskJobs]:
    """Count the jobs that wait, run and failed, by task."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT task_name, queue_name, count(*) FILTER (WHERE status = 'todo'),"
            " count(*) FILTER (WHERE status = 'doing'), count(*) FILTER (WHERE status = 'failed')"
            " FROM procrastinate_jobs WHERE status IN ('todo', 'doing', 'failed')"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        )
        rows = cursor.fetchall()
    return [TaskJobs(task.removeprefix(TASKS), *counts) for task, *counts in rows]


def read_lags() -> list[Lag]:
    """Say of each queue how long its oldest job that is due has waited.

    A job waits since it was queued, was put back, or became due, whichever was last; one that
    waits for another with the same lock is under way. The first hundred of a queue are looked at.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT queue.queue_name, extract(epoch FROM clock_timestamp() - min(due.since))"
            " FROM (SELECT DISTINCT queue_name FROM procrastinate_jobs"
            "  WHERE status = 'todo') queue,"
            " LATERAL (SELECT greatest(job.scheduled_at, (SELECT max(at)"
            "    FROM procrastinate_events WHERE job_id = job.id"
            "    AND type IN ('deferred', 'deferred_for_retry'))) AS since"
            "  FROM procrastinate_jobs job"
            "  WHERE job.status = 'todo' AND job.queue_name = queue.queue_name"
            "  AND (job.scheduled_at IS NULL OR job.scheduled_at <= clock_timestamp())"
            "  AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs other"
            "    WHERE other.status = 'doing' AND other.lock = job.lock)"
            "  ORDER BY job.id LIMIT 100) due"
            " GROUP BY 1"
        )
        waited = {queue: max(0.0, float(seconds)) for queue, seconds in cursor.fetchall()}
    return [Lag(queue, waited.get(queue, 0.0)) for queue in sorted({"default", "gpu", *waited})]


def read_workers() -> list[Worker]:
    """List the workers that the queue knows, those that were just heard first."""
    now = timezone.now()
    running: dict[int, list[str]] = {}
    jobs = ProcrastinateJob.objects.filter(status="doing", worker__isnull=False).order_by("id")
    for worker, task in jobs.values_list("worker_id", "task_name"):
        running.setdefault(worker, []).append(task.removeprefix(TASKS))
    workers = ProcrastinateWorker.objects.order_by("-last_heartbeat", "id")
    return [
        Worker(
            number=worker.pk,
            seen_at=worker.last_heartbeat,
            is_alive=now - worker.last_heartbeat <= SEEN_WITHIN,
            jobs=tuple(running.get(worker.pk, ())),
        )
        for worker in workers
    ]


def list_failed_jobs(*, at_most: int) -> list[FailedJob]:
    """List the jobs that failed for good, the newest first."""
    failed = ProcrastinateJob.objects.filter(status="failed").order_by("-id")[:at_most]
    ended = _ends_of([job.pk for job in failed])
    return [
        FailedJob(
            number=job.pk,
            task=job.task_name.removeprefix(TASKS),
            queue=job.queue_name,
            arguments=job.args,
            attempts=job.attempts,
            failed_at=ended.get(job.pk),
            failure=failure_of(job.pk),
        )
        for job in failed
    ]


def forget_old_jobs(*, at_once: int = FORGOTTEN_AT_ONCE) -> int:
    """Remove jobs that were over long ago, a batch at a time, and say how many there were.

    About every tenth vote makes a job, in large rounds fewer: without this their table would grow
    with the votes.
    """
    kinds = (("{succeeded}", SUCCEEDED_KEPT), ("{failed,aborted,cancelled}", FAILED_KEPT))
    n_forgotten = 0
    for statuses, kept in kinds:
        n_batch = at_once
        while n_batch == at_once:
            with connection.cursor() as cursor:
                cursor.execute(
                    "DELETE FROM procrastinate_jobs WHERE id IN (SELECT job.id"
                    " FROM procrastinate_jobs job"
                    " WHERE job.status = ANY(%s::procrastinate_job_status[]) AND NOT EXISTS ("
                    "  SELECT 1 FROM procrastinate_events"
                    "  WHERE job_id = job.id AND at > now() - make_interval(secs => %s))"
                    " ORDER BY job.id LIMIT %s)",
                    [statuses, kept.total_seconds(), at_once],
                )
                n_batch = cursor.rowcount
            n_forgotten += n_batch
    return n_forgotten


def _ends_of(numbers: list[int]) -> dict[int, datetime]:
    """Give when each of these jobs failed last."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT job_id, max(at) FROM procrastinate_events"
            " WHERE job_id = ANY(%s) AND type = 'failed' GROUP BY 1",
            [numbers],
        )
        return dict(cursor.fetchall())
