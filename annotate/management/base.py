"""What Kurabe's commands share."""

import math
import sys
from argparse import ArgumentTypeError
from argparse import _ActionsContainer as ActionsContainer
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_slug
from django.db.utils import OperationalError, ProgrammingError
from psycopg.errors import UndefinedColumn, UndefinedTable
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
from annotate.models import SelectionRun, User
from annotate.ranking import StrengthsDidNotConverge
from annotate.services.errors import (
    GenerationFailed,
    Refused,
    TrainingFailed,
    TrainingInterrupted,
    names_like,
)
from annotate.services.exporting import VOTERS
from annotate.services.serving import DidNotStart
from annotate.services.simulating import PageNotUnderstood

REFUSALS = (
    Refused,
    FormatError,
    StrengthsDidNotConverge,
    GenerationFailed,
    TrainingFailed,
    TrainingInterrupted,
    DidNotStart,
    PageNotUnderstood,
)


MAX_SLUG_CHARS = 100
PIPE_WIDTH_CHARS = 160


class KurabeCommand(BaseCommand):
    """A command whose refusals are one line on stderr and exit status 1."""

    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Make a parser that raises where argparse would print its usage and exit."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.called_from_command_line = False
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """Run from the command line; arguments that cannot be read are a refusal too."""
        try:
            super().run_from_argv(argv)
        except CommandError as error:
            self.stderr.write(f"{error}; see {argv[0]} {argv[1]} --help")
            sys.exit(error.returncode)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command, and say a refusal in one line."""
        try:
            self.run(**options)
        except REFUSALS as refusal:
            raise CommandError(one_line(refusal)) from refusal
        except OperationalError as error:
            raise CommandError(f"the database cannot be used: {one_line(error)}") from error
        except ProgrammingError as error:
            if not isinstance(error.__cause__, UndefinedTable | UndefinedColumn):
                raise
            message = "the database lacks tables of Kurabe; make them with: manage.py migrate"
            raise CommandError(message) from error

    def run(self, **options: Any) -> None:
        """Do what the command is for."""
        raise NotImplementedError

    @property
    def console(self) -> Console:
        """A console that writes where the command's output goes."""
        # A file or a pipe has no width: there a table may be as wide as it is.
        width = None if self.stdout.isatty() else PIPE_WIDTH_CHARS
        return Console(file=self.stdout, highlight=False, width=width)

    def progress(self) -> Progress:
        """A progress display for somebody at a terminal; on stderr, as stdout is the command's."""
        console = Console(file=self.stderr, highlight=False)
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )


def one_line(error: Exception) -> str:
    """Give an error's text without its line breaks."""
    return " ".join(str(error).split())


def find_run(slug: str) -> SelectionRun:
    """Give the run of this name.

    Raises:
        CommandError: there is none; it lists those that are there.
    """
    try:
        return SelectionRun.objects.get(slug=slug)
    except SelectionRun.DoesNotExist as error:
        slugs = list(SelectionRun.objects.values_list("slug", flat=True))
        known = f"there is {names_like(slug, slugs)}" if slugs else "import_completions makes one"
        raise CommandError(f"no run is called {slug!r}; {known}") from error


def find_account(name: str) -> User:
    """Give the account of this name.

    Raises:
        CommandError: there is none; it lists those that may have been meant.
    """
    try:
        return User.objects.get(username=name)
    except User.DoesNotExist as error:
        known = names_like(name, User.objects.values_list("username", flat=True))
        there = f"there is {known}" if known else "createsuperuser makes the first"
        raise CommandError(f"no account is called {name!r}; {there}") from error


def number_from(least: float, kind: type = int) -> Callable[[str], Any]:
    """Make an argument type that refuses numbers below `least`."""

    def read(text: str) -> Any:
        try:
            number = kind(text)
            # "nan" is below nothing, and "inf" no amount of anything.
            is_one = math.isfinite(number) and number >= least
        except ValueError:
            is_one = False
        if not is_one:
            whole = "whole number" if kind is int else "number"
            raise ArgumentTypeError(f"{text!r} is not a {whole} of at least {least}")
        return number

    return read


def add_run_argument(parser: CommandParser) -> None:
    """Add the run that a command is about."""
    parser.add_argument("slug", metavar="SLUG", help="the run")


def add_voters_argument(
    parser: ActionsContainer, *, help: str, default: str | None = VOTERS[0]
) -> None:
    """Add whose votes preference pairs are made of."""
    parser.add_argument(
        "--voters", choices=VOTERS, default=default,
        help=f"{help}: people's (simulated annotators stand for people), LLM judges', or both"
        " kinds' together (default people)",
    )  # fmt: skip


def read_slug(text: str) -> str:
    """Read a name that can stand in an address."""
    try:
        validate_slug(text)
    except ValidationError as error:
        message = f"{text!r} must be made of letters, digits, hyphens and underscores"
        raise ArgumentTypeError(message) from error
    if len(text) > MAX_SLUG_CHARS:
        raise ArgumentTypeError(f"{text!r} is longer than {MAX_SLUG_CHARS} characters")
    return text


def read_url(text: str) -> str:
    """Read the address of a site, without a slash at its end."""
    if not text.startswith(("http://", "https://")):
        raise ArgumentTypeError(f"{text!r} must begin with http:// or https://")
    return text.rstrip("/")
