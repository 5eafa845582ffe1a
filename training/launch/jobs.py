"""What a launcher is, and how its job is watched to the end."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

STOPPED = 128 + signal.SIGTERM
ERROR = b"error: "


class Job(Protocol):
    """A run in processes of its own."""

    log: Path
    tick_s: float

    def poll(self) -> int | None:
        """Return the exit status, 143 where the run was stopped, or None while it goes on."""

    def cancel(self) -> None:
        """Tell the run to keep a checkpoint and end."""

    def describe_failure(self) -> str:
        """Say in one line why a job that has failed did, where its log does not."""


class Launcher(Protocol):
    """Starts runs somewhere."""

    def start(self, run: Path, *, processes: int, resume: bool) -> Job:
        """Start `python -m training RUN` so many times as one group; logs go beside the run.

        Raises ConfigError where that cannot be.
        """


def logs_folder(run: Path) -> Path:
    """Return the folder of a run's logs, made where it is not there: `run.launch` of `run.json`."""
    folder = run.with_suffix(".launch").absolute()
    folder.mkdir(exist_ok=True)
    return folder


def launch(launcher: Launcher, run: Path, *, processes: int, resume: bool) -> int:
    """Start a run, write out its log as it grows until it has ended, and return its exit status.

    SIGTERM and SIGINT cancel the job, once. Lines that begin with `error: ` are held back; the last
    one is said at the end on standard error, as by a run in this process.
    """
    with _signals() as received:
        job = launcher.start(run, processes=processes, resume=resume)
        log = _Log(job.log)
        is_cancelled = False
        while (status := job.poll()) is None:
            if received and not is_cancelled:
                job.cancel()
                is_cancelled = True
            log.write_out()
            _wait(job.tick_s, unless=None if is_cancelled else received)
    log.write_out()
    if status not in (0, STOPPED):
        print(log.last_error or f"error: {job.describe_failure()}", file=sys.stderr)
    return status


class _Log:
    """A log that grows, read on from where it was; one that is cut is read from its start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.last_error = ""

    def write_out(self) -> None:
        """Write the whole lines that are new to standard output."""
        if not self._path.exists():
            return
        if self._path.stat().st_size < self._offset:
            self._offset = 0
        with self._path.open("rb") as file:
            file.seek(self._offset)
            lines = file.read().rpartition(b"\n")[0:2]
        text = b"".join(lines)
        self._offset += len(text)
        for line in text.splitlines(keepends=True):
            if line.startswith(ERROR):
                self.last_error = line.decode("utf-8", "replace").rstrip()
            else:
                sys.stdout.write(line.decode("utf-8", "replace"))
        sys.stdout.flush()


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Give a list to which SIGTERM and SIGINT are added while the block runs."""
    received: list[int] = []
    before: dict[signal.Signals, Any] = {
        number: signal.signal(number, lambda number, _frame: received.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(seconds: float, *, unless: list[int] | None) -> None:
    """Wait, or until a signal was received; `time.sleep` alone goes on after one."""
    until = time.monotonic() + seconds
    while not unless and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
