"""Files as lines, with the errors of opening and decoding told by file and line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

from annotate.formats.errors import Finding, FormatError
from annotate.formats.faults import STOP, Faults

# A row of one completion is some kilobytes. The bound keeps a hostile file, such as a compressed
# line of many gigabytes, from filling the memory.
MAX_ROW_BYTES = 16 * 1024 * 1024
TOO_LONG = Finding(f"longer than {MAX_ROW_BYTES // 2**20} MiB")
EMPTY = Finding("an empty file")

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@contextmanager
def open_bytes(path: str) -> Iterator[BufferedIOBase]:
    """Open a file for reading, unpacked where its name ends in `.gz`.

    Raises FormatError where it is missing, a folder, unreadable, or not whole gzip.
    """
    try:
        with gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb") as stream:
            yield stream
    except FileNotFoundError:
        raise FormatError(path, 0, "", Finding("no such file"), "a file to read") from None
    except IsADirectoryError:
        raise FormatError(path, 0, "", Finding("a folder"), "a file") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FormatError(path, 0, "", Finding(f"broken ({error})"), "a whole .gz file") from None
    except OSError as error:
        found = Finding(f"unreadable ({error.strerror})")
        raise FormatError(path, 0, "", found, "a file that may be read") from None


def read_lines(path: str, faults: Faults = STOP) -> Iterator[tuple[int, str]]:
    """Yield each line with its number from 1; a byte order mark is left out.

    A line that is not UTF-8, or longer than `MAX_ROW_BYTES`, is a fault.
    """
    for number, raw in read_raw_lines(path, faults):
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            faults.tell(not_utf8(path, number, error))
        else:
            yield number, line


def read_raw_lines(path: str, faults: Faults = STOP) -> Iterator[tuple[int, bytes]]:
    """Yield the bytes of each line with its number, as `read_lines` does the text."""
    with open_bytes(path) as stream:
        number = 0
        while raw := stream.readline(MAX_ROW_BYTES + 1):
            number += 1
            if len(raw) > MAX_ROW_BYTES:
                faults.tell(FormatError(path, number, "", TOO_LONG, "one row a line"))
                if not raw.endswith(b"\n"):
                    _pass_over_line(stream)
                continue
            yield number, raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw


def _pass_over_line(stream: BufferedIOBase) -> None:
    while (raw := stream.readline(MAX_ROW_BYTES)) and not raw.endswith(b"\n"):
        pass


def not_utf8(path: str, line: int, error: UnicodeDecodeError) -> FormatError:
    """Tell which byte of a line could not be decoded."""
    found = Finding(f"invalid UTF-8 (byte 0x{error.object[error.start]:02x})")
    return FormatError(path, line, "", found, "text in UTF-8")


def beside(path: str, name: str, *, levels: int = 1) -> str | None:
    """Find the file `name`, or `name.gz`, in the folder of `path` or in one of its parents.

    `levels` says how many folders are looked into, the nearest first.
    """
    folders = list(Path(path).absolute().parents)[:levels]
    for folder in folders:
        for candidate in (folder / name, folder / f"{name}.gz"):
            if candidate.is_file():
                return str(candidate)
    return None
