"""Run the site: the production server and the worker, for a while or until told to stop."""

import logging
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from django.conf import settings

from annotate.services.programs import ask_to_stop, start, stop, web_command, worker_command
from annotate.services.request_counts import forget_request_counts

START_TIMEOUT_S = 60
# A program that dies at once is started again after 1, 2, 4 ... seconds, at most this.
LONGEST_PAUSE_S = 30.0
# One that has run for so long is taken for sound, and its next pause is the shortest again.
SOUND_AFTER_S = 60.0
TICK_S = 0.2

logger = logging.getLogger(__name__)


class DidNotStart(Exception):
    """A program ended, or did not answer, before it could be used."""


@dataclass
class Kept:
    """A program that is started again whenever it ends."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause_s: float = 0.0
    begins_at: float = field(default_factory=time.monotonic)


@contextmanager
def running_site(*, port: int = 0, threads: int = 4) -> Iterator[str]:
    """Serve the site on loopback while the block runs, and give its address; port 0 is any free."""
    port = port or free_port()
    refuse_taken("127.0.0.1", port)
    forget_request_counts()
    url = f"http://127.0.0.1:{port}"
    command = web_command(host="127.0.0.1", port=port, threads=threads)
    with running(command, log="web.log") as process:
        _wait_until_answers(url, process, settings.KURABE_HOME / "logs" / "web.log")
        yield url


@contextmanager
def running_worker() -> Iterator[None]:
    """Work off both queues while the block runs."""
    with running(worker_command(queues=("default", "gpu")), log="worker.log"):
        yield


@contextmanager
def running(command: list[str], *, log: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block runs; what it prints goes to a log under KURABE_HOME."""
    path = settings.KURABE_HOME / "logs" / log
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as output:
        process = start(command, output=output)
    try:
        yield process
    finally:
        stop(process)


def keep_running(programs: Sequence[Kept], *, stopping: threading.Event) -> None:
    """Run these until `stopping` is set; start one again that ended by itself.

    All are asked to stop at once, and this returns when the last has ended.
    """
    try:
        while not stopping.is_set():
            for program in programs:
                _look_after(program)
            stopping.wait(TICK_S)
    finally:
        started = [program.process for program in programs if program.process is not None]
        for process in started:
            ask_to_stop(process)
        for process in started:
            stop(process)


def programs_of_site(*, host: str, port: int, has_worker: bool = True) -> list[Kept]:
    """Give the web server, and the worker, as the settings want them.

    Raises:
        DidNotStart: somebody else listens on the port.
    """
    refuse_taken(host, port)
    forget_request_counts()
    web = web_command(
        host=host, port=port, workers=settings.WEB_WORKERS, threads=settings.WEB_THREADS
    )
    programs = [Kept("web", web)]
    if has_worker:
        command = worker_command(
            queues=settings.WORKER_QUEUES, concurrency=settings.WORKER_CONCURRENCY
        )
        programs.append(Kept("worker", command))
    return programs


def free_port() -> int:
    """Find a port on loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refuse_taken(host: str, port: int) -> None:
    """Refuse a port on which somebody else would answer in our place."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise DidNotStart(
                f"port {port} of {host} is taken ({error.strerror}); name another one, as in:"
                " PORT=8001"
            ) from error


def _look_after(program: Kept) -> None:
    """Start a program that does not run, once its pause is over."""
    now = time.monotonic()
    if program.process is not None:
        status = program.process.poll()
        if status is None:
            return
        stop(program.process)  # whatever it left behind of itself
        if now - program.started_at >= SOUND_AFTER_S:
            program.pause_s = 0.0
        program.pause_s = min(max(1.0, 2 * program.pause_s), LONGEST_PAUSE_S)
        program.begins_at = now + program.pause_s
        program.process = None
        logger.error(
            "%s ended with status %s; it is started again in %.0f s",
            program.name, status, program.pause_s,
        )  # fmt: skip
    if now >= program.begins_at:
        program.process = start(program.command)
        program.started_at = now
        logger.info("%s runs as process %s", program.name, program.process.pid)


def _wait_until_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{url}/healthz", timeout=5)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise DidNotStart(f"the web server does not answer on {url}; see {log}")
