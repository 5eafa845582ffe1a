"""`manage.py import_completions`: completions made elsewhere into a run."""

from typing import Any

from django.core.management.base import CommandParser

from annotate.formats import COMPLETION_FILE_FORMATS, guess_format, read_completions
from annotate.management.base import KurabeCommand, read_slug
from annotate.services.importing import import_completions


class Command(KurabeCommand):
    """Import completions."""

    help = (
        "Import files of completions into a run: all of them, or, where a row is wrong, nothing."
        " The run and its candidates are made as needed, and volunteers can vote on them in its"
        " first round at once. docs/formats.md describes the formats."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("files", nargs="+", metavar="FILE", help="may end in .gz")
        parser.add_argument("--run", required=True, type=read_slug, metavar="SLUG")
        parser.add_argument(
            "--prompts", type=read_slug, metavar="SET",
            help="the set where the prompts are, or are put (default: named like the run)",
        )  # fmt: skip
        parser.add_argument(
            "--format", choices=COMPLETION_FILE_FORMATS, help="default: recognised from the file"
        )

    def run(self, **options: Any) -> None:
        """Import, and count."""
        files = options["files"]
        rows = read_completions(
            files, format=options["format"] or guess_format(files[0], "completions")
        )
        run, prompt_set = options["run"], options["prompts"] or options["run"]
        counts = import_completions(rows=rows, run_slug=run, set_slug=prompt_set)
        self.stdout.write(f"prompts in set {prompt_set}: {counts.prompts}")
        self.stdout.write(f"candidates of run {run}: {counts.candidates}")
        self.stdout.write(f"completions of run {run}: {counts.completions}")
        if counts.n_naming_makers:
            self.stdout.write(
                f"completions that name their maker: {counts.n_naming_makers} of the new ones;"
                " the run's rating rules say whether volunteers are shown those"
            )
