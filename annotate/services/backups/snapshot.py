"""One state of the database that several programs read, while others go on writing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.utils import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

from annotate.models import SelectionRun
from annotate.services.ledger import LOCK_CLASS, next_number

# How long volunteers wait with us, in all, where votes are being imported into some runs.
WAIT_MS = 1_000


@dataclass(frozen=True)
class Snapshot:
    """What was committed at one moment.

    Attributes:
        name: by which PostgreSQL lets others read the same.
        made_at: ISO 8601, UTC, by the database's clock.
        ledger: every vote below this number is in it, and none above; None: there is no ledger yet.
        busy_runs: the slugs of runs for whose votes that cannot be said: they were being imported.
    """

    name: str
    cursor: CursorWrapper
    made_at: str
    ledger: int | None
    busy_runs: list[str]


@contextmanager
def hold_snapshot() -> Iterator[Snapshot]:
    """Keep a snapshot of the database that stands at a cut-off of the ledger.

    As for a cut-off, no vote is under way in the moment in which the snapshot is taken: so it holds
    exactly the votes, withdrawals and exclusions below a number. Whoever imports holds a run's
    ledger for long, and is not waited for; their rows are not in the snapshot.
    """
    reader = connection.copy()
    try:
        with reader.cursor() as cursor:
            # Whatever the server does to sessions that seem to idle.
            cursor.execute("SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0")
            with transaction.atomic():
                is_there = _has_ledger()
                busy = _hold_ledgers() if is_there else []
                ledger = next_number() if is_there else None
                cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute("SELECT pg_export_snapshot(), now() AT TIME ZONE 'UTC'")
                name, now = cursor.fetchone()
            made_at = f"{now.isoformat(timespec='seconds')}Z"
            yield Snapshot(name=name, cursor=cursor, made_at=made_at, ledger=ledger, busy_runs=busy)
    finally:
        reader.close()


def _has_ledger() -> bool:
    """Tell whether the tables of votes are there: a backup of an empty database is one too."""
    tables = connection.introspection.table_names()
    return {"annotate_vote", "annotate_selectionrun"} <= set(tables)


def _hold_ledgers() -> list[str]:
    """Hold, until the transaction ends, the ledger of each run that takes votes.

    Returns the slugs of those that could not be had.
    """
    busy = []
    closed = SelectionRun.State.CLOSED
    runs = SelectionRun.objects.exclude(state=closed).order_by("pk").values_list("pk", "slug")
    deadline = time.monotonic() + WAIT_MS / 1_000
    with connection.cursor() as cursor:
        for pk, slug in list(runs):
            left_ms = max(1, int((deadline - time.monotonic()) * 1_000))
            try:
                with transaction.atomic():
                    cursor.execute(f"SET LOCAL lock_timeout = {left_ms:d}")
                    cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, pk])
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                    raise
                busy.append(slug)
    return busy
