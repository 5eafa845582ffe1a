"""Jobs in the queue as tests of operators want them."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone


def put_job(
    task: str = "refresh_estimate",
    *,
    queue: str = "default",
    status: str = "todo",
    waits_s: int = 0,
    due_in_s: int | None = None,
    lock: str | None = None,
    queueing_lock: str | None = None,
    arguments: str = '{"round_id": 1}',
) -> int:
    """Put a job into the queue that has waited for some seconds; give its number."""
    now = timezone.now()
    due = None if due_in_s is None else now + timedelta(seconds=due_in_s)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock,"
            " args, scheduled_at, attempts) VALUES (%s, %s, 0, %s, %s, %s, %s, 0) RETURNING id",
            [queue, f"annotate.tasks.{task}", lock, queueing_lock, arguments, due],
        )
        number = int(cursor.fetchone()[0])
        if status != "todo":
            cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [number])
        if status not in ("todo", "doing"):
            cursor.execute(
                "UPDATE procrastinate_jobs SET status = %s WHERE id = %s", [status, number]
            )
        cursor.execute(
            "UPDATE procrastinate_events SET at = %s WHERE job_id = %s",
            [now - timedelta(seconds=waits_s), number],
        )
    return number


def put_worker(*, heard_s: int = 0, job: int | None = None) -> int:
    """Have a worker that was heard so many seconds ago, and runs a job; give its number."""
    heard_at = timezone.now() - timedelta(seconds=heard_s)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (%s) RETURNING id",
            [heard_at],
        )
        number = int(cursor.fetchone()[0])
        if job is not None:
            cursor.execute(
                "UPDATE procrastinate_jobs SET worker_id = %s WHERE id = %s", [number, job]
            )
    return number
