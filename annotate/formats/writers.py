"""Rows into files that are whole or not there, and the same bytes for the same rows."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedRandom
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from annotate.formats.behind import Behind
from annotate.formats.encoding import encode_cells, encode_line, encode_row
from annotate.formats.errors import Finding, FormatError

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, object]
Write = Callable[[Sequence[Row], int], None]
"""Takes some rows of a file, and the number of the first of them, from 1."""

FILE_ENDINGS = (".jsonl", ".parquet", ".csv")
# So many rows are held as Python objects at a time.
BATCH_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file as it was written: its rows, its size, and the SHA-256 of its bytes in hex."""

    path: Path
    n_rows: int
    sha256: str
    n_bytes: int


def write_rows(
    path: str | os.PathLike[str], rows: Iterable[Row], *, schema: pa.Schema | None = None
) -> WrittenFile:
    """Write rows to one file; as `write_files`."""
    (written,) = write_files([path], rows, schema=schema)
    return written


def write_files(
    paths: Sequence[str | os.PathLike[str]],
    rows: Iterable[Row],
    *,
    schema: pa.Schema | None = None,
) -> list[WrittenFile]:
    """Write the same rows to files of several endings at once; they appear when all are whole.

    Columns keep the order of each row in `.jsonl`, and that of `schema`, which the others need, in
    `.parquet` and `.csv`. A file that stood at a path is replaced, and stays as it is where
    anything fails. Raises FormatError for another ending, a folder that is not there, and a row
    that does not fit. Rows may be any iterator: memory holds `BATCH_ROWS` of them, and of Parquet
    one row group.
    """
    targets = [Path(path) for path in paths]
    for target in targets:
        check_ending(target, FILE_ENDINGS)
    with ExitStack() as stack:
        streams = [stack.enter_context(replaced_when_whole(target)) for target in targets]
        opened = list(zip(streams, targets, strict=True))
        with ExitStack() as writing:
            writers = [
                writing.enter_context(_open_writer(stream, schema, target))
                for stream, target in opened
            ]
            n_rows = _write_batches(writers, rows)
        return [measure_file(stream, target, n_rows) for stream, target in opened]


def write_jsonl(rows: Iterable[Row], *, batch_bytes: int = 1 << 16) -> Iterator[bytes]:
    """Yield the bytes of a `.jsonl` file as rows come, in pieces of whole lines.

    A piece has `batch_bytes` or a little more; the first is the first row, so that whoever waits
    sees at once that something comes. Raises FormatError for a row that JSON cannot hold.
    """
    held: list[bytes] = []
    n_held = 0
    for number, row in enumerate(rows, start=1):
        line = encode_row(row, "rows", number)
        held.append(line)
        n_held += len(line)
        if n_held >= batch_bytes or number == 1:
            yield b"".join(held)
            held, n_held = [], 0
    if held:
        yield b"".join(held)


def _write_batches(writers: Sequence[Write], rows: Iterable[Row]) -> int:
    rest = iter(rows)
    n_rows = 0
    while batch := list(islice(rest, BATCH_ROWS)):
        for write in writers:
            write(batch, n_rows + 1)
        n_rows += len(batch)
    return n_rows


def _open_writer(
    stream: BufferedRandom, schema: pa.Schema | None, target: Path
) -> AbstractContextManager[Write]:
    """Give what writes to a stream, and ends the file when it is left."""
    path = str(target)
    if target.suffix == ".jsonl":
        return _open_jsonl(stream, path)
    if schema is None:
        kind = {".parquet": "Parquet", ".csv": "CSV"}[target.suffix]
        raise FormatError(path, 0, "schema", Finding("missing"), f"the columns of a {kind} file")
    if target.suffix == ".csv":
        return _open_csv(stream, schema.names, path)
    # Commands that write no Parquet start without pyarrow's 50 MB.
    from annotate.formats.parquet import open_parquet  # noqa: PLC0415

    return open_parquet(stream, schema, path)


@contextmanager
def _open_jsonl(stream: BufferedRandom, path: str) -> Iterator[Write]:
    def write(batch: Sequence[Row], first_row: int) -> None:
        lines = [encode_row(row, path, number) for number, row in enumerate(batch, first_row)]
        behind.do(lambda: stream.write(b"".join(lines)))

    with Behind() as behind:
        yield write


@contextmanager
def _open_csv(stream: BufferedRandom, names: Sequence[str], path: str) -> Iterator[Write]:
    def write(batch: Sequence[Row], first_row: int) -> None:
        stream.writelines(
            encode_cells(row, names, path, number) for number, row in enumerate(batch, first_row)
        )

    stream.write(encode_line(names))
    yield write


def check_ending(target: Path, endings: Sequence[str]) -> None:
    """Refuse a name that ends otherwise."""
    if target.suffix not in endings:
        expected = f"one of {', '.join(endings)}"
        raise FormatError(str(target), 0, "ending", target.suffix, expected)


def measure_file(stream: BufferedRandom, target: Path, n_rows: int) -> WrittenFile:
    """Say what has been written to a stream."""
    stream.flush()
    stream.seek(0)
    sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return WrittenFile(path=target, n_rows=n_rows, sha256=sha256, n_bytes=stream.tell())


@contextmanager
def replaced_when_whole(target: Path) -> Iterator[BufferedRandom]:
    """Open a file that takes its name when the block ends well, and is gone where it does not."""
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
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Put names of files on the disk, which a renaming may lose with the power without it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
