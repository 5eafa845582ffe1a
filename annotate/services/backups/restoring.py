"""Checking a backup, and restoring it into an empty place."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.db import connection, transaction
from django.db.utils import DatabaseError

from annotate.formats.writers import sync_folder
from annotate.postgres.tools import ToolMissing, connection_words, find_tool
from annotate.services.backups import home as homes
from annotate.services.backups.archive import DUMP, FILES, ArchiveReader, OnBytes
from annotate.services.backups.manifest import (
    NAME,
    FileEntry,
    Manifest,
    TableEntry,
    read_manifest,
    refuse_newer,
)
from annotate.services.backups.tables import list_tables, sum_tables, used_tables
from annotate.services.backups.writing import OnProgress
from annotate.services.errors import ArchiveRefused, PlaceTaken, RestoreFailed

SHOWN = 5


@dataclass(frozen=True)
class Restored:
    """What a restore did.

    Attributes:
        elsewhere: folders of models that the database names and that are not on this machine.
    """

    manifest: Manifest
    elsewhere: list[str]


def check_archive(path: Path, *, on_progress: OnProgress) -> Manifest:
    """Read an archive to its end, hold every part against the manifest, and write nothing.

    The dump is also read by pg_restore, which unpacks all of its rows.

    Raises:
        ArchiveRefused: a part is missing, damaged or not that which was backed up.
    """
    with ArchiveReader(path) as archive:
        manifest = read_manifest(archive.read(NAME))
        total = manifest.dump.n_bytes + sum(each.n_bytes for each in manifest.files if each.is_in)
        done = 0

        def count(n_bytes: int) -> None:
            nonlocal done
            done += n_bytes
            on_progress("bytes checked", done, total)

        tool = _find_pg_restore(manifest)
        why = _feed(archive, manifest, [str(tool), f"--file={os.devnull}"], dict(os.environ), count)
        if why:
            raise ArchiveRefused(f"pg_restore cannot read its {DUMP} ({why}); use another backup")
        for entry in manifest.files:
            _refuse_outside(entry)
            if entry.is_in:
                archive.copy(FILES + entry.path, entry, len, count)
    return manifest


def restore_archive(path: Path, *, on_progress: OnProgress) -> Restored:
    """Restore a backup into this database and KURABE_HOME, which must be empty.

    The archive is checked before anything is written. The database is restored in one transaction,
    and every table is held against the manifest before any file gets its place. A newer version's
    archive is refused; after an older one's, `migrate` is to be run.

    Raises:
        ArchiveRefused: as `check_archive`, or it was made by a later version.
        PlaceTaken: the database has rows, or KURABE_HOME has files.
        RestoreFailed: pg_restore could not do it, or rows are not those of the backup.
    """
    home = Path(settings.KURABE_HOME)
    manifest = check_archive(path, on_progress=on_progress)
    refuse_newer(manifest)
    refuse_taken(home)
    stage = home / homes.STAGE
    try:
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(mode=0o700)
        with ArchiveReader(path) as archive:
            _stage_files(archive, manifest, stage, on_progress)
            _restore_database(archive, manifest, on_progress)
        _compare_tables(manifest.tables, on_progress)
        _place_files(stage, home)
    except OSError as error:
        raise RestoreFailed(f"{error.filename or home}: {error.strerror}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return Restored(manifest=manifest, elsewhere=_find_elsewhere())


def refuse_taken(home: Path) -> None:
    """Refuse a place in which something is already.

    Raises:
        PlaceTaken: it says what, and what would be right.
    """
    if names := files_in_use(home):
        raise PlaceTaken(
            f"{home} has files ({_listed(names)}), and a backup is restored into an empty place"
            " only; set KURABE_HOME to a new folder"
        )
    with connection.cursor() as cursor:
        if tables := used_tables(cursor):
            raise PlaceTaken(
                f"the database has rows already (in {_listed(tables)}), and a backup is restored"
                " into an empty place only; name a new database, or a new KURABE_HOME"
            )
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        if cursor.fetchone()[0]:
            raise PlaceTaken("somebody is connected to the database; stop site and workers first")


def files_in_use(home: Path) -> list[str]:
    """List what lies in a home that no command makes by itself."""
    return sorted(path.name for path in home.iterdir() if path.name not in homes.MADE_BY_ITSELF)


def _stage_files(
    archive: ArchiveReader, manifest: Manifest, stage: Path, on_progress: OnProgress
) -> None:
    """Write files beside their places, and put them on the disk."""
    held = [entry for entry in manifest.files if entry.is_in]
    total, done = sum(entry.n_bytes for entry in held), 0

    def count(n_bytes: int) -> None:
        nonlocal done
        done += n_bytes
        on_progress("bytes of files", done, total)

    for entry in held:
        target = stage / entry.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            os.fchmod(file.fileno(), 0o600 if entry.path == homes.SECRET_KEY else 0o644)
            archive.copy(FILES + entry.path, entry, file.write, count)
            file.flush()
            os.fsync(file.fileno())


def _refuse_outside(entry: FileEntry) -> None:
    """Refuse a path that would not lie in the home, whoever wrote the manifest."""
    path = PurePosixPath(entry.path)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ArchiveRefused(f"{entry.path!r} leads out of KURABE_HOME; use another backup")


def _place_files(stage: Path, home: Path) -> None:
    """Give files their places: whole folders, renamed."""
    for path in sorted(stage.iterdir()):
        if path.name != "logs":
            path.replace(home / path.name)
    sync_folder(home)


def _restore_database(archive: ArchiveReader, manifest: Manifest, on_progress: OnProgress) -> None:
    done = 0

    def count(n_bytes: int) -> None:
        nonlocal done
        done += n_bytes
        on_progress("bytes of the database", done, manifest.dump.n_bytes)

    tool = _find_pg_restore(manifest)
    _empty_database()
    conninfo, environment = connection_words(connection)
    connection.close()
    words = [
        str(tool), "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges",
        f"--dbname={conninfo}",
    ]  # fmt: skip
    if why := _feed(archive, manifest, words, environment, count):
        raise RestoreFailed(f"pg_restore gave up, and the database is empty: {why}")


def _empty_database() -> None:
    """Take away the tables that `migrate` has made, with what it wrote into them."""
    with transaction.atomic(), connection.cursor() as cursor:
        if not list_tables(cursor):
            return
        try:
            cursor.execute("DROP SCHEMA public CASCADE")
            cursor.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
        except DatabaseError as error:
            why = " ".join(str(error).split())
            message = f"the database's empty tables cannot be removed ({why}); make a new database"
            raise PlaceTaken(message) from error


def _feed(
    archive: ArchiveReader,
    manifest: Manifest,
    words: list[str],
    environment: Mapping[str, str],
    count: OnBytes,
) -> str:
    """Have pg_restore read the dump; return what it said where it could not."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, env=environment
        )
        assert process.stdin is not None
        try:
            archive.copy(DUMP, manifest.dump, process.stdin.write, count)
        except BrokenPipeError:
            pass  # it has ended, and says why
        except BaseException:
            # Before its input ends: what it has read so far is not committed.
            process.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            status = process.wait()
        said.seek(0)
        why = " ".join(said.read().decode(errors="replace").split())
    return why or f"status {status}" if status else ""


def _find_pg_restore(manifest: Manifest) -> Path:
    """Find a pg_restore that reads what that pg_dump wrote, and knows the server here."""
    try:
        return find_tool("pg_restore", at_least=manifest.pg_dump)
    except ToolMissing as error:
        raise RestoreFailed(str(error)) from error


def _compare_tables(backed_up: Mapping[str, TableEntry], on_progress: OnProgress) -> None:
    """Hold every table against the manifest."""
    with transaction.atomic(), connection.cursor() as cursor:
        here = sum_tables(cursor, lambda done, total: on_progress("tables", done, total))
    unequal = sorted(
        table for table in {*here, *backed_up} if here.get(table) != backed_up.get(table)
    )
    if unequal:
        raise RestoreFailed(
            f"after the restore {len(unequal)} tables are not those of the backup"
            f" ({_listed(unequal)}); do not use this database"
        )


def _find_elsewhere() -> list[str]:
    """List folders of models that the database names by their whole path, and that are not here."""
    with connection.cursor() as cursor:
        if "annotate_candidate" not in connection.introspection.table_names(cursor):
            return []
        cursor.execute(
            "SELECT DISTINCT model FROM annotate_candidate WHERE starts_with(model, '/') ORDER BY 1"
        )
        return [model for (model,) in cursor.fetchall() if not Path(model).exists()]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
