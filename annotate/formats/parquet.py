"""Rows into Parquet, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BufferedRandom
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq

from annotate.formats.errors import MISSING, Finding, FormatError

ROW_GROUP_ROWS = 10_000


def write_batches(
    stream: BufferedRandom, rows: Iterable[Mapping[str, object]], schema: pa.Schema, path: str
) -> int:
    """Write rows with the columns of `schema` and return how many; memory holds one row group."""
    rest = iter(rows)
    n_rows = 0
    with pq.ParquetWriter(pa.PythonFile(stream, mode="w"), schema) as writer:
        while batch := list(islice(rest, ROW_GROUP_ROWS)):
            writer.write_table(_table(batch, schema, path, n_rows + 1))
            n_rows += len(batch)
    return n_rows


def _table(
    batch: list[Mapping[str, object]], schema: pa.Schema, path: str, first_row: int
) -> pa.Table:
    for number, row in enumerate(batch, start=first_row):
        _check_columns(row, schema, path, number)
    columns = [_column(batch, field, path, first_row) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _check_columns(row: Mapping[str, object], schema: pa.Schema, path: str, number: int) -> None:
    for field in schema:
        if field.name not in row or (row[field.name] is None and not field.nullable):
            raise FormatError(path, number, field.name, MISSING, f"a value of type {field.type}")
    if len(row) > len(schema):
        extra = next(column for column in row if column not in schema.names)
        raise FormatError(path, number, extra, Finding("no column of the schema"), "none such")


def _column(
    batch: list[Mapping[str, object]], field: pa.Field, path: str, first_row: int
) -> pa.Array:
    try:
        return pa.array([row[field.name] for row in batch], type=field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError) as error:
        found = Finding(f"values that do not fit in rows {first_row} on ({error})")
        expected = f"values of type {field.type}"
        raise FormatError(path, 0, field.name, found, expected) from error
