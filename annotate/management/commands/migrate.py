"""`manage.py migrate`: Django's own, which never keeps voters waiting for a lock."""

import time
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations import Migration
from django.db.utils import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

# While a migration waits for a table, whoever comes after it waits too: so it waits shortly, gives
# way, and comes again. PostgreSQL looks for deadlocks after a second: before that, no vote fails.
LOCK_TIMEOUT_MS = 500
N_TRIES = 20
PAUSE_S = 2


class Command(migrate.Command):
    """Migrate the database, beside a site that runs."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Run what is to be run; where a table is in use, try again from there.

        A migration that gives way is rolled back whole, and those before it stay.
        """
        self._connection = connections[options["database"]]
        for n_tries in range(1, N_TRIES + 1):
            try:
                super().handle(*args, **options)
                break
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                    raise
                if n_tries == N_TRIES:
                    message = (
                        f"the tables were in use {N_TRIES} times; end long work (an import, an"
                        " export, a backup) and run it again: it goes on from here"
                    )
                    raise CommandError(message) from error
                self.stderr.write(f"somebody uses a table; trying again in {PAUSE_S} s")
                time.sleep(PAUSE_S)
            finally:
                self._set_lock_timeout("DEFAULT")

    def migration_progress_callback(
        self, action: str, migration: Migration | None = None, fake: bool = False
    ) -> None:
        """Set how long a migration may wait for a table, before each.

        What is not atomic, as an index that is made concurrently, waits for others without keeping
        anybody waiting, and would be left half done.
        """
        if action in ("apply_start", "unapply_start") and migration is not None:
            self._set_lock_timeout(str(LOCK_TIMEOUT_MS) if migration.atomic else "0")
        super().migration_progress_callback(action, migration, fake)

    def _set_lock_timeout(self, ms: str) -> None:
        if self._connection.connection is not None:
            with self._connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {ms}")
