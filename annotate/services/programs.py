"""The command lines of the site's own programs, and how one of them is started and ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from django.conf import settings

# Longer than the web server gives its requests, and a worker the engine that it runs.
STOP_TIMEOUT_S = 60
# Of a worker's job, to end by itself before it is told to stop.
JOB_GRACE_S = 5


def web_command(*, host: str, port: int, workers: int = 1, threads: int = 4) -> list[str]:
    """Give the command of the production server; a process of it that dies is started again."""
    command = [
        *("granian", "annotate.wsgi:application", "--interface", "wsgi"),
        *("--host", host, "--port", str(port)),
        *("--workers", str(workers), "--blocking-threads", str(threads)),
        *("--no-ws", "--log-level", "warning", "--workers-kill-timeout", "10"),
        *("--respawn-failed-workers", "--respawn-interval", "1"),
    ]
    if settings.LOG_FORMAT == "json":
        command += ["--log-config", str(Path(__file__).with_name("granian_json.json"))]
    return command


def worker_command(*, queues: Sequence[str], concurrency: int = 1) -> list[str]:
    """Give the command of a worker."""
    return ["manage", "worker", "--queues", ",".join(queues), "--concurrency", str(concurrency)]


def start(command: list[str], *, output: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start `python -m` with this command; however this process dies, what it started ends.

    Args:
        output: where its lines go; None is where ours go.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "annotate.services.minded", *command],
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,  # closed by the kernel if this process is killed
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        env={"DJANGO_SETTINGS_MODULE": "annotate.settings", "LOG_LEVEL": "INFO", **os.environ},
        # A Ctrl-C in the terminal is for us; we then stop the program in our own time.
        start_new_session=True,
    )


def ask_to_stop(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM, which ends a program in its own time."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)


def stop(process: subprocess.Popen[bytes], *, timeout_s: float = STOP_TIMEOUT_S) -> None:
    """Ask a program to stop, wait until it has, and kill what is left of it."""
    ask_to_stop(process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout_s)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        process.stdin.close()
