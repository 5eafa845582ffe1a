"""`manage.py import_prompts`: prompts from a file into a set."""

from typing import Any

from django.core.management.base import CommandParser

from annotate.formats import PROMPT_FILE_FORMATS, guess_format, read_prompts
from annotate.management.base import KurabeCommand, read_slug
from annotate.services.importing import import_prompts


class Command(KurabeCommand):
    """Import prompts."""

    help = (
        "Import a file of prompts into a set: all of it, or, where a row is wrong, nothing."
        " docs/formats.md describes the formats."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", metavar="FILE", help="may end in .gz")
        parser.add_argument(
            "--set", required=True, type=read_slug, metavar="SLUG", help="made if there is none"
        )
        parser.add_argument(
            "--format", choices=PROMPT_FILE_FORMATS, help="default: recognised from the file"
        )

    def run(self, **options: Any) -> None:
        """Import, and count."""
        path = options["file"]
        rows = read_prompts(path, format=options["format"] or guess_format(path, "prompts"))
        counts = import_prompts(rows=rows, set_slug=options["set"])
        self.stdout.write(f"prompts in set {options['set']}: {counts}")
