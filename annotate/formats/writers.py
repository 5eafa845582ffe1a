"""Rows into files that are whole or not there, and the same bytes for the same rows."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import TYPE_CHECKING

from annotate.formats.errors import Finding, FormatError

if TYPE_CHECKING:
    import pyarrow as pa

_Row = Mapping[str, object]
_ENDINGS = (".jsonl", ".parquet")


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file as it was written: its rows, its size, and the SHA-256 of its bytes in hex."""

    path: Path
    n_rows: int
    sha256: str
    n_bytes: int


def write_rows(
    path: str | os.PathLike[str], rows: Iterable[_Row], *, schema: pa.Schema | None = None
) -> WrittenFile:
    """Write rows to a `.jsonl` or `.parquet` file, which appears when it is whole.

    Columns keep the order of each row in JSONL, and that of `schema`, which Parquet needs, there.
    A file that stood at `path` is replaced, and stays as it is where anything fails. Raises
    FormatError for another ending, a folder that is not there, and a row that does not fit.
    """
    target = Path(path)
    if target.suffix not in _ENDINGS:
        expected = f"one of {', '.join(_ENDINGS)}"
        raise FormatError(str(target), 0, "ending", target.suffix, expected)
    with _replaced_when_whole(target) as stream:
        if target.suffix == ".jsonl":
            n_rows = _write_jsonl(stream, rows, str(target))
        else:
            n_rows = _write_parquet(stream, rows, schema, str(target))
        stream.flush()
        stream.seek(0)
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        n_bytes = stream.tell()
    return WrittenFile(path=target, n_rows=n_rows, sha256=sha256, n_bytes=n_bytes)


@contextmanager
def _replaced_when_whole(target: Path) -> Iterator[BufferedRandom]:
    folder = target.absolute().parent
    temporary = folder / f".{target.name}.{secrets.token_hex(8)}.part"
    if target.is_dir():
        raise FormatError(str(target), 0, "", Finding("a folder"), "the name of a file")
    try:
        stream = temporary.open("x+b")
    except OSError as error:
        found = Finding(f"no file can be made in {folder} ({error.strerror})")
        raise FormatError(str(target), 0, "", found, "a folder that can be written to") from None
    try:
        with stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    # Without this the renaming itself may be lost with the power.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_jsonl(stream: BufferedRandom, rows: Iterable[_Row], path: str) -> int:
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    n_rows = 0
    for n_rows, row in enumerate(rows, start=1):
        try:
            stream.write(encode(row).encode("utf-8") + b"\n")
        except (TypeError, ValueError, RecursionError) as error:
            found = Finding(f"a row that cannot be written ({error})")
            raise FormatError(path, n_rows, "", found, "values that JSON has") from error
    return n_rows


def _write_parquet(
    stream: BufferedRandom, rows: Iterable[_Row], schema: pa.Schema | None, path: str
) -> int:
    if schema is None:
        raise FormatError(path, 0, "schema", Finding("missing"), "the columns of a Parquet file")
    # Commands that write no Parquet start without pyarrow's 50 MB.
    from annotate.formats.parquet import write_batches  # noqa: PLC0415

    return write_batches(stream, rows, schema, path)
