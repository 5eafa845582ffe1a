"""A whole site of the tests' own, whose every process may be killed: its home is nobody else's."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from annotate.services.programs import web_command
from annotate.services.serving import free_port
from tests.conftest import ROOT
from tests.waiting import wait_until

BEGIN = (
    "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'annotate.settings'",
    "import django; django.setup()",
)
KEEP = (
    "from django.db import connection",
    "connection.ensure_connection(); connection.close()",
    "print('there', flush=True); input()",
)


class Site:
    """A home with a database of its own, and the programs of a site on it."""

    def __init__(self, home: Path, *, has_own_disk: bool = False) -> None:
        self.home = home
        self.has_own_disk = has_own_disk
        self.pgdata = home / "postgres"
        self.environment = {
            "PATH": os.environ["PATH"],
            "KURABE_HOME": str(home),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        }

    def run(self, *words: str, **more: Any) -> str:
        """Run Python in the checkout to its end, and give what it printed."""
        ended = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=self.environment | more, capture_output=True,
            text=True, timeout=300,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def do(self, *lines: str) -> str:
        """Run these lines as a Django program of the site."""
        return self.run("-c", "\n".join([*BEGIN, *lines]))

    def start(self, *words: str, log: str = "program.log", **more: str) -> subprocess.Popen[bytes]:
        """Start Python in the checkout, as the head of a group."""
        with (self.home / log).open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *words], cwd=ROOT, env=self.environment | more, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def start_worker(self, *options: str, name: str = "w", **more: str) -> subprocess.Popen[bytes]:
        """Start a worker on both queues, as production does."""
        return self.start(
            *("manage.py", "worker", "--queues", "default,gpu", "--concurrency", "1", *options),
            log=f"{name}.log",
            **more,
        )

    @contextmanager
    def kept_up(self) -> Iterator[None]:
        """Have a process use the database all the while, so that it does not end with others."""
        words = ["-c", "\n".join([*BEGIN, *KEEP])]
        with subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=self.environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as keeper:  # fmt: skip
            assert keeper.stdout is not None
            assert keeper.stdout.readline() == b"there\n"
            yield
            keeper.communicate(b"\n")

    def ask(self, query: str, *values: Any) -> list[Any]:
        """Ask the database, past Django; begin its server again where a test has ended it."""
        for attempt in range(100):
            with suppress(psycopg.OperationalError):
                return self._ask(query, values)
            if attempt == 20:
                self.do("from django.db import connection", "connection.ensure_connection()")
            time.sleep(0.1)
        raise AssertionError("the database cannot be reached")

    def connect(self) -> psycopg.Connection[Any]:
        """Connect to the database, past Django."""
        return psycopg.connect(
            host=str(self.pgdata), user="postgres", dbname="kurabe", connect_timeout=5,
            autocommit=True,
        )  # fmt: skip

    def _ask(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        with self.connect() as db:
            found = db.execute(query, values)
            return found.fetchall() if found.description else []

    def postmaster(self) -> int | None:
        """Give the id of the database's first process, or None where none runs."""
        with suppress(FileNotFoundError, IndexError, ValueError):
            pid = int((self.pgdata / "postmaster.pid").read_text().split("\n")[0])
            if psutil.pid_exists(pid):
                return pid
        return None

    def backends(self) -> list[int]:
        """Give the ids of the processes that serve the site's connections."""
        return [
            pid
            for (pid,) in self.ask(
                "SELECT pid FROM pg_stat_activity WHERE datname = 'kurabe'"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        ]

    def end(self) -> None:
        """Kill the database, which a test may have left."""
        if pid := self.postmaster():
            with suppress(psutil.NoSuchProcess):
                server = psutil.Process(pid)
                family = [server, *server.children(recursive=True)]
                for process in family:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
                psutil.wait_procs(family, timeout=10)


class WatchedWeb:
    """The web server, started again a second after it ended, as systemd does."""

    def __init__(self, site: Site, **environment: str) -> None:
        self._site = site
        self._environment = environment
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.n_starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    def __enter__(self) -> "WatchedWeb":
        self._watcher.start()
        wait_until(self.answers, seconds=120)
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._watcher.join()

    def answers(self) -> bool:
        """Tell whether the site's first page can be had."""
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/sign-in/", timeout=10).status_code == 200
        return False

    def main(self) -> int | None:
        """Give the id of the server's main process."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def worker(self) -> int | None:
        """Give the id of the process that answers."""
        if main := self.main():
            with suppress(psutil.NoSuchProcess):
                return next((child.pid for child in psutil.Process(main).children()), None)
        return None

    def _watch(self) -> None:
        command = ["-m", *web_command(host="127.0.0.1", port=self.port)]
        while not self._over.is_set():
            self._process = self._site.start(*command, log="web.log", **self._environment)
            self.n_starts += 1
            while self._process.poll() is None and not self._over.wait(0.1):
                pass
            if self._process.poll() is not None:
                self._over.wait(1)
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(15)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
