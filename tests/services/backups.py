"""A second place beside the tests' own: a database and a home, into which backups are restored."""

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from annotate.postgres import server
from annotate.services.backups import Written, write_backup

PLACE = "kurabe_restored"


def be_silent(what: str, done: int, total: int | None) -> None:
    """Show no progress."""


def back_up(path: Path, *, weights: bool = False, secret_key: bool = True) -> Written:
    """Write a backup of this place."""
    return write_backup(path, weights=weights, secret_key=secret_key, on_progress=be_silent)


@contextmanager
def another_place(home: Path) -> Iterator[Path]:
    """Stand, while the block runs, in a database without a table and in another home."""
    before = connection.settings_dict["NAME"], settings.KURABE_HOME
    home.mkdir(parents=True, exist_ok=True)
    _drop_place()
    socket_dir = connection.get_connection_params()["host"]
    server.create_database(socket_dir=socket_dir, name=PLACE)
    connection.close()
    connection.settings_dict["NAME"], settings.KURABE_HOME = PLACE, home
    try:
        yield home
    finally:
        connection.close()
        connection.settings_dict["NAME"], settings.KURABE_HOME = before
        _drop_place()


def _drop_place() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {PLACE}")


def rewrite_manifest(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write the archive once more, with a manifest that says something else."""
    changed = path.with_name(f"changed-{path.name}")
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(changed, "w") as after:
        for part in before.infolist():
            content = before.read(part)
            if part.filename == "manifest.json":
                manifest = json.loads(content)
                change(manifest)
                content = json.dumps(manifest).encode()
            after.writestr(part, content)
    return changed
