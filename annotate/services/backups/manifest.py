"""What an archive says of itself: when, of which version, and what each part must be."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from typing import Any

from django.db.migrations.loader import MigrationLoader

from annotate.services.errors import ArchiveRefused

FORMAT = 1
NAME = "manifest.json"


@dataclass(frozen=True)
class FileEntry:
    """A file under KURABE_HOME, by its path there; `is_in` tells whether the archive holds it."""

    path: str
    n_bytes: int
    sha256: str
    is_in: bool = True


@dataclass(frozen=True)
class TableEntry:
    """A table's rows: how many, and a checksum that no order of theirs changes."""

    n_rows: int
    checksum: str


@dataclass(frozen=True)
class Manifest:
    """Everything that an archive's content is held against.

    Attributes:
        made_at: ISO 8601, UTC; that of the snapshot.
        ledger: the number below which the archive has every vote, withdrawal and exclusion.
        busy_runs: the slugs of runs into which votes were being imported just then. Those votes are
            not in the archive, whatever their numbers.
        postgres: the server's version, as a number (180004).
        dump: of `database.dump`.
        amiss: what was not as the database says, before the backup: files of datasets.
    """

    format: int
    kurabe: str
    made_at: str
    home: str
    ledger: int | None
    busy_runs: list[str]
    postgres: int
    pg_dump: int
    migrations: list[list[str]]
    tables: dict[str, TableEntry]
    dump: FileEntry
    files: list[FileEntry]
    amiss: list[str]

    def to_json(self) -> str:
        """Give the manifest as JSON that a person can read."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, sort_keys=True)


def read_manifest(text: bytes) -> Manifest:
    """Read a manifest again.

    Raises:
        ArchiveRefused: it is of a later format, or not a manifest.
    """
    try:
        content: Mapping[str, Any] = json.loads(text)
        number = content["format"]
        if isinstance(number, int) and number > FORMAT:
            raise ArchiveRefused(
                f"the archive was made by Kurabe {content['kurabe']}, in a form that this one"
                f" ({version('kurabe')}) does not know; restore it with that version or a later one"
            )
        known = {field.name: content[field.name] for field in fields(Manifest)}
        known["tables"] = {name: TableEntry(**told) for name, told in content["tables"].items()}
        known["files"] = [FileEntry(**told) for told in content["files"]]
        known["dump"] = FileEntry(**content["dump"])
        return Manifest(**known)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"its {NAME} cannot be read ({error!r}); use another backup"
        raise ArchiveRefused(message) from error


def refuse_newer(manifest: Manifest) -> None:
    """Refuse an archive whose tables this checkout would not understand.

    Raises:
        ArchiveRefused: it has migrations that are not here.
    """
    loader = MigrationLoader(None)
    here = loader.disk_migrations
    known = {*here, *(each for migration in here.values() for each in migration.replaces)}
    unknown = [f"{app}.{name}" for app, name in manifest.migrations if (app, name) not in known]
    if unknown:
        raise ArchiveRefused(
            f"the archive was made by a later Kurabe ({manifest.kurabe}, with migration"
            f" {unknown[-1]}, which is not here); restore it with that version or a later one"
        )
