"""JSON as streams of objects: one a line, or the elements of one array."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from io import BufferedIOBase
from json import JSONDecodeError, JSONDecoder
from typing import NoReturn

from annotate.formats.errors import Finding, FormatError, show_value
from annotate.formats.faults import STOP, Faults
from annotate.formats.fields import Fields
from annotate.formats.lines import (
    EMPTY,
    MAX_ROW_BYTES,
    TOO_LONG,
    not_utf8,
    open_bytes,
    read_raw_lines,
)
from annotate.formats.rows import Location

_CHUNK_BYTES = 64 * 1024
_LINE_ENDS = ("\n", "", "\r\n")
_SPACES = re.compile(r"[ \t\n\r]*")
_SHOWN_CHARS = 20


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _object_of_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{show_value(twice)} is given twice")
    return made


_DECODER = JSONDecoder(object_pairs_hook=_object_of_pairs, parse_constant=_refuse_constant)


def read_json_lines(path: str, faults: Faults = STOP) -> Iterator[Fields]:
    """Yield the object on each line; blank lines are passed over.

    A line that holds anything else is a fault, and so is a file without any row.
    """
    n_faults, is_empty = faults.n, True
    for number, raw in read_raw_lines(path, faults):
        if raw.isspace() or not raw:
            continue
        is_empty = False
        try:
            row = _parse_line(path, number, raw)
        except FormatError as fault:
            faults.tell(fault)
        else:
            yield row
    if is_empty and faults.n == n_faults:
        raise FormatError(path, 0, "", EMPTY, "at least one row")


def _parse_line(path: str, number: int, raw: bytes) -> Fields:
    try:
        line = raw.decode("utf-8")
        row, end = _DECODER.raw_decode(line)
        if line[end:] not in _LINE_ENDS:
            row = _DECODER.decode(line)  # which says what is wrong with the rest
    except JSONDecodeError:
        return _parse_line_with_space(path, number, line)
    except UnicodeDecodeError as error:
        raise not_utf8(path, number, error) from None
    except (ValueError, RecursionError) as error:
        raise _invalid(path, number, _reason(error), "one JSON object a line") from None
    fields = _fields(path, number, row)
    # JSON holds what cannot be stored as an escape alone.
    fields.is_storable = b"\\u" not in raw
    return fields


def _parse_line_with_space(path: str, number: int, line: str) -> Fields:
    try:
        return _fields(path, number, _DECODER.decode(line))
    except JSONDecodeError as error:
        reason = f"{error.msg} at column {error.colno}"
        raise _invalid(path, number, reason, "one JSON object a line") from None
    except (ValueError, RecursionError) as error:
        raise _invalid(path, number, _reason(error), "one JSON object a line") from None


def read_json_array(path: str) -> Iterator[Fields]:
    """Yield the objects of a file that is one JSON array, holding one of them at a time.

    Raises FormatError where the file is anything else, or the array is empty: what comes after a
    broken object cannot be known.
    """
    with open_bytes(path) as stream:
        window = _Window(path, stream)
        if not window.peek():
            raise FormatError(path, 0, "", EMPTY, "at least one row")
        window.take("[", "a JSON array")
        if window.peek() == "]":
            raise FormatError(path, window.line, "", Finding("an empty array"), "at least one row")
        yield window.take_object()
        while window.peek() != "]":
            window.take(",", '"," or "]" between the rows of the array')
            yield window.take_object()
        window.take("]", "the end of the array")
        if window.peek():
            raise window.fail("nothing after the array")


def parse_cell(cell: str) -> object:
    """Return the list or object that a cell holds as JSON, or the cell itself where it is none."""
    if not cell.lstrip().startswith(("[", "{")):
        return cell
    try:
        return _DECODER.decode(cell)
    except (ValueError, RecursionError):
        return cell


class _Window:
    """The part of a text that is being parsed, and the line on which it begins."""

    def __init__(self, path: str, stream: BufferedIOBase) -> None:
        self.line = 1
        self._path = path
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._start = 0
        self._lines_decoded = 0

    def peek(self) -> str:
        """Return the next character that is no space, or "" at the end."""
        while True:
            if spaces := _SPACES.match(self._text, self._start):
                self._skip(len(spaces[0]))
            if self._start < len(self._text):
                return self._text[self._start]
            if not self._grow(_CHUNK_BYTES):
                return ""

    def take(self, character: str, expected: str) -> None:
        """Pass over the next character, which has to be this one."""
        if self.peek() != character:
            raise self.fail(expected)
        self._skip(1)

    def take_object(self) -> Fields:
        """Parse and pass over the next value, which has to be an object."""
        if self.peek() != "{":
            raise self.fail("a JSON object")
        while True:
            try:
                row, end = _DECODER.raw_decode(self._text, self._start)
                break
            except JSONDecodeError as error:
                start = self._start
                if not self._grow_for_object():
                    raise self._unparsable(error, start) from None
            except (ValueError, RecursionError) as error:
                raise _invalid(self._path, self.line, _reason(error), "a JSON object") from None
        fields = _fields(self._path, self.line, row)
        self._skip(end - self._start)
        return fields

    def _unparsable(self, error: JSONDecodeError, start: int) -> FormatError:
        line = self.line + error.doc.count("\n", start, error.pos)
        rest = show_value(error.doc[error.pos : error.pos + _SHOWN_CHARS])
        reason = f"{error.msg} on line {line}, before {rest}"
        return _invalid(self._path, self.line, reason, "a JSON object")

    def _grow_for_object(self) -> bool:
        unparsed = len(self._text) - self._start
        if unparsed > MAX_ROW_BYTES:
            raise FormatError(self._path, self.line, "", TOO_LONG, "rows shorter than that")
        # Twice as much each time, so that a long object is parsed a few times only.
        return self._grow(max(_CHUNK_BYTES, unparsed))

    def fail(self, expected: str) -> FormatError:
        """Tell what stands at the present place instead of what is expected."""
        rest = self._text[self._start : self._start + _SHOWN_CHARS]
        found = f"invalid JSON (found {show_value(rest)})" if rest else "the file ends here"
        return FormatError(self._path, self.line, "", Finding(found), expected)

    def _skip(self, n_chars: int) -> None:
        self.line += self._text.count("\n", self._start, self._start + n_chars)
        self._start += n_chars

    def _grow(self, n_bytes: int) -> bool:
        chunk = self._stream.read(n_bytes)
        try:
            decoded = self._decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line = 1 + self._lines_decoded + error.object[: error.start].count(b"\n")
            raise not_utf8(self._path, line, error) from None
        self._lines_decoded += decoded.count("\n")
        self._text = self._text[self._start :] + decoded
        self._start = 0
        return bool(chunk)


def _fields(path: str, line: int, row: object) -> Fields:
    if not isinstance(row, dict):
        raise FormatError(path, line, "", row, "a JSON object")
    return Fields(Location(path, line), row)


def _invalid(path: str, line: int, reason: str, expected: str) -> FormatError:
    return FormatError(path, line, "", Finding(f"invalid JSON ({reason})"), expected)


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
