"""Files as lines, with the errors of opening and decoding told by file and line."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING

from annotate.formats.errors import Finding, FormatError
from annotate.formats.faults import STOP, Faults

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# A row of one completion is some kilobytes. The bound keeps a hostile file, such as a compressed
# line of many gigabytes, from filling the memory.
MAX_ROW_BYTES = 16 * 1024 * 1024
TOO_LONG = Finding(f"longer than {MAX_ROW_BYTES // 2**20} MiB")
EMPTY = Finding("an empty file")
# Rows that hardly differ are packed to a fiftieth of their size. What unpacks to much more was
# made to fill somebody's memory or time.
MAX_UNPACKED_TIMES = 200
UNPACKED_ANYWAY_BYTES = MAX_ROW_BYTES

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@contextmanager
def open_bytes(path: str) -> Iterator[BufferedIOBase]:
    """Open a file for reading, unpacked where its name ends in `.gz`.

    Raises FormatError where it is missing, a folder, unreadable, or not whole gzip, and where more
    comes of it than `check_unpacked` lets pass.
    """
    try:
        with _Unpacking(path) if path.endswith(".gz") else open(path, "rb") as stream:
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


def check_unpacked(path: str, n_bytes: int) -> None:
    """Refuse a file of which so much has come that its size cannot be honest."""
    if n_bytes <= UNPACKED_ANYWAY_BYTES:
        return
    if n_bytes > MAX_UNPACKED_TIMES * os.stat(path).st_size:
        found = Finding(f"a file that unpacks to {MAX_UNPACKED_TIMES} times its size or more")
        raise FormatError(path, 0, "", found, "rows that differ; send them unpacked if they do")


class _Unpacking(io.BufferedReader):
    """A gzip file as it is unpacked, looked at by `check_unpacked` on the way."""

    def __init__(self, path: str) -> None:
        super().__init__(_Unpacked(path), 64 * 1024)


class _Unpacked(io.RawIOBase):
    def __init__(self, path: str) -> None:
        self._path = path
        self._file = gzip.open(path, "rb")  # noqa: SIM115  `close` closes it

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        n_bytes = self._file.readinto(buffer)
        check_unpacked(self._path, self._file.tell())
        return n_bytes

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:  # gzip would go there without a look
            chunk = bytearray(1024 * 1024)
            while self.readinto(chunk):
                pass
            offset, whence = self._file.tell() + offset, os.SEEK_SET
        return self._file.seek(offset, whence)

    def close(self) -> None:
        self._file.close()
        super().close()


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
