"""`manage.py import_preferences`: chosen and rejected replies from files into a preference set."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import CommandParser

from annotate.formats import PREFERENCE_FILE_FORMATS, Faults, read_preferences
from annotate.management.base import read_slug
from annotate.management.importing import ALL_OR_NOTHING, ImportCommand, read_each
from annotate.services.importing import import_preferences


class Command(ImportCommand):
    """Import preferences."""

    help = (
        "Import pairs of a chosen and a rejected reply, of which no votes are told, into a"
        f" preference set: {ALL_OR_NOTHING}. Exports can mix them with votes. docs/formats.md"
        " describes the formats."
    )
    kind = "preferences"
    formats = PREFERENCE_FILE_FORMATS

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        super().add_arguments(parser)
        parser.add_argument(
            "--set", required=True, type=read_slug, metavar="SLUG", help="made if there is none"
        )
        parser.add_argument("--title", default="", help="what people call the set")
        parser.add_argument(
            "--licence", default="",
            help="under which its texts stand, such as CC-BY-4.0; every dataset made of it says so",
        )  # fmt: skip
        parser.add_argument(
            "--origin", default="", help="where the rows come from, such as an address"
        )

    def read(self, options: dict[str, Any], faults: Faults) -> Iterable[Any]:
        """Read the pairs of all files."""
        return read_each(read_preferences, options, faults)

    def bring(self, *, options: dict[str, Any], **told: Any) -> Any:
        """Import the pairs."""
        about = {name: options[name] for name in ("title", "licence", "origin")}
        return import_preferences(set_slug=options["set"], **about, **told)

    def told(self, counts: Any, options: dict[str, Any]) -> Iterator[str]:
        """Say what was counted."""
        yield f"pairs in preference set {options['set']}: {counts}"
