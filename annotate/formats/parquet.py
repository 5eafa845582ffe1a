"""Rows into Parquet, a row group at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedRandom

import pyarrow as pa
import pyarrow.parquet as pq

from annotate.formats.behind import Behind
from annotate.formats.encoding import check_columns
from annotate.formats.errors import MISSING, Finding, FormatError

Row = Mapping[str, object]

ROW_GROUP_ROWS = 10_000
# Whoever waits for a file sees soon that something comes.
FIRST_GROUP_ROWS = 1_000
# Of Arrow's columns: long texts make smaller groups, so that a reader's memory stays flat too.
ROW_GROUP_BYTES = 16 << 20
_MISFITS = (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError)


@contextmanager
def open_parquet(
    stream: BufferedRandom, schema: pa.Schema, path: str
) -> Iterator[Callable[[Sequence[Row], int], None]]:
    """Give what takes rows with the columns of `schema`, and writes them in row groups."""
    held: list[pa.Table] = []
    most_rows = FIRST_GROUP_ROWS

    def write(batch: Sequence[Row], first_row: int) -> None:
        held.append(_table(batch, schema, path, first_row))
        n_rows = sum(len(table) for table in held)
        if n_rows >= most_rows or sum(table.nbytes for table in held) >= ROW_GROUP_BYTES:
            write_group()

    def write_group() -> None:
        nonlocal most_rows
        most_rows = ROW_GROUP_ROWS
        group = pa.concat_tables(held)
        held.clear()
        behind.do(lambda: writer.write_table(group, row_group_size=len(group)))

    with pq.ParquetWriter(pa.PythonFile(stream, mode="w"), schema) as writer, Behind() as behind:
        yield write
        if held:
            write_group()


def _table(batch: Sequence[Row], schema: pa.Schema, path: str, first_row: int) -> pa.Table:
    required = [field.name for field in schema if not field.nullable]
    names = schema.names
    for number, row in enumerate(batch, start=first_row):
        check_columns(row, names, path, number)
        for name in required:
            if row[name] is None:
                raise FormatError(path, number, name, MISSING, "a value in every row")
    try:
        return pa.Table.from_pylist(batch, schema=schema)
    except _MISFITS as error:
        raise _misfit(batch, schema, path, first_row) from error


def _misfit(batch: Sequence[Row], schema: pa.Schema, path: str, first_row: int) -> FormatError:
    """Find the column, and the row, that Arrow could not hold."""
    for field in schema:
        for number, row in enumerate(batch, start=first_row):
            try:
                pa.array([row[field.name]], type=field.type)
            except _MISFITS as error:
                found = Finding(f"a value that does not fit ({error})")
                return FormatError(path, number, field.name, found, f"one of type {field.type}")
    raise AssertionError("every value fits by itself")
