"""How long voting waits while a database with votes is migrated: python -m benchmarks.migrations.

A database under a new folder is brought to an early migration, filled with votes, and taken to the
last one, while somebody votes in plain SQL, as the version before would. Each row of the table is a
migration: seconds, the longest that a vote took meanwhile, and the longest that one was seen
waiting for a lock. 0003 and 0012 change several large tables in one transaction, which votes lock
in another order, so that it gives way again and again: a site that is older has to be stopped, and
with `--first 0001_loop --alone` nobody votes.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FIRST = "0012_launch"
N_PROMPTS = 1_000
PAUSE_S = 0.02
SHOWN_S = 0.1


@dataclass
class Voter:
    """Votes in plain SQL, with the columns of the first migration, until it is told to stop."""

    waits: list[tuple[float, float]] = field(default_factory=list)  # begun, seconds
    locks: list[tuple[float, float]] = field(default_factory=list)  # seen, seconds until then
    cast: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _pid: int = 0

    def vote(self) -> None:
        """Vote again and again, and note how long each vote took."""
        import psycopg  # noqa: PLC0415  only once Django is set up
        from django.db import connection  # noqa: PLC0415

        db = connection.copy()
        with db.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self._pid = cursor.fetchone()[0]
            while not self._stop.is_set():
                begun = time.monotonic()
                try:
                    cursor.execute("BEGIN")
                    cursor.execute(_COMPARISON, [len(self.waits) % N_PROMPTS + 1])
                    cursor.execute(_VOTE, cursor.fetchone())
                    self.cast.append(cursor.fetchone()[0])
                    cursor.execute("COMMIT")
                except Exception as error:
                    if not isinstance(error.__cause__, psycopg.Error):
                        raise
                    self.refused.append(str(error).splitlines()[0])
                    cursor.execute("ROLLBACK")
                self.waits.append((begun, time.monotonic() - begun))
                time.sleep(PAUSE_S)
        db.close()

    def watch(self) -> None:
        """Note, again and again, for how long the voter has been waiting for a lock."""
        from django.db import connection  # noqa: PLC0415  only once Django is set up

        db = connection.copy()
        with db.cursor() as cursor:
            while not self._stop.is_set():
                cursor.execute(_WAITING, [self._pid])
                if (waited := cursor.fetchone()[0]) is not None:
                    self.locks.append((time.monotonic(), float(waited)))
                time.sleep(PAUSE_S)
        db.close()

    def stop(self) -> None:
        """Let the vote that is under way be the last."""
        self._stop.set()

    def longest_vote(self, begun: float, ended: float) -> float:
        """Give the longest that a vote took of those that touch this time, in seconds."""
        return max((s for at, s in self.waits if at <= ended and at + s >= begun), default=0.0)

    def longest_lock(self, begun: float, ended: float) -> float:
        """Give the longest that a vote was seen waiting for a lock in this time, in seconds."""
        return max((s for at, s in self.locks if begun <= at <= ended), default=0.0)


_COMPARISON = """
INSERT INTO annotate_comparison (token, side_a, created_at, lease_expires_at, answered_at,
    annotator_id, candidate_a_id, candidate_b_id, completion_a_id, completion_b_id, prompt_id,
    round_id)
SELECT gen_random_uuid(), 'left', now(), now(), now(), a.id, ca.candidate_id, cb.candidate_id,
    ca.id, cb.id, ca.prompt_id, 1
FROM annotate_annotator AS a,
    annotate_completion AS ca JOIN annotate_completion AS cb USING (prompt_id)
WHERE a.name = 'voter' AND ca.candidate_id = 1 AND cb.candidate_id = 2
    AND ca.prompt_id = %s
RETURNING id
"""
_VOTE = """
INSERT INTO annotate_vote (comparison_id, turn, outcome, created_at)
VALUES (%s, 0, 'a', now()) RETURNING id
"""


_WAITING = """
SELECT max(extract(epoch FROM clock_timestamp() - waitstart)) FROM pg_locks
WHERE pid = %s AND NOT granted
"""


@dataclass(frozen=True)
class Migrated:
    """A migration that was run, and how long a vote took and waited for a lock at the most."""

    name: str
    seconds: float
    longest_vote_s: float
    longest_lock_s: float


def migrate_amid_votes(
    n_votes: int, *, first: str = FIRST, alone: bool = False
) -> tuple[list[Migrated], Voter, Callable[[], int]]:
    """Take an empty database to an early migration, fill it, and take it to the last one.

    Returns what ran, whoever voted meanwhile, and how many votes are there now.
    """
    from django.core.management import call_command  # noqa: PLC0415  only once Django is set up
    from django.db import connection  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    from annotate.management.commands.migrate import Command  # noqa: PLC0415
    from benchmarks.filling import fill_with_votes  # noqa: PLC0415

    MigrationExecutor(connection).migrate([("annotate", first)])
    fill_with_votes(n_votes)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO annotate_annotator (kind, name, source, pseudonym, created_at)"
            " VALUES ('person', 'voter', '', 'annotator-00000000ffff', now())"
        )
    times: dict[str, list[float]] = {}

    class Noted(Command):
        """The command, with the time of each migration, from its first try to its end."""

        def migration_progress_callback(
            self, action: str, migration: Any = None, fake: bool = False
        ) -> None:
            if action == "apply_start":
                times.setdefault(str(migration), [time.monotonic()])
            if action == "apply_success":
                times[str(migration)].append(time.monotonic())
            super().migration_progress_callback(action, migration, fake)

    voter = Voter()
    threads = [threading.Thread(target=each) for each in (voter.vote, voter.watch)]
    if alone:
        voter.stop()
    for thread in threads:
        thread.start()
    try:
        call_command(Noted(), verbosity=0)
    finally:
        voter.stop()
        for thread in threads:
            thread.join()

    def count() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM annotate_vote")
            return int(cursor.fetchone()[0])

    ran = [
        Migrated(
            name,
            ended - begun,
            voter.longest_vote(begun, ended),
            voter.longest_lock(begun, ended),
        )
        for name, (begun, ended) in times.items()
    ]
    return ran, voter, count


def main() -> None:
    """Fill, migrate, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--votes", type=int, default=1_000_000)
    parser.add_argument("--first", default=FIRST, help=f"where it is filled (default {FIRST})")
    parser.add_argument("--alone", action="store_true", help="nobody votes meanwhile")
    options = parser.parse_args()
    n_votes = options.votes
    with tempfile.TemporaryDirectory(prefix="kb-") as folder:
        os.environ |= {"KURABE_HOME": folder, "DJANGO_SETTINGS_MODULE": "annotate.settings"}
        import django  # noqa: PLC0415  its settings are in the environment only now

        django.setup()
        from annotate.postgres import server  # noqa: PLC0415

        ran, voter, count = migrate_amid_votes(n_votes, first=options.first, alone=options.alone)
        print("| migration | seconds | longest vote, s | of that for a lock, s |")
        print("| --- | ---: | ---: | ---: |")
        for each in ran:
            if each.seconds >= SHOWN_S or each.longest_vote_s >= SHOWN_S:
                print(
                    f"| {each.name} | {each.seconds:.2f} | {each.longest_vote_s:.2f}"
                    f" | {each.longest_lock_s:.2f} |"
                )
        longest = max((seconds for _begun, seconds in voter.waits), default=0.0)
        print(
            f"\n{len(ran)} migrations in {sum(each.seconds for each in ran):.0f} s;"
            f" {len(voter.cast)} votes cast meanwhile, the longest in {longest:.2f} s,"
            f" {len(voter.refused)} refused {sorted(set(voter.refused))};"
            f" {n_votes} + {len(voter.cast)} votes before, {count()} after"
        )
        from django.db import connection  # noqa: PLC0415

        connection.close()
        server.stop(Path(folder) / "postgres")


if __name__ == "__main__":
    main()
