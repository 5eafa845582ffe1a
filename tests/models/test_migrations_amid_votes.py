"""Migrations beside somebody who votes, and tables that are in use."""

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from annotate.management.commands import migrate
from benchmarks.migrations import migrate_amid_votes
from tests.services.backups import another_place

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
N_VOTES = 50_000


def test_migrations_beside_a_voter_lose_no_vote(tmp_path: Path) -> None:
    """How long a vote waits with 1,000,000 of them is in docs/benchmarks.md."""
    with another_place(tmp_path / "there"):
        ran, voter, count = migrate_amid_votes(N_VOTES)
        assert len(ran) > 10
        assert len(voter.cast) > 20, "nobody voted meanwhile"
        assert voter.refused == []
        assert count() == N_VOTES + len(voter.cast)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM annotate_vote WHERE id = ANY(%s)", [voter.cast])
            assert cursor.fetchone() == (len(voter.cast),)
            cursor.execute(
                "SELECT count(*), count(DISTINCT comparison_id) FROM annotate_vote"
                " JOIN annotate_comparison AS c ON c.id = comparison_id"
            )
            assert cursor.fetchone() == (N_VOTES + len(voter.cast),) * 2


@pytest.fixture
def held_completions() -> Iterator[threading.Event]:
    """Write to the completions' table in another session, until the event is set."""
    holds, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE annotate_completion IN ROW EXCLUSIVE MODE")
            holds.set()
            release.wait(120)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(60)
    yield release
    release.set()
    thread.join(60)


class Listener(io.StringIO):
    """Lets the table go once the command has said that it is in use."""

    def __init__(self, release: threading.Event) -> None:
        super().__init__()
        self._release = release

    def write(self, text: str) -> int:
        self._release.set()
        return super().write(text)


def test_a_migration_gives_way_to_whoever_uses_the_table(
    held_completions: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0021 replaces a trigger of completions; it is taken back, and then run again."""
    monkeypatch.setattr(migrate, "PAUSE_S", 1)
    monkeypatch.setattr(migrate, "N_TRIES", 1)
    with pytest.raises(CommandError, match="the tables were in use 1 times"):
        call_command("migrate", "annotate", "0019", verbosity=0)
    monkeypatch.setattr(migrate, "N_TRIES", 20)
    said = Listener(held_completions)
    try:
        call_command("migrate", "annotate", "0019", verbosity=0, stderr=said)
    finally:
        held_completions.set()
        call_command("migrate", verbosity=0)
    assert set(said.getvalue().splitlines()) == {"somebody uses a table; trying again in 1 s"}
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
