"""Rows by COPY, written as its text by hand and sent by a thread of its own.

psycopg takes three times as long for a row of texts. The thread waits for the server, so that the
next rows are read meanwhile: client and server are two cores' work.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue
from typing import Any

from django.db import connection, models
from psycopg import sql

LINES_AT_ONCE = 64


def copy_lines(
    *,
    table: type[models.Model],
    columns: Sequence[str],
    lines: Iterable[str],
    meanwhile: Callable[[], None],
) -> None:
    """Add rows to a table, each a line of COPY's text; other columns take their defaults.

    Args:
        lines: those of one batch, since they may wait in memory.
        meanwhile: is called while the server stores them, and may not ask the database.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    blocks: SimpleQueue[str | None] = SimpleQueue()
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        ThreadPoolExecutor(max_workers=1) as sender,
    ):
        sent = sender.submit(_send, cursor, statement, blocks)
        try:
            rest = iter(lines)
            while block := "".join(islice(rest, LINES_AT_ONCE)):
                blocks.put(block)
        finally:
            blocks.put(None)
        meanwhile()
        sent.result()


def line_of(cells: Iterable[object]) -> str:
    """Write a row as a line of COPY's text; the texts among its cells are to be escaped."""
    return "\t".join(["\\N" if cell is None else str(cell) for cell in cells]) + "\n"


def escaped(text: str) -> str:
    """Write a text as COPY reads it."""
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return text.replace("\r", "\\r")


def escaped_array(texts: Iterable[str]) -> str:
    """Write texts as COPY reads an array of them; none of them may hold NUL."""
    quoted = [
        text.replace("\\", r"\\\\").replace('"', r"\\" '"').replace("\n", r"\n")
        .replace("\t", r"\t").replace("\r", r"\r")
        for text in texts
    ]  # fmt: skip
    return '{"' + '","'.join(quoted) + '"}' if quoted else "{}"


def _send(cursor: Any, statement: sql.Composed, blocks: "SimpleQueue[str | None]") -> None:
    with cursor.copy(statement) as copy:
        while (block := blocks.get()) is not None:
            copy.write(block)
