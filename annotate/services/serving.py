"""Run the site's own programs: the production server and the worker."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from django.conf import settings

START_TIMEOUT_S = 60


class DidNotStart(Exception):
    """A program ended, or did not answer, before it could be used."""


@contextmanager
def running_site(*, port: int = 0, threads: int = 4) -> Iterator[str]:
    """Serve the site on loopback while the block runs, and give its address; port 0 is any free."""
    port = port or free_port()
    _refuse_taken(port)
    url = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "granian", "annotate.wsgi:application", "--interface", "wsgi"),
        *("--host", "127.0.0.1", "--port", str(port), "--blocking-threads", str(threads)),
        *("--no-ws", "--log-level", "warning", "--workers-kill-timeout", "10"),
    ]
    with running(command, log="web.log") as process:
        _wait_until_answers(url, process, settings.KURABE_HOME / "logs" / "web.log")
        yield url


@contextmanager
def running_worker() -> Iterator[None]:
    """Work off both queues while the block runs."""
    command = [
        *(sys.executable, "manage.py", "procrastinate", "worker", "--queues", "default,gpu"),
        *("--concurrency", "1", "--shutdown-graceful-timeout", "5"),
    ]
    with running(command, log="worker.log"):
        yield


@contextmanager
def running(command: list[str], *, log: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block runs; what it prints goes to a log under KURABE_HOME."""
    path = settings.KURABE_HOME / "logs" / log
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"DJANGO_SETTINGS_MODULE": "annotate.settings", **os.environ},
            # A Ctrl-C in the terminal is for us; we then stop the program in our own time.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process)


def free_port() -> int:
    """Find a port on loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _refuse_taken(port: int) -> None:
    """Refuse a port on which somebody else would answer in our place."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DidNotStart(
                f"port {port} of 127.0.0.1 is taken ({error.strerror}); name another one, as in:"
                " make demo PORT=8001"
            ) from error


def _wait_until_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{url}/", follow_redirects=True, timeout=5)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise DidNotStart(f"the web server does not answer on {url}; see {log}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
