"""Real processes on the test database."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
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
def start_worker(home: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Give a function that starts a worker; one-shot, it ends when the queues are empty.

    `at` is the worker's KURABE_HOME: a folder of its own makes a machine of it. Whatever a test
    leaves running ends with it: it would take the jobs of the next.
    """
    started: list[subprocess.Popen[str]] = []

    def start(
        *options: str, name: str = "worker", one_shot: bool = True, at: Path = home
    ) -> subprocess.Popen[str]:
        with (home / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "manage.py", "worker", "--queues", "default,gpu"),
                    *(["--one-shot"] if one_shot else []),
                    *options,
                ],
                cwd=settings.BASE_DIR,
                env=worker_environment(at),
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture
def work_off(home: Path, start_worker: Callable[..., subprocess.Popen[str]]) -> Callable[[], None]:
    """Give a function that lets a worker do all that is queued."""

    def run() -> None:
        assert start_worker().wait(timeout=300) == 0, (home / "worker.log").read_text()

    return run
