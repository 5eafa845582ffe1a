"""`manage.py measure`: count what can be counted in completions without a reader."""

import time
from typing import Any

from django.core.management.base import CommandParser

from annotate.management.base import KurabeCommand, find_run
from annotate.models import SelectionRun
from annotate.services.measuring import measure_missing


class Command(KurabeCommand):
    """Measure the completions of a run, or of all runs."""

    help = (
        "Measure completions that have no measures yet, or those of an older version: letters in"
        " another language, repetition, length and refusals. docs/measures.md defines each."
        " Workers do this by themselves after an import or a generation; the command is for runs"
        " from before, and for a changed list of words (--again)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--run", metavar="SLUG", help="this run alone; else every run")
        parser.add_argument(
            "--again", action="store_true", help="measure those that are measured as well"
        )

    def run(self, **options: Any) -> None:
        """Measure, and print how many there were."""
        slug = options["run"]
        runs = [find_run(slug)] if slug else SelectionRun.objects.order_by("id")
        for run in runs:
            start = time.monotonic()
            n = measure_missing(run=run, again=options["again"])
            seconds = time.monotonic() - start
            self.stdout.write(f"{run.slug}: {n} completions measured in {seconds:.1f} s")
