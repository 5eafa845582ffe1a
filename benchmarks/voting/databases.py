"""The databases of the benchmark, in one PostgreSQL: filled ones are kept, and measured on a copy.

So every call begins with the same rows, the same statistics and the same empty pages.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "benchmarks.voting.settings"
FLOOR_SETTINGS = "benchmarks.voting.floor.settings"
WHOLE = "filled to the end"


@contextmanager
def connected(database: str, *, autocommit: bool = True) -> Iterator[psycopg.Connection[Any]]:
    """Connect to a database of the embedded server, which is started where it does not run."""
    from django.conf import settings  # noqa: PLC0415  the home is named before Django is set up

    from annotate.postgres import server  # noqa: PLC0415  as above

    socket_dir = server.socket_dir_of(settings.KURABE_HOME / "postgres")
    with psycopg.connect(
        host=socket_dir, user="postgres", dbname=database, autocommit=autocommit
    ) as connection:
        yield connection


def postmaster_pid() -> int:
    """Give the process id of the server."""
    with connected("postgres") as connection:
        row = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
    assert row is not None
    return int(row[0].split()[0])


def is_whole(database: str) -> bool:
    """Tell whether a database is there and was filled to the end."""
    asked = (
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
        " WHERE datname = %s AND NOT datistemplate"
    )
    with connected("postgres") as connection:
        row = connection.execute(asked, [database]).fetchone()
    return row is not None and row[0] == WHOLE


def mark_whole(database: str) -> None:
    """Write that a database was filled to the end."""
    told = sql.SQL("COMMENT ON DATABASE {} IS {}")
    with connected("postgres") as connection:
        connection.execute(told.format(sql.Identifier(database), sql.Literal(WHOLE)))


def drop(database: str) -> None:
    """Remove a database, whoever is connected."""
    with connected("postgres") as connection:
        gone = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
        connection.execute(gone)


def copy(database: str, to: str) -> None:
    """Copy a database, file by file."""
    drop(to)
    copied = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    with connected("postgres") as connection:
        connection.execute(copied.format(sql.Identifier(to), sql.Identifier(database)))
        connection.execute("CHECKPOINT")


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Have programs that are started in the block see these variables."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def run_apart(module: str, *arguments: str, database: str, settings: str = SETTINGS) -> str:
    """Run a module on a database in a process of its own, and give what it printed."""
    with environment({"VOTING_DATABASE": database, "DJANGO_SETTINGS_MODULE": settings}):
        ended = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if ended.returncode:
        raise SystemExit(f"{module} ended with status {ended.returncode}")
    return ended.stdout
