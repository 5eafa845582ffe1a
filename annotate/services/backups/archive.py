"""The archive as a file: parts go in as they are read, and come out checked."""

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from annotate.services.backups.manifest import FileEntry
from annotate.services.errors import ArchiveRefused

BLOCK_BYTES = 1 << 20
DUMP = "database.dump"
FILES = "files/"
# What is compressed already would only cost time.
_COMPRESSED = {".bz2", ".gz", ".parquet", ".pdf", ".png", ".safetensors", ".xz", ".zip", ".zst"}
_LEVEL = 1  # of zlib: three times as fast as its default, for a tenth more bytes

# What zipfile raises for bytes that are not as they were written.
_DAMAGES = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OverflowError,
    RuntimeError, ValueError,
)  # fmt: skip

OnBytes = Callable[[int], None]


class CountedStream(io.RawIOBase):
    """Passes bytes on to a file or pipe, counts them and keeps their SHA-256; it cannot seek."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._digest = hashlib.sha256()
        self.n_bytes = 0

    def writable(self) -> bool:
        """Say that this is to be written to."""
        return True

    def write(self, block: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """Write all of a block."""
        self._target.write(block)
        self._digest.update(block)
        self.n_bytes += len(block)
        return len(block)

    def flush(self) -> None:
        """Flush the target."""
        self._target.flush()

    @property
    def sha256(self) -> str:
        """Give the SHA-256 of what was written."""
        return self._digest.hexdigest()


class ArchiveWriter:
    """Writes an archive part by part; before `close` it has no list of parts and is no zip."""

    def __init__(self, stream: CountedStream) -> None:
        self._zip = zipfile.ZipFile(stream, "w", allowZip64=True)

    def add(
        self, name: str, source: BinaryIO, on_bytes: OnBytes, *, mode: int = 0o600
    ) -> FileEntry:
        """Copy a stream to its end into a part, and say what it was."""
        part = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
        part.external_attr = mode << 16
        is_packed = name == DUMP or Path(name).suffix in _COMPRESSED
        part.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
        part._compresslevel = _LEVEL  # type: ignore[attr-defined]  # public from Python 3.13
        with self._zip.open(part, "w", force_zip64=True) as target:
            return copy_counted(name, source, target.write, on_bytes)

    def abandon(self) -> None:
        """Write no more; without this, what is left of an archive would be ended as if whole."""
        self._zip.fp = None

    def close(self, manifest: str, name: str) -> None:
        """Add the manifest, and end the archive."""
        self._zip.writestr(name, manifest, zipfile.ZIP_DEFLATED)
        self._zip.close()


class ArchiveReader:
    """Reads the parts of an archive.

    Raises:
        ArchiveRefused: it is no archive, or not the whole of one.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            raise ArchiveRefused(f"{path}: {error.strerror}; name a backup") from error
        except _DAMAGES as error:
            message = f"{path} is no backup, or not the whole of one; use another backup"
            raise ArchiveRefused(message) from error

    def __enter__(self) -> "ArchiveReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()

    def read(self, name: str) -> bytes:
        """Read a small part whole."""
        with self._opened(name) as source:
            return source.read()

    def copy(
        self, name: str, entry: FileEntry, write: Callable[[bytes], object], on_bytes: OnBytes
    ) -> None:
        """Write out a part, and refuse it where it is not what the manifest says."""
        with self._opened(name) as source:
            found = copy_counted(entry.path, source, write, on_bytes)
        if found.sha256 != entry.sha256 or found.n_bytes != entry.n_bytes:
            raise ArchiveRefused(f"{name} is not what was backed up; use another backup")

    @contextmanager
    def _opened(self, name: str) -> Iterator[BinaryIO]:
        try:
            with self._zip.open(name) as source:
                yield source  # type: ignore[misc]
        except KeyError as error:
            raise ArchiveRefused(f"the archive lacks {name}; use another backup") from error
        except _DAMAGES as error:
            raise ArchiveRefused(f"{name} is damaged ({error}); use another backup") from error


def copy_counted(
    path: str, source: BinaryIO, write: Callable[[bytes], object], on_bytes: OnBytes
) -> FileEntry:
    """Copy a stream block by block, and say how many bytes of which SHA-256 it had."""
    digest, n_bytes = hashlib.sha256(), 0
    while block := source.read(BLOCK_BYTES):
        write(block)
        digest.update(block)
        n_bytes += len(block)
        on_bytes(len(block))
    return FileEntry(path=path, n_bytes=n_bytes, sha256=digest.hexdigest())
