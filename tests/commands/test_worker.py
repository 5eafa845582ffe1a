"""`worker` and `serve` refuse what they cannot do, in one line."""

import socket

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from tests.commands.conftest import Run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("queues", ["gpus", "default,gpus", "", ","])
def test_worker_refuses_a_queue_that_there_is_not(queues: str, refused: Run) -> None:
    assert refused("worker", "--queues", queues) == (
        f"--queues takes default and gpu, not {queues!r}"
    )


@pytest.mark.parametrize("command", ["worker", "serve"])
def test_nothing_starts_before_its_tables_are_there(command: str, refused: Run) -> None:
    MigrationRecorder(connection).migration_qs.filter(app="sessions").delete()
    assert refused(command).startswith("migrations are not applied, from sessions.0001_initial on")


def test_serve_refuses_a_port_that_is_taken(refused: Run) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is taken" in refused("serve", "--port", port)
