"""Several processes on this machine, one a rank, which end together."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from training.launch.jobs import logs_folder
from training.ranks import ENDS_WITH_LAUNCHER

# For ranks that wait for one that is gone: gloo hears of it at once, NCCL does not.
FAILURE_GRACE_S = 10.0
LOOPBACK = "127.0.0.1"


class LocalLauncher:
    """Starts a run's processes here, as torchrun would; their statuses and errors stay theirs.

    torchrun gives a rank that is told to stop 30 s for its checkpoint, and ends with a traceback
    whatever the rank said.
    """

    def start(self, run: Path, *, processes: int, resume: bool) -> "LocalJob":
        """Start the ranks, each with a log of its own."""
        folder = logs_folder(run)
        logs = [folder / f"rank-{rank}.log" for rank in range(processes)]
        command = [sys.executable, "-m", "training", str(run), *(["--resume"] if resume else [])]
        shared = {
            "MASTER_ADDR": LOOPBACK,
            "MASTER_PORT": str(_find_free_port()),
            "WORLD_SIZE": str(processes),
            "LOCAL_WORLD_SIZE": str(processes),
        }
        ranks = []
        for rank, log in enumerate(logs):
            place = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            ranks.append(_start(command, log, {**os.environ, **shared, **place}))
        return LocalJob(ranks, logs)


class LocalJob:
    """Ranks that run here. When one fails the others are ended: they would wait for it."""

    tick_s = 0.5

    def __init__(self, ranks: list[subprocess.Popen[bytes]], logs: list[Path]) -> None:
        self.log = logs[0]
        self._ranks, self._logs = ranks, logs
        # The rank whose end was not status 0, and when that was seen.
        self._failed: int | None = None
        self._failed_at = 0.0

    def poll(self) -> int | None:
        """Return the status of the first rank that failed, or 0, once all have ended."""
        statuses = [rank.poll() for rank in self._ranks]
        failed = next((rank for rank, status in enumerate(statuses) if status), None)
        if self._failed is None and failed is not None:
            self._failed, self._failed_at = failed, time.monotonic()
            self.cancel()
        if None in statuses:
            if self._failed is not None and time.monotonic() - self._failed_at > FAILURE_GRACE_S:
                self._kill()
            return None
        status = 0 if self._failed is None else statuses[self._failed] or 0
        return status if status >= 0 else 128 - status

    def cancel(self) -> None:
        """Send SIGTERM to every rank that runs."""
        for rank in self._ranks:
            rank.terminate()

    def describe_failure(self) -> str:
        """Give the last line of the log of the rank that failed."""
        rank = self._failed or 0
        text = self._logs[rank].read_text("utf-8", "replace").rstrip()
        return f"rank {rank}: {text.rpartition(chr(10))[2].removeprefix('error: ')}"

    def _kill(self) -> None:
        for rank in self._ranks:
            rank.kill()


def _start(command: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    cores = os.cpu_count() or 1
    defaults = {
        # Ranks that each take all cores are many times slower than one.
        "OMP_NUM_THREADS": str(max(1, cores // int(environment["LOCAL_WORLD_SIZE"]))),
        "PYTHONUNBUFFERED": "1",
        ENDS_WITH_LAUNCHER: "1",
    }
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            env=defaults | environment,
            stdin=subprocess.PIPE,  # closed by the kernel if this process is killed
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
