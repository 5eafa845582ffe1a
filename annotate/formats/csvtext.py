"""CSV as a stream of rows, each with the line on which it begins."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator

from annotate.formats.columns import refuse_misspelt
from annotate.formats.errors import MISSING, Finding, FormatError
from annotate.formats.fields import Fields
from annotate.formats.jsontext import parse_cell
from annotate.formats.lines import EMPTY, read_lines
from annotate.formats.rows import Location

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


def read_csv(
    path: str,
    *,
    required: tuple[str, ...],
    optional: tuple[str, ...] = (),
    whole_numbers: Collection[str] = (),
    json_values: Collection[str] = (),
) -> Iterator[Fields]:
    """Yield each row below the header; an empty cell is not given.

    Cells of the columns in `whole_numbers` become numbers where they are written as such, and
    those in `json_values` what their JSON says. Raises FormatError for a header without a required
    column or with one twice, for a row of another width, for quotes that do not match, and for a
    file without a row.
    """
    records = _read_records(path)
    header_line, header = _header(path, records)
    _check_header(Location(path, header_line), header, required, optional)
    readers = dict.fromkeys(whole_numbers, _number) | dict.fromkeys(json_values, parse_cell)
    is_empty = True
    for line, record in records:
        is_empty = False
        if len(record) != len(header):
            found = Finding(f"{len(record)} cells")
            raise FormatError(path, line, "", found, f"{len(header)}, as in the header")
        cells: dict[str, object] = {
            column: readers[column](cell) if column in readers else cell
            for column, cell in zip(header, record, strict=True)
            if cell
        }
        yield Fields(Location(path, line), cells)
    if is_empty:
        found = Finding("no row below the header")
        raise FormatError(path, header_line, "", found, "at least one row")


def read_header(path: str) -> list[str]:
    """Return the names in the header."""
    return _header(path, _read_records(path))[1]


def _header(path: str, records: Iterator[tuple[int, list[str]]]) -> tuple[int, list[str]]:
    for line, record in records:
        return line, record
    raise FormatError(path, 0, "", EMPTY, "a header and at least one row")


def _read_records(path: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((line for _, line in read_lines(path)), strict=True)
    line = 1
    try:
        for record in reader:
            if record:
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        found = Finding(f"invalid CSV ({error})")
        raise FormatError(path, line, "", found, "cells separated by commas, quotes doubled") from (
            None
        )


def _check_header(
    location: Location, header: list[str], required: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    for column in header:
        if header.count(column) > 1:
            raise FormatError(*location, column, Finding("given twice"), "each column once")
    refuse_misspelt(location, header, required + optional)
    for column in required:
        if column not in header:
            raise FormatError(*location, column, MISSING, "a column of this name in the header")


def _number(cell: str) -> int | str:
    return int(cell) if _WHOLE_NUMBER.fullmatch(cell) else cell
