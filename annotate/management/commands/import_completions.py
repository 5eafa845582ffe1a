"""`manage.py import_completions`: completions made elsewhere into a run."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import CommandParser

from annotate.formats import COMPLETION_FILE_FORMATS, Faults, read_completions
from annotate.management.importing import (
    ALL_OR_NOTHING,
    ImportCommand,
    add_run_and_set,
    tell_completions,
)
from annotate.services.importing import import_completions


class Command(ImportCommand):
    """Import completions."""

    help = (
        f"Import completions into a run: {ALL_OR_NOTHING}. The run and its candidates are made as"
        " needed, and volunteers can vote on them in its first round at once. docs/formats.md"
        " describes the formats."
    )
    kind = "completions"
    formats = COMPLETION_FILE_FORMATS

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        super().add_arguments(parser)
        add_run_and_set(parser)

    def read(self, options: dict[str, Any], faults: Faults) -> Iterable[Any]:
        """Read the completions of all files."""
        return read_completions(options["files"], format=options["format"], faults=faults)

    def bring(self, *, options: dict[str, Any], **told: Any) -> Any:
        """Import the completions."""
        run, prompt_set = options["run"], options["prompts"] or options["run"]
        return import_completions(run_slug=run, set_slug=prompt_set, **told)

    def told(self, counts: Any, options: dict[str, Any]) -> Iterator[str]:
        """Say what was counted."""
        return tell_completions(counts, options)
