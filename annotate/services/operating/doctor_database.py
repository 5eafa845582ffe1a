"""The doctor's look at database, clock and queue."""

from collections.abc import Iterator

from django.conf import settings
from django.db import connection
from django.db.utils import DatabaseError
from django.utils import timezone

from annotate.logs import without_secrets
from annotate.services.operating.database import (
    Database,
    DatabaseAway,
    list_unapplied,
    read_database,
)
from annotate.services.operating.findings import Finding, failure, gibibytes, ok, warning
from annotate.services.operating.queues import count_jobs, read_lags, read_workers

OLDEST_TESTED = 180_000
OLDEST_THAT_WORKS = 140_000  # of Django 5.2
# What must be on for a vote that was acknowledged to be on the disk.
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
CLOCK_WARNING_S, CLOCK_FAILURE_S = 1.0, 30.0


def examine_database() -> Iterator[Finding]:
    """Look whether it can be reached, its version, safety, migrations and connections."""
    try:
        database = read_database()
    except DatabaseAway as error:
        yield failure(
            "database",
            f"it cannot be reached: {_line(error)}",
            "start PostgreSQL, or set DATABASE_URL to one that runs; with none set, its log is"
            f" {settings.KURABE_HOME / 'postgres' / 'log'}",
        )
        return
    yield _say_version(database)
    yield from _examine_safety(database)
    yield _examine_migrations()
    yield _examine_connections(database)


def _say_version(database: Database) -> Finding:
    said = f"PostgreSQL {database.version}, {gibibytes(database.n_bytes)}"
    if database.version_number < OLDEST_THAT_WORKS:
        return failure("database", said, "the site needs PostgreSQL 14; it is tested with 18")
    if database.version_number < OLDEST_TESTED:
        return warning(
            "database", said, "the site is tested with PostgreSQL 18: upgrade when you can"
        )
    return ok("database", said)


def _examine_safety(database: Database) -> Iterator[Finding]:
    if database.is_replica:
        yield failure(
            "database writes",
            "it takes no writes: it is a replica, or is being recovered",
            "set DATABASE_URL to the primary",
        )
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(DURABLE)]
        )
        off = sorted(name for name, setting in cursor.fetchall() if setting == "off")
    if off:
        yield failure(
            "database writes",
            f"{', '.join(off)} is off: votes that were acknowledged can be lost",
            "switch it on in postgresql.conf, and reload",
        )
    else:
        yield ok("database writes", "what is acknowledged is on the disk")


def _examine_migrations() -> Finding:
    unapplied = list_unapplied()
    if unapplied:
        return failure(
            "migrations", f"{len(unapplied)} not applied, from {unapplied[0]} on",
            "back up, then: manage.py migrate",
        )  # fmt: skip
    return ok("migrations", "all applied")


def _examine_connections(database: Database) -> Finding:
    # Each thread of the web server keeps one; a worker one for each job, and two for its queue.
    wanted = settings.WEB_WORKERS * settings.WEB_THREADS + settings.WORKER_CONCURRENCY + 2
    said = (
        f"{database.n_connections} of {database.max_connections} in use; one server with its"
        f" worker takes up to {wanted}"
    )
    advice = "raise max_connections, lower WEB_WORKERS or WEB_THREADS, or put PgBouncer before it"
    if wanted > database.max_connections - 3:
        return failure("connections", said, advice)
    if database.n_connections > 0.8 * database.max_connections:
        return warning("connections", said, advice)
    return ok("connections", said)


def examine_clock() -> Iterator[Finding]:
    """Compare this machine's clock with the database's."""
    before = timezone.now()
    database = read_database()
    after = timezone.now()
    apart_s = abs((database.now - (before + (after - before) / 2)).total_seconds())
    said = f"{apart_s:.2f} s apart from the database's"
    advice = "let both machines take their time from one source (chrony, systemd-timesyncd)"
    if apart_s > CLOCK_FAILURE_S:
        yield failure("clock", said, advice)
    elif apart_s > CLOCK_WARNING_S:
        yield warning("clock", said, advice)
    else:
        yield ok("clock", said)


def examine_queue() -> Iterator[Finding]:
    """Look for workers, for jobs that wait too long, whose worker is gone, or that failed."""
    try:
        workers, lags, jobs = read_workers(), read_lags(), count_jobs()
    except DatabaseError as error:
        yield failure("queue", f"its tables cannot be read: {_line(error)}", "manage.py migrate")
        return
    alive = [worker for worker in workers if worker.is_alive]
    if alive:
        yield ok("workers", f"{len(alive)} heard within 45 s")
    else:
        last = workers[0].seen_at if workers else None
        yield failure(
            "workers",
            f"none is heard{f'; the last was at {last:%Y-%m-%d %H:%M:%S %Z}' if last else ''}",
            "start one: manage.py worker (make serve starts one with the site)",
        )
    for lag in lags:
        yield _say_lag(lag.queue, lag.seconds)
    stuck = [worker for worker in workers if not worker.is_alive and worker.jobs]
    if stuck:
        n_jobs = sum(len(worker.jobs) for worker in stuck)
        yield warning(
            "stuck jobs", f"{n_jobs} of workers that are not heard any more",
            "a worker for the queue default gives them to others within two minutes",
        )  # fmt: skip
    n_failed = sum(each.failed for each in jobs)
    if n_failed:
        worst = max(jobs, key=lambda each: each.failed)
        yield warning(
            "failed jobs", f"{n_failed}, most of them {worst.task}",
            "read why, and run them again, on the page /operations/",
        )  # fmt: skip
    else:
        yield ok("failed jobs", "none")


def _say_lag(queue: str, seconds: float) -> Finding:
    check, limit_s = f"queue {queue}", settings.READY_MAX_QUEUE_LAG_S or 300
    if seconds <= limit_s:
        return ok(
            check, f"a job that is due has waited for {seconds:.0f} s" if seconds else "none waits"
        )
    said = f"a job that is due has waited for {seconds:.0f} s"
    if queue == "gpu":
        return warning(check, said, "more GPU workers take more at once; docs/scaling.md")
    return warning(check, said, f"start a worker: manage.py worker --queues {queue}")


def _line(error: Exception) -> str:
    return without_secrets(" ".join(str(error).split()))
