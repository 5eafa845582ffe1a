"""`manage.py import_votes`: votes cast elsewhere into a run."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import CommandParser

from annotate.formats import VOTE_FILE_FORMATS, Faults, read_votes
from annotate.management.base import find_run
from annotate.management.importing import ALL_OR_NOTHING, ImportCommand, read_each
from annotate.services.importing import import_votes


class Command(ImportCommand):
    """Import votes."""

    help = (
        f"Import votes into a run whose completions are there: {ALL_OR_NOTHING}. They go to its"
        " newest round. docs/formats.md describes the formats."
    )
    kind = "votes"
    formats = VOTE_FILE_FORMATS

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        super().add_arguments(parser)
        parser.add_argument("--run", required=True, metavar="SLUG")

    def read(self, options: dict[str, Any], faults: Faults) -> Iterable[Any]:
        """Read the votes of all files."""
        return read_each(read_votes, options, faults)

    def bring(self, *, options: dict[str, Any], **told: Any) -> Any:
        """Import the votes."""
        return import_votes(run=find_run(options["run"]), **told)

    def told(self, counts: Any, options: dict[str, Any]) -> Iterator[str]:
        """Say what was counted."""
        yield f"votes of run {options['run']}: {counts}"
