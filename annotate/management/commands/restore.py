"""`manage.py restore`: a backup into an empty place."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from annotate.management.backup_words import ArchiveProgress, tell_manifest
from annotate.management.base import KurabeCommand
from annotate.services.backups import Manifest, check_archive, restore_archive

SHOWN = 3


class Command(KurabeCommand):
    """Restore the site."""

    help = (
        "Restore an archive of `backup` into the database and KURABE_HOME, which must be empty, and"
        " compare every table and file with what was backed up. An older version's archive is"
        " migrated afterwards."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path, metavar="FILE.zip", help="what `backup` wrote")
        parser.add_argument(
            "--check", action="store_true", help="read it to its end, verify it, and write nothing"
        )

    def run(self, **options: Any) -> None:
        """Check the archive; unless that was all, restore it and say what was compared."""
        path = options["file"]
        with self.progress() as progress:
            show = ArchiveProgress(progress)
            if options["check"]:
                manifest = check_archive(path, on_progress=show)
            else:
                restored = restore_archive(path, on_progress=show)
                manifest = restored.manifest
        for line in tell_manifest(manifest):
            self.stdout.write(line)
        if options["check"]:
            self.stdout.write(f"{path} is whole: every part is what was backed up")
            return
        n_files = sum(entry.is_in for entry in manifest.files)
        self.stdout.write(
            f"restored: {len(manifest.tables)} tables and {n_files} files are those of the backup"
        )
        self._migrate()
        self._tell_left(manifest, restored.elsewhere)

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        if plan := executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0)
            self.stdout.write(f"the archive was of an older version: {len(plan)} migrations run")

    def _tell_left(self, manifest: Manifest, elsewhere: list[str]) -> None:
        """Say what an operator has yet to do."""
        lacking = [entry for entry in manifest.files if not entry.is_in]
        lacking = [entry for entry in lacking if not (settings.KURABE_HOME / entry.path).exists()]
        if lacking:
            self.stdout.write(
                f"{len(lacking)} files of weights are not in the archive; copy them to"
                f" {settings.KURABE_HOME}, by the paths that the manifest lists"
            )
        if elsewhere:
            self.stdout.write(
                f"{len(elsewhere)} models are not where the database has them:"
                f" {', '.join(elsewhere[:SHOWN])}; put them there, or let {manifest.home} lead to"
                f" {settings.KURABE_HOME} (ln -s)"
            )
