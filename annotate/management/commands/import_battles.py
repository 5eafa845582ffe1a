"""`manage.py import_battles`: prompts, pairs of completions and the votes on them into a run."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import CommandParser

from annotate.formats import BATTLE_FILE_FORMATS, Faults, read_battles
from annotate.management.importing import (
    ALL_OR_NOTHING,
    ImportCommand,
    add_run_and_set,
    read_each,
    tell_completions,
)
from annotate.services.importing import import_battles


class Command(ImportCommand):
    """Import battles."""

    help = (
        "Import battles into a run: what was asked, both completions, and who preferred which;"
        f" {ALL_OR_NOTHING}. The run and its candidates are made as needed, and the votes go to its"
        " newest round. docs/formats.md describes the formats."
    )
    kind = "battles"
    formats = BATTLE_FILE_FORMATS

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        super().add_arguments(parser)
        add_run_and_set(parser)

    def read(self, options: dict[str, Any], faults: Faults) -> Iterable[Any]:
        """Read the battles of all files."""
        return read_each(read_battles, options, faults)

    def bring(self, *, options: dict[str, Any], **told: Any) -> Any:
        """Import the battles."""
        run, prompt_set = options["run"], options["prompts"] or options["run"]
        return import_battles(run_slug=run, set_slug=prompt_set, **told)

    def told(self, counts: Any, options: dict[str, Any]) -> Iterator[str]:
        """Say what was counted."""
        yield from tell_completions(counts, options)
        yield f"votes of run {options['run']}: {counts.votes}"
