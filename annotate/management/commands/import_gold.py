"""`manage.py import_gold`: pairs with a known answer, from a file into a run."""

from typing import Any

from django.core.management.base import CommandParser

from annotate.formats import read_gold
from annotate.management.base import KurabeCommand, find_run
from annotate.services.gold import import_gold


class Command(KurabeCommand):
    """Import pairs with a known answer."""

    help = (
        "Import a file of pairs of written answers of which one is known to be better, to practise"
        " on or to check with: all of it, or, where a row is wrong, nothing. docs/formats.md"
        " describes the form."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", metavar="FILE", help="may end in .gz")
        parser.add_argument("--run", required=True, metavar="SLUG")

    def run(self, **options: Any) -> None:
        """Import, and count."""
        run = find_run(options["run"])
        counts = import_gold(rows=read_gold(options["file"]), run=run)
        self.stdout.write(f"known answers of run {run.slug}: {counts}")
