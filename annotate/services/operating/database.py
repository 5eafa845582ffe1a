"""The database as its operator sees it."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import InterfaceError, OperationalError, ProgrammingError

# What a database that cannot be reached, or is going down, raises.
DatabaseAway = (OperationalError, InterfaceError)


@dataclass(frozen=True)
class Database:
    """Its version, how large it is, and how many are connected to it."""

    version: str
    version_number: int  # 180004 is 18.4
    n_bytes: int
    n_connections: int
    max_connections: int
    now: datetime
    started_at: datetime
    is_replica: bool
    n_votes_written: int
    """Votes written since its statistics began; one that was rolled back is among them."""


def read_database() -> Database:
    """Ask the database about itself, in one statement that reads no table of votes.

    Raises:
        OperationalError, InterfaceError: it cannot be reached.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), current_setting('server_version_num')::int,"
            " pg_database_size(current_database()),"
            " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
            " current_setting('max_connections')::int, clock_timestamp(),"
            " pg_postmaster_start_time(), pg_is_in_recovery(),"
            " coalesce((SELECT n_tup_ins FROM pg_stat_user_tables"
            " WHERE relname = 'annotate_vote'), 0)"
        )
        row = cursor.fetchone()
    return Database(row[0].split()[0], *row[1:])


def list_unapplied() -> list[str]:
    """List the migrations that this version of the site knows and the database has not had.

    Raises:
        OperationalError, InterfaceError: it cannot be reached.
    """
    try:
        applied = set(MigrationRecorder(connection).applied_migrations())
    except ProgrammingError:  # no table of migrations: nothing was applied
        applied = set()
    return [f"{app}.{name}" for app, name in _known_migrations() if (app, name) not in applied]


@lru_cache(maxsize=1)
def _known_migrations() -> tuple[tuple[str, str], ...]:
    """Read the migrations on the disk, once: they do not change under a program that runs.

    One that another replaces counts by that other.
    """
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    replaced = {key for each in loader.disk_migrations.values() for key in each.replaces}
    return tuple(sorted(key for key in loader.disk_migrations if key not in replaced))
