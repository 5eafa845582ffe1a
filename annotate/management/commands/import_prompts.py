"""`manage.py import_prompts`: prompts from files into a set."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import CommandParser

from annotate.formats import PROMPT_FILE_FORMATS, Faults, read_prompts
from annotate.management.base import read_slug
from annotate.management.importing import ALL_OR_NOTHING, ImportCommand, read_each
from annotate.services.importing import import_prompts


class Command(ImportCommand):
    """Import prompts."""

    help = f"Import prompts into a set: {ALL_OR_NOTHING}. docs/formats.md describes the formats."
    kind = "prompts"
    formats = PROMPT_FILE_FORMATS

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        super().add_arguments(parser)
        parser.add_argument(
            "--set", required=True, type=read_slug, metavar="SLUG", help="made if there is none"
        )

    def read(self, options: dict[str, Any], faults: Faults) -> Iterable[Any]:
        """Read the prompts of all files."""
        return read_each(read_prompts, options, faults)

    def bring(self, *, options: dict[str, Any], **told: Any) -> Any:
        """Import the prompts."""
        return import_prompts(set_slug=options["set"], **told)

    def told(self, counts: Any, options: dict[str, Any]) -> Iterator[str]:
        """Say what was counted."""
        yield f"prompts in set {options['set']}: {counts}"
