"""Run GPU work in a process of its own, whose memory is gone when it ends."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

TICK_S = 0.5
SIGTERM_GRACE_S = 30


class ProcessFailed(Exception):
    """The process ended with an error; the text is the last line that it wrote."""


def run_module(*, module: str, config: Path, on_tick: Callable[[], None]) -> int:
    """Run `python -m MODULE CONFIG` to its end and return its exit status, 0 or 143 (stopped).

    `on_tick` is called every half second, and once more at the end. Output goes to a log beside
    the config. If the caller is interrupted the process is asked to stop first.

    Raises:
        ProcessFailed: on any other exit status.
    """
    log = config.with_suffix(".log")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(config)],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=settings.BASE_DIR,
            # Threads that wait for each other by spinning slow down whoever shares the cores.
            env={"HF_HUB_DISABLE_TELEMETRY": "1", "OMP_WAIT_POLICY": "PASSIVE", **os.environ},
        )
        try:
            while process.poll() is None:
                on_tick()
                time.sleep(TICK_S)
        finally:
            _end(process)
    on_tick()
    if process.returncode not in (0, 143):
        raise ProcessFailed(last_line(log) or f"{module} ended with status {process.returncode}")
    return process.returncode


def last_line(path: Path) -> str:
    """Give the last line of a log that says anything."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to stop, if it runs, and make it stop if it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(SIGTERM_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
