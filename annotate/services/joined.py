"""Statements written by hand, where one reads what several of Django's would.

A vote and the pair that comes next take a few statements; each joins rows of several tables, and
is text that is made once: composing it anew would take longer than it runs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connection,
    connections,
)
from django.db.models import Model
from psycopg import Cursor
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.numeric import Int8Dumper

Row = TypeVar("Row", bound=Model)

# Fields of a completion, and of a prompt, that nobody needs who shows them.
BESIDE_THE_REPLIES = (
    "seed", "prompt_tokens", "completion_tokens", "engine_version", "sampling", "seconds",
    "rendered_prompt_sha256", "text_digest", "created_at",
)  # fmt: skip
BESIDE_THE_TURNS = ("key", "references")

# What holds of a `report` whose text is hidden: until an admin has looked, and after if they agree.
HIDES = "(report.looked_at IS NULL OR report.is_upheld)"


class Columns(Generic[Row]):
    """The columns of a model under an alias, and its rows out of what a statement gave.

    Args:
        without: fields that are not read; Django reads one when somebody asks for it.
    """

    def __init__(self, model: type[Row], alias: str, *, without: Sequence[str] = ()) -> None:
        fields = [field for field in model._meta.concrete_fields if field.name not in without]
        self._model = model
        self._names = [field.attname for field in fields]
        self._key = self._names.index(model._meta.pk.attname)
        self.width = len(fields)
        self.sql = ", ".join(f'{alias}."{field.column}"' for field in fields)

    def take(self, values: Sequence[Any]) -> Row | None:
        """Make a row of its values; None where an outer join found none."""
        if values[self._key] is None:
            return None
        return self._model.from_db("default", self._names, values)


class Parts:
    """Takes a statement's row apart: so many models, one after another, and what is left."""

    def __init__(self, *columns: Columns[Any]) -> None:
        self._columns = columns
        self.sql = ", ".join(part.sql for part in columns)

    def take(self, values: Sequence[Any]) -> tuple[list[Any], Sequence[Any]]:
        """Give the models' rows, and the values that come after them."""
        rows, start = [], 0
        for part in self._columns:
            rows.append(part.take(values[start : start + part.width]))
            start += part.width
        return rows, values[start:]


def ask(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement and give its rows.

    PostgreSQL keeps it prepared for the connection, with one plan for whatever values, since
    planning these takes longer than running them. So values are bound there, and one that may be
    null needs a type in the statement where nothing else there tells it. Django's own statements
    have their values in their text.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]  # looked up once: on `connection` each name would
    if database.connection is None or database.in_atomic_block:
        database.ensure_connection()
        return _ask(database, sql, values)
    try:
        rows = _ask(database, sql, values)
    except (OperationalError, InterfaceError):
        # One that was kept from an earlier request may be lost by now; another is not, or is
        # refused. Outside of a transaction these statements only read, so it is asked again.
        if database.health_check_done:
            raise
        database.close()
        database.ensure_connection()
        rows = _ask(database, sql, values)
    database.health_check_done = True
    return rows


def ask_unprepared(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement that is planned for its values: with a plan for any it would read too much.

    As all of Django's are, it is planned each time, and not prepared.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def _ask(database: Any, sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    # Not closed: it is the next statement's too, and all that this one gave is fetched.
    cursor = database._prepare_cursor(_kept_cursor(database))
    cursor.execute(sql, values)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _kept_cursor(database: Any) -> Cursor[Any]:
    """Give the connection's cursor for these statements: to make one takes as long as to ask."""
    kept: Cursor[Any] | None = getattr(database, "kept_cursor", None)
    if kept is None or kept.connection is not database.connection:
        kept = Cursor(database.connection)
        # By its value an integer would be of one of four types, each with a statement of its own.
        kept.adapters.register_dumper(int, Int8Dumper)
        # Django's own reads times likewise, in the connection's zone, which is UTC, and in Python.
        kept.adapters.register_loader("timestamptz", TimestamptzLoader)
        database.kept_cursor = kept
    return kept
