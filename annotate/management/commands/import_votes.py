"""`manage.py import_votes`: votes cast elsewhere into a run."""

from typing import Any

from django.core.management.base import CommandParser

from annotate.formats import VOTE_FILE_FORMATS, guess_format, read_votes
from annotate.management.base import KurabeCommand, find_run
from annotate.services.importing import import_votes


class Command(KurabeCommand):
    """Import votes."""

    help = (
        "Import a file of votes into a run whose completions are there: all of it, or, where a row"
        " is wrong, nothing. docs/formats.md describes the formats."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", metavar="FILE", help="may end in .gz")
        parser.add_argument("--run", required=True, metavar="SLUG")
        parser.add_argument(
            "--format", choices=VOTE_FILE_FORMATS, help="default: recognised from the file"
        )

    def run(self, **options: Any) -> None:
        """Import, and count."""
        path, run = options["file"], find_run(options["run"])
        rows = read_votes(path, format=options["format"] or guess_format(path, "votes"))
        self.stdout.write(f"votes of run {run.slug}: {import_votes(rows=rows, run=run)}")
