"""CSV as a stream of rows, each with the line on which it begins."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator

from annotate.formats.columns import Columns
from annotate.formats.errors import Finding, FormatError
from annotate.formats.faults import STOP, Faults
from annotate.formats.fields import Fields
from annotate.formats.jsontext import parse_cell
from annotate.formats.lines import EMPTY, MAX_ROW_BYTES, read_lines
from annotate.formats.rows import Location

# Python's own bound is 128 KiB a cell, for the whole process; a row of ours may have all of this.
csv.field_size_limit(MAX_ROW_BYTES)

_FLAGS = {"true": True, "false": False}
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,19}")


def read_csv(path: str, columns: Columns, faults: Faults = STOP) -> Iterator[Fields]:
    """Yield each row below the header; an empty cell is not given.

    Cells become what `columns` says where they are written as such. A row of another width and
    quotes that do not match are faults. Raises FormatError for a header that `columns` refuses,
    and for a file without a row.
    """
    records = _read_records(path, faults)
    header_line, header = _header(path, records)
    columns.check_header(Location(path, header_line), header)
    readers: dict[str, Callable[[str], object]] = {
        **dict.fromkeys(columns.whole_numbers, _whole_number),
        **dict.fromkeys(columns.numbers, _number),
        **dict.fromkeys(columns.flags, _flag),
        **dict.fromkeys(columns.json_values, parse_cell),
    }
    n_faults, is_empty = faults.n, True
    for line, record in records:
        is_empty = False
        if len(record) != len(header):
            found = Finding(f"{len(record)} cells")
            expected = f"{len(header)}, as in the header"
            faults.tell(FormatError(path, line, "", found, expected))
            continue
        cells: dict[str, object] = {
            column: readers[column](cell) if column in readers else cell
            for column, cell in zip(header, record, strict=True)
            if cell
        }
        yield Fields(Location(path, line), cells)
    if is_empty and faults.n == n_faults:
        found = Finding("no row below the header")
        raise FormatError(path, header_line, "", found, "at least one row")


def read_header(path: str) -> list[str]:
    """Return the names in the header."""
    return _header(path, _read_records(path))[1]


def _header(path: str, records: Iterator[tuple[int, list[str]]]) -> tuple[int, list[str]]:
    for line, record in records:
        return line, record
    raise FormatError(path, 0, "", EMPTY, "a header and at least one row")


def _read_records(path: str, faults: Faults = STOP) -> Iterator[tuple[int, list[str]]]:
    """Yield the records with the line on which each begins; wrong quotes are a fault."""
    begins = 0

    def lines() -> Iterator[str]:
        nonlocal begins
        for number, line in read_lines(path, faults):
            begins = begins or number
            yield line

    reader = csv.reader(lines(), strict=True)
    while True:
        begins = 0
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            found = Finding(f"invalid CSV ({error})")
            expected = "cells separated by commas, quotes doubled"
            faults.tell(FormatError(path, begins, "", found, expected))
            continue
        if record:
            yield begins, record


def _whole_number(cell: str) -> int | str:
    return int(cell) if _WHOLE_NUMBER.fullmatch(cell) else cell


def _number(cell: str) -> float | str:
    if _WHOLE_NUMBER.fullmatch(cell):
        return int(cell)
    return float(cell) if _NUMBER.fullmatch(cell) else cell


def _flag(cell: str) -> bool | str:
    return _FLAGS.get(cell.lower(), cell)
