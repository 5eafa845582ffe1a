"""The one exception of this room: what was wrong, where, and what would be right."""

from __future__ import annotations

import json

_SHOWN_CHARS = 80
_FOUND_CHARS = 500  # a finding may quote what the file says


class Finding(str):
    """What was found, told in words rather than shown as a value of the file."""

    __slots__ = ()


class Cut(str):
    """The beginning of a long value, as a file would write it."""

    __slots__ = ()


class Table(str):
    """The name of something with rows but no lines: a Parquet file, a DataFrame."""

    __slots__ = ()


MISSING = Finding("missing")


class FormatError(ValueError):
    """A file, or one row of it, is not what its format asks for.

    `line` counts from 1 (of a `Table`, it is the row), and 0 stands for the file as a whole;
    `field` is "" where a whole row is meant. `expected` goes on after "is not", or after "expected"
    where `value` is a `Finding`.
    """

    def __init__(self, path: str, line: int, field: str, value: object, expected: str) -> None:
        if isinstance(value, Finding) and len(value) > _FOUND_CHARS:
            value = Finding(f"{value[:_FOUND_CHARS]}…")
        super().__init__(path, line, field, value, expected)
        self.path = path
        self.line = line
        self.field = field
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        where = place(self.path, self.line)
        if self.field:
            where += f", {self.field}"
        if isinstance(self.value, Finding):
            return _one_line(f"{where}: {self.value}; expected {self.expected}")
        return _one_line(f"{where}: {show_value(self.value)} is not {self.expected}")


def place(path: str, line: int) -> str:
    """Name a file and a line of it, or where the line is 0, the file alone."""
    return f"{path}, {line_word(path)} {line}" if line else path


def line_word(path: str) -> str:
    """Say what a place in this file is called."""
    return "row" if isinstance(path, Table) else "line"


def show_value(value: object) -> str:
    """Write a value as its file would, cut where it is long."""
    try:
        shown = value if isinstance(value, Cut) else json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        shown = repr(value)
    except RecursionError:
        shown = "[[…"
    return shown if len(shown) <= _SHOWN_CHARS else f"{shown[:_SHOWN_CHARS]}…"


def _one_line(message: str) -> str:
    # A path or a value may hold line breaks, or surrogates that no terminal could be sent.
    joined = " ".join(message.splitlines())
    return joined.encode("utf-8", "backslashreplace").decode("utf-8")
