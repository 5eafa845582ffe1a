"""Writing a backup, while the site goes on."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper

from annotate.formats import FormatError
from annotate.formats.writers import replaced_when_whole
from annotate.postgres.tools import ToolMissing, connection_words, find_tool
from annotate.services.backups import home as homes
from annotate.services.backups.archive import (
    DUMP,
    FILES,
    ArchiveWriter,
    CountedStream,
    copy_counted,
)
from annotate.services.backups.manifest import (
    FORMAT,
    NAME,
    FileEntry,
    Manifest,
)
from annotate.services.backups.snapshot import Snapshot, hold_snapshot
from annotate.services.backups.tables import sum_tables
from annotate.services.errors import BackupFailed

OnProgress = Callable[[str, int, int | None], None]
"""Told what is being done (`tables`, `bytes of files` ...), how far it is, and of how much."""

# gzip's quickest level: half the time of its default, for a tenth more bytes.
DUMP_LEVEL = 1
# What a migration that is under way may still take before the dump gives up.
LOCK_WAIT_MS = 60_000


@dataclass(frozen=True)
class Written:
    """A backup that was written: its manifest, and the archive's own size and SHA-256."""

    manifest: Manifest
    n_bytes: int
    sha256: str


def write_backup(
    path: Path, *, weights: bool, secret_key: bool, on_progress: OnProgress
) -> Written:
    """Write a backup into a file that takes its name when it is whole, and only its owner reads.

    Raises:
        BackupFailed: a file has that name, the disk is full, or pg_dump could not do it.
    """
    if path.exists():
        raise BackupFailed(f"{path} is there already; give a backup a name of its own")
    try:
        with replaced_when_whole(path) as stream:
            os.fchmod(stream.fileno(), 0o600)
            return write_archive(
                stream, weights=weights, secret_key=secret_key, on_progress=on_progress
            )
    except FormatError as error:
        raise BackupFailed(str(error)) from error
    except OSError as error:  # as the file is put on the disk
        raise BackupFailed(f"{path}: {error.strerror}; there is no backup") from error


def write_archive(
    target: BinaryIO, *, weights: bool, secret_key: bool, on_progress: OnProgress
) -> Written:
    """Write a backup to a file or pipe.

    Everything in it is of one moment, at a cut-off of the ledger: votes go on meanwhile. Files are
    listed after that moment, so those that the database names are there.

    Args:
        weights: put weights of models in too, which are otherwise listed by their SHA-256.
        secret_key: put in the key that signs cookies, where it lies under KURABE_HOME.

    Raises:
        BackupFailed: it cannot be written, a file cannot be read, or pg_dump could not do it.
    """
    stream = CountedStream(target)
    writer = ArchiveWriter(stream)
    try:
        with hold_snapshot() as snapshot:
            manifest = _write_database(writer, snapshot, on_progress)
            named = _files_of_datasets(snapshot, manifest.tables)
        files = _write_files(
            writer, weights=weights, secret_key=secret_key, on_progress=on_progress
        )
        manifest = replace(manifest, files=files, amiss=_find_amiss(named, files))
        writer.close(manifest.to_json(), NAME)
        target.flush()
    except OSError as error:
        what = error.filename or "the backup"
        after = f"there is no backup (it failed after {stream.n_bytes:,} bytes)"
        raise BackupFailed(f"{what}: {error.strerror}; {after}") from error
    finally:
        writer.abandon()
    return Written(manifest=manifest, n_bytes=stream.n_bytes, sha256=stream.sha256)


def _write_database(writer: ArchiveWriter, snapshot: Snapshot, on_progress: OnProgress) -> Manifest:
    cursor = snapshot.cursor
    tables = sum_tables(cursor, lambda done, total: on_progress("tables", done, total))
    server = _server_version()
    try:
        tool = find_tool("pg_dump", at_least=server // 10_000)
    except ToolMissing as error:
        raise BackupFailed(str(error)) from error
    dump = _dump(writer, tool, snapshot.name, on_progress)
    return Manifest(
        format=FORMAT,
        kurabe=version("kurabe"),
        made_at=snapshot.made_at,
        home=str(settings.KURABE_HOME),
        ledger=snapshot.ledger,
        busy_runs=snapshot.busy_runs,
        postgres=server,
        pg_dump=_major_of(tool),
        migrations=_migrations(cursor) if "public.django_migrations" in tables else [],
        tables=tables,
        dump=dump,
        files=[],
        amiss=[],
    )


def _dump(writer: ArchiveWriter, tool: Path, snapshot: str, on_progress: OnProgress) -> FileEntry:
    """Have pg_dump write what the snapshot holds into the archive."""
    conninfo, environment = connection_words(connection)
    words = [
        str(tool), "--format=custom", f"--compress=gzip:{DUMP_LEVEL}", "--no-owner",
        "--no-privileges", f"--lock-wait-timeout={LOCK_WAIT_MS}", f"--snapshot={snapshot}",
        f"--dbname={conninfo}",
    ]  # fmt: skip
    done = 0

    def count(n_bytes: int) -> None:
        nonlocal done
        done += n_bytes
        on_progress("bytes of the database", done, None)

    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=said, env=environment)
        assert process.stdout is not None
        try:
            entry = writer.add(DUMP, process.stdout, count)  # type: ignore[arg-type]
        except BaseException:
            process.kill()
            raise
        finally:
            process.stdout.close()
            status = process.wait()
        if status:
            said.seek(0)
            why = " ".join(said.read().decode(errors="replace").split())
            raise BackupFailed(f"pg_dump ended with status {status}: {why}")
    return entry


def _write_files(
    writer: ArchiveWriter, *, weights: bool, secret_key: bool, on_progress: OnProgress
) -> list[FileEntry]:
    home = Path(settings.KURABE_HOME)
    paths = [path for path in homes.list_files(home) if secret_key or path != homes.SECRET_KEY]
    total = sum((home / path).stat().st_size for path in paths)
    done = 0

    def count(n_bytes: int) -> None:
        nonlocal done
        done += n_bytes
        on_progress("bytes of files", done, total)

    entries = []
    for path in paths:
        try:
            source = (home / path).open("rb")
        except FileNotFoundError:
            continue  # it went since it was listed, as a checkpoint does that a newer one replaces
        with source:
            if weights or not homes.is_weights(path):
                entry = writer.add(FILES + path, source, count, mode=_mode_of(source))
                entries.append(replace(entry, path=path))
            else:
                entry = copy_counted(path, source, len, count)
                entries.append(replace(entry, is_in=False))
    return entries


def _files_of_datasets(snapshot: Snapshot, tables: Collection[str]) -> list[tuple[str, str]]:
    """List path and SHA-256 of every file that the database names."""
    named = []
    for table in ("annotate_preferencedataset", "annotate_datasetfile"):
        if f"public.{table}" in tables:
            snapshot.cursor.execute(f"SELECT path, sha256 FROM {table} ORDER BY path")  # noqa: S608 - only names and constants of our own go in
            named += snapshot.cursor.fetchall()
    return named


def _find_amiss(named: Sequence[tuple[str, str]], files: Sequence[FileEntry]) -> list[str]:
    """Say which files of datasets are not under KURABE_HOME as they were written."""
    found = {entry.path: entry.sha256 for entry in files}
    amiss = []
    for path, sha256 in named:
        if path not in found:
            amiss.append(f"{path} is gone")
        elif found[path] != sha256:
            amiss.append(f"{path} is not what its dataset says: it has another SHA-256")
    return amiss


def _migrations(cursor: CursorWrapper) -> list[list[str]]:
    cursor.execute("SELECT app, name FROM django_migrations ORDER BY id")
    return [list(row) for row in cursor.fetchall()]


def _server_version() -> int:
    connection.ensure_connection()
    return int(connection.pg_version)  # type: ignore[attr-defined]


def _major_of(tool: Path) -> int:
    answer = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True)
    return int(answer.stdout.split(") ")[1].split(".")[0])


def _mode_of(source: BinaryIO) -> int:
    return os.fstat(source.fileno()).st_mode & 0o777
