"""Rows of a file, whichever way it holds them: lines, an array, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from annotate.formats.columns import Columns
from annotate.formats.csvtext import read_csv
from annotate.formats.faults import STOP, Faults
from annotate.formats.fields import Fields
from annotate.formats.jsontext import read_json_array, read_json_lines
from annotate.formats.lines import BYTE_ORDER_MARK, open_bytes
from annotate.formats.tables import read_parquet

_SNIFFED_BYTES = 4096
_PARQUET_MAGIC = b"PAR1"

Shape = Literal["lines", "array", "csv", "parquet"]


def shape_of(path: str) -> Shape:
    """Say how a file holds its rows; CSV has to be named so."""
    if path.removesuffix(".gz").endswith(".csv"):
        return "csv"
    with open_bytes(path) as stream:
        beginning = stream.read(_SNIFFED_BYTES)
    if beginning.startswith(_PARQUET_MAGIC):
        return "parquet"
    return "array" if beginning.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] == b"[" else "lines"


def read_records(path: str, columns: Columns, faults: Faults = STOP) -> Iterator[Fields]:
    """Yield the rows of a file of any shape; `columns` says how cells of a table are read."""
    shape = shape_of(path)
    if shape == "csv":
        return read_csv(path, columns, faults)
    if shape == "parquet":
        return read_parquet(path, columns, faults)
    return read_json_array(path) if shape == "array" else read_json_lines(path, faults)
