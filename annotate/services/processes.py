"""Run GPU work in a process of its own, whose memory is gone when it ends."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

TICK_S = 1.0
SIGTERM_GRACE_S = 30
STOPPED_STATUS = 128 + signal.SIGTERM
# What the process says of the module that it minds, and what the kernel says of the process.
KILLED_STATUSES = {status for signum in signal.Signals for status in (128 + signum, -signum)}
# What is read of a log's end, however long its lines are.
LOG_TAIL_BYTES = 16_384
_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


# What is the site's alone; engines and trainers run other people's libraries, and need none of it.
_OWN_SECRETS = re.compile(r"(SECRET_KEY|DATABASE_URL|EMAIL_HOST_USER|EMAIL_HOST_PASSWORD)(_FILE)?")


class ProcessFailed(Exception):
    """The process ended with an error; the text is the last line that it wrote."""


class ProcessKilled(ProcessFailed):
    """The process was killed by a signal that nobody here sent."""


def run_module(
    *,
    module: str,
    config: Path,
    on_tick: Callable[[], object],
    may_go_on: Callable[[], bool] = lambda: True,
    python: str | None = None,
) -> int:
    """Run `python -m MODULE CONFIG` to its end and return its exit status, 0 or 143 (stopped).

    Output goes to a log beside the config. If the caller is interrupted the process is asked to
    stop first; if the caller is killed the process ends by itself. Whatever it started ends too.

    Args:
        on_tick: called every second, and once more at the end.
        may_go_on: asked after each tick; the process is asked to stop when it says no.
        python: the interpreter; None is this one.

    Raises:
        ProcessKilled: a signal ended it.
        ProcessFailed: on any other exit status.
    """
    log = config.with_suffix(".log")
    with _running(module, config, log, python or sys.executable) as process:
        while is_running := not _has_ended(process):
            on_tick()
            if not may_go_on():
                break
    on_tick()
    status = process.returncode
    # Its own handler may not have been there yet, and an engine that hangs takes more than SIGTERM.
    if status == -signal.SIGTERM or is_running:
        status = STOPPED_STATUS
    if status in KILLED_STATUSES - {STOPPED_STATUS}:
        signum = signal.Signals(status - 128 if status > 0 else -status)
        raise ProcessKilled(f"{module} was killed by {signum.name}")
    if status not in (0, STOPPED_STATUS):
        raise ProcessFailed(last_line(log) or f"{module} ended with status {status}")
    return status


def last_line(path: Path) -> str:
    """Give the last line of a log that says anything."""
    return next((line.strip() for line in reversed(last_lines(path)) if line.strip()), "")


def last_lines(path: Path, *, at_most: int = 100) -> list[str]:
    """Give the last lines of a log as a reader of a terminal would see them, 16 KiB at most.

    Of a line that was written over, as by a progress bar, what stood there last is left.
    """
    if not path.exists():
        return []
    with path.open("rb") as file:
        n_bytes = file.seek(0, os.SEEK_END)
        file.seek(max(0, n_bytes - LOG_TAIL_BYTES))
        text = file.read(LOG_TAIL_BYTES).decode("utf-8", "replace")
    plain = _TERMINAL_CODES.sub("", text.replace("\0", "\ufffd"))
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in plain.split("\n")]
    return lines[: -1 if lines[-1] == "" else None][-at_most:]


@contextmanager
def _running(
    module: str, config: Path, log: Path, python: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the module while the block runs, and leave nothing of it behind."""
    with _start([python, "-m", "annotate.services.minded", module, str(config)], log) as process:
        try:
            yield process
        finally:
            _end(process)


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process; raises ProcessFailed where its interpreter cannot be run."""
    with log.open("ab") as output:
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # closed by the kernel if this process is killed
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=settings.BASE_DIR,
                # Threads that wait for each other by spinning slow down whoever shares the cores.
                env={"OMP_WAIT_POLICY": "PASSIVE", **environment()},
                start_new_session=True,
            )
        except OSError as error:
            raise ProcessFailed(f"{command[0]} cannot be run: {error.strerror}") from error


def environment() -> dict[str, str]:
    """Give what a process of an engine or trainer finds in its environment: no secret of ours."""
    kept = {name: value for name, value in os.environ.items() if not _OWN_SECRETS.fullmatch(name)}
    return {"HF_HUB_DISABLE_TELEMETRY": "1", **kept}


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Wait for a tick, or until the process has ended."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(TICK_S)
    return process.returncode is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to stop, if it runs, and make it stop with all that it started."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(SIGTERM_GRACE_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
