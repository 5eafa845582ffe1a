"""What Kurabe's commands share."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_slug
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from annotate.formats import FormatError
from annotate.models import SelectionRun
from annotate.services.errors import GenerationFailed, Refused, TrainingFailed
from annotate.services.serving import DidNotStart
from annotate.services.simulating import PageNotUnderstood

REFUSALS = (
    Refused,
    FormatError,
    GenerationFailed,
    TrainingFailed,
    DidNotStart,
    PageNotUnderstood,
)


class KurabeCommand(BaseCommand):
    """A command whose refusals are one line on stderr and exit status 1."""

    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command, and say a refusal in one line."""
        try:
            self.run(**options)
        except REFUSALS as refusal:
            raise CommandError(" ".join(str(refusal).split())) from refusal

    def run(self, **options: Any) -> None:
        """Do what the command is for."""
        raise NotImplementedError

    @property
    def console(self) -> Console:
        """A console that writes where the command's output goes."""
        return Console(file=self.stdout, highlight=False, soft_wrap=False)

    def progress(self) -> Progress:
        """A progress display on stderr, so that stdout stays the command's own."""
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(file=self.stderr, highlight=False),
        )


def find_run(slug: str) -> SelectionRun:
    """Give the run of this name.

    Raises:
        CommandError: there is none; it lists those that are there.
    """
    try:
        return SelectionRun.objects.get(slug=slug)
    except SelectionRun.DoesNotExist as error:
        slugs = ", ".join(SelectionRun.objects.order_by("slug").values_list("slug", flat=True)[:20])
        raise CommandError(f"no run {slug!r}; there is: {slugs or 'none yet'}") from error


def number_from(least: float, kind: type = int) -> Callable[[str], Any]:
    """Make an argument type that refuses numbers below `least`."""

    def read(text: str) -> Any:
        number = kind(text)
        if number < least:
            raise ValueError
        return number

    read.__name__ = f"number of at least {least}"
    return read


def add_run_argument(parser: CommandParser) -> None:
    """Add the run that a command is about."""
    parser.add_argument("slug", metavar="SLUG", help="the run")


def read_slug(text: str) -> str:
    """Read a name that can stand in an address."""
    try:
        validate_slug(text)
    except ValidationError as error:
        message = f"{text!r} must be made of letters, digits, hyphens and underscores"
        raise ArgumentTypeError(message) from error
    return text
