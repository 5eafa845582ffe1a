"""Tables with types of their own, Parquet and DataFrames, as rows of the same cells as any file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from annotate.formats.columns import Columns
from annotate.formats.errors import Finding, FormatError, Table
from annotate.formats.faults import STOP, Faults
from annotate.formats.fields import Fields
from annotate.formats.jsontext import parse_cell
from annotate.formats.lines import check_unpacked, open_bytes
from annotate.formats.rows import Location

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH_ROWS = 1_000
_SHOWN_CHARS = 100
# Of the rows that are unpacked at once, where a text can stand once in the file for many of them.
_BATCH_BYTES = 256 * 1024 * 1024


def read_parquet(path: str, columns: Columns, faults: Faults = STOP) -> Iterator[Fields]:
    """Yield each row of a Parquet file; memory holds 1,000 of them.

    Raises FormatError for a file that is not whole, columns that `columns` refuses, and a file
    without a row.
    """
    table, number = Table(path), 0
    for number, (header, values) in enumerate(_read_values(path), start=1):
        if number == 1:
            columns.check_header(Location(table, 0), header)
            readers = [cell_reader(column, columns) for column in header]
        yield row_of(Location(table, number), header, readers, values)
    if number == 0:
        raise FormatError(table, 0, "", Finding("an empty table"), "at least one row")


def first_cells(path: str) -> dict[str, object]:
    """Return the first row's cells by column, None where it has none."""
    for header, values in _read_values(path):
        return dict(zip(header, values, strict=True))
    raise FormatError(Table(path), 0, "", Finding("an empty table"), "at least one row")


def _read_values(path: str) -> Iterator[tuple[list[str], tuple[object, ...]]]:
    """Yield the names of the columns with the values of each row."""
    # Reading anything else starts without pyarrow's 50 MB.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    with open_bytes(path) as stream:
        try:
            file = pq.ParquetFile(stream)
            header = list(file.schema_arrow.names)
            n_unpacked = 0
            for batch in file.iter_batches(batch_size=_rows_at_once(file.metadata)):
                columns = [_without_dictionary(path, column) for column in batch.columns]
                n_unpacked += sum(column.nbytes for column in columns)
                check_unpacked(path, n_unpacked)
                for values in zip(*(column.to_pylist() for column in columns), strict=True):
                    yield header, values
        except pa.ArrowException as error:
            found = Finding(f"broken ({error})")
            raise FormatError(Table(path), 0, "", found, "a whole Parquet file") from None


def _without_dictionary(path: str, column: pa.Array) -> pa.Array:
    """Write out what a categorical column holds once, so that its size can be looked at."""
    if hasattr(column, "dictionary_decode"):
        return column.dictionary_decode()
    if "dictionary<" in str(column.type):
        found = Finding(f"a column of {column.type}")
        raise FormatError(Table(path), 0, "", found, "categories in columns of their own")
    return column


def _rows_at_once(metadata: pq.FileMetaData) -> int:
    """Give how many rows can be unpacked at once, if each held the longest text of each column.

    Where a column has a dictionary, no text is longer than what the file holds of the column; the
    others unpack to what the file says.
    """
    most = 1
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        columns = map(group.column, range(group.num_columns))
        of_dictionaries = (
            column.total_uncompressed_size for column in columns if column.has_dictionary_page
        )
        most = max(most, sum(of_dictionaries))
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // most))


def cell_reader(column: str, columns: Columns) -> Callable[[object], object]:
    """Choose how the cells of a column are read."""
    if column in columns.whole_numbers:
        return _whole_number
    return _json_value if column in columns.json_values else _plain


def row_of(
    location: Location,
    header: list[str],
    readers: list[Callable[[object], object]],
    values: tuple[object, ...],
) -> Fields:
    """Make a row of its cells; None is not given."""
    cells = {
        column: read(value)
        for column, read, value in zip(header, readers, values, strict=True)
        if value is not None
    }
    return Fields(location, cells)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _whole_number(value: object) -> object:
    # A column with gaps has come through pandas, where whole numbers with gaps are floats.
    is_whole = isinstance(value, float) and math.isfinite(value) and value.is_integer()
    return int(value) if is_whole and isinstance(value, float) else value


def _json_value(value: object) -> object:
    try:
        return without_nulls(parse_cell(value) if isinstance(value, str) else value)
    except RecursionError:
        return str(value)[:_SHOWN_CHARS]  # whoever reads it says that it is no list


def without_nulls(value: object) -> object:
    """Leave out of objects what is null: a struct has the fields of all the rows."""
    if isinstance(value, dict):
        return {key: without_nulls(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [without_nulls(part) for part in value]
    return value
