"""Real processes on the test database."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests.tiny import make_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a tiny Llama with random weights and a ChatML template."""
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    make_tiny_model(folder)
    return folder


@pytest.fixture
def home(tmp_path: Path, settings: object) -> Path:
    """Give every file of a test a folder of its own."""
    settings.KURABE_HOME = tmp_path  # type: ignore[attr-defined]
    return tmp_path


def worker_environment(home: Path) -> dict[str, str]:
    """Give the environment in which a worker uses the test's database and folder."""
    parameters = connection.get_connection_params()
    url = f"postgresql://{parameters['user']}@/{parameters['dbname']}?host={parameters['host']}"
    return {**os.environ, "DATABASE_URL": url, "KURABE_HOME": str(home), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def start_worker(home: Path) -> Callable[..., subprocess.Popen[str]]:
    """Give a function that starts a worker; one-shot, it ends when the queues are empty."""

    def start(*, name: str = "worker", one_shot: bool = True) -> subprocess.Popen[str]:
        with (home / f"{name}.log").open("a") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "manage.py", "procrastinate", "worker"),
                    *(["--one-shot"] if one_shot else []),
                    *("--queues", "default,gpu", "--concurrency", "1", "--name", name),
                ],
                cwd=settings.BASE_DIR,
                env=worker_environment(home),
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    return start


@pytest.fixture
def work_off(home: Path, start_worker: Callable[..., subprocess.Popen[str]]) -> Callable[[], None]:
    """Give a function that lets a worker do all that is queued."""

    def run() -> None:
        assert start_worker().wait(timeout=300) == 0, (home / "worker.log").read_text()

    return run
