"""What is wrong in a file: the first fault ends the reading, or all of them are gathered."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from typing import TextIO, TypeVar

from annotate.formats.errors import Cut, Finding, FormatError

MAX_KEPT = 10_000
_KEPT_CHARS = 1_000

_From = TypeVar("_From")
_Row = TypeVar("_Row")


class LeftOut(Exception):
    """Raised for a row that is right and says nothing to keep; its text is the reason."""


class Faults:
    """Gathers the faults of one reading, which goes on with the next row.

    `n` counts them, `kept` holds the first `limit`, their values cut to 1,000 characters, and
    `stream` gets each as a line of JSON. `left_out` counts, by the reason, what is no fault and
    still makes no row.
    """

    def __init__(self, *, limit: int = MAX_KEPT, stream: TextIO | None = None) -> None:
        self.n = 0
        self.kept: list[FormatError] = []
        self.left_out: Counter[str] = Counter()
        self._limit = limit
        self._stream = stream

    def tell(self, fault: FormatError) -> None:
        """Take a fault; whoever tells it goes on with the next row."""
        self.n += 1
        is_kept = len(self.kept) < self._limit
        if is_kept or self._stream is not None:
            cut = _cut(fault)
            if is_kept:
                self.kept.append(cut)
            if self._stream is not None:
                self._stream.write(json.dumps(fault_columns(cut), ensure_ascii=False) + "\n")

    def leave_out(self, reason: str) -> None:
        """Count something that is left out though nothing is wrong with it."""
        self.left_out[reason] += 1


class StopAtFirst(Faults):
    """Raises the first fault; only what is left out is counted."""

    def tell(self, fault: FormatError) -> None:
        """Raise the fault."""
        raise fault


# What readers do unless they are told otherwise. What it counts as left out, nobody reads.
STOP = StopAtFirst()


@contextmanager
def faults_in_file(path: str | PathLike[str], *, limit: int = MAX_KEPT) -> Iterator[Faults]:
    """Gather faults and write each into a JSONL file as it is told, whatever ends the block.

    The file has no line where nothing was wrong. Raises FormatError where none can be made.
    """
    name = fspath(path)
    try:
        # A lone surrogate is written as the escape that JSON has for it.
        stream = open(name, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    except OSError as error:
        found = Finding(f"no file can be made ({error.strerror})")
        raise FormatError(name, 0, "", found, "a file that can be written to") from None
    with stream:
        yield Faults(limit=limit, stream=stream)


def fault_columns(fault: FormatError) -> dict[str, object]:
    """Return a fault as a row of an errors file; `message` says it all in one line."""
    return {
        "path": str(fault.path),
        "line": fault.line,
        "field": fault.field,
        "value": fault.value,
        "expected": fault.expected,
        "message": str(fault),
    }


def made(rows: Iterable[_From], make: Callable[[_From], _Row], faults: Faults) -> Iterator[_Row]:
    """Make something of each row; a row of which it cannot be made is a fault, or is left out."""
    for row in rows:
        try:
            outcome = make(row)
        except FormatError as fault:
            faults.tell(fault)
        except LeftOut as reason:
            faults.leave_out(str(reason))
        else:
            yield outcome


def until_unreadable(read: Callable[[], Iterable[_Row]], faults: Faults) -> Iterator[_Row]:
    """Read rows until the file cannot be read any further, which is a fault of its own."""
    try:
        yield from read()
    except FormatError as fault:
        faults.tell(fault)


def _cut(fault: FormatError) -> FormatError:
    """Give the fault without a long value, and without the frames that hold its row."""
    value = fault.value
    if not isinstance(value, Finding):
        try:
            shown = json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError):
            value = shown = Cut(repr(value))
        except RecursionError:
            value = shown = Cut("[[…")
        if len(shown) > _KEPT_CHARS:
            value = Cut(shown[:_KEPT_CHARS])
    return FormatError(fault.path, fault.line, fault.field, value, fault.expected)
