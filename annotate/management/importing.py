"""What the commands that import files share."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import Any, ClassVar, TypeVar

from django.core.management.base import CommandError, CommandParser
from rich.progress import Progress

from annotate.formats import Faults, FileKind, StopAtFirst, faults_in_file, guess_format
from annotate.management.base import KurabeCommand, read_slug
from annotate.services.errors import FaultsFound
from annotate.services.importing import CompletionCounts

_Row = TypeVar("_Row")

SHOWN_EVERY = 500
ALL_OR_NOTHING = "all rows, or, where one is wrong, nothing"


class ImportCommand(KurabeCommand):
    """A command that imports files of one kind: all of them, or nothing."""

    kind: ClassVar[FileKind]
    formats: ClassVar[tuple[str, ...]]

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what every import takes."""
        parser.add_argument(
            "files", nargs="+", metavar="FILE",
            help="may end in .gz; several are imported together",
        )  # fmt: skip
        parser.add_argument(
            "--format", choices=self.formats, help="default: recognised from the first file"
        )
        parser.add_argument(
            "--dry-run", action="store_true",
            help="do everything, count what is new, equal and in conflict, and keep nothing",
        )  # fmt: skip
        parser.add_argument(
            "--errors", metavar="FILE",
            help="go on after a wrong row, and write each one here, as JSON: path, line, field,"
            " value, expected and message; where there is one, nothing is kept (default: the first"
            " one ends the import)",
        )  # fmt: skip

    def run(self, **options: Any) -> None:
        """Import, and count."""
        options["format"] = options["format"] or guess_format(options["files"][0], self.kind)
        with self._faults(options["errors"]) as faults, self.progress() as progress:
            try:
                counts = self.bring(
                    rows=self._watched(self.read(options, faults), progress),
                    faults=faults,
                    dry_run=options["dry_run"],
                    options=options,
                )
            except FaultsFound as found:
                self._tell(found.counts, faults, options)
                message = f"nothing was kept: {_faults(faults.n)}, told in {options['errors']}"
                raise CommandError(message) from found
        self._tell(counts, faults, options)
        if options["dry_run"]:
            self.stdout.write("nothing was kept: --dry-run")

    def read(self, options: dict[str, Any], faults: Faults) -> Iterable[Any]:
        """Read the rows of all files."""
        raise NotImplementedError

    def bring(
        self, *, rows: Iterable[Any], faults: Faults, dry_run: bool, options: dict[str, Any]
    ) -> Any:
        """Import the rows; give what was counted."""
        raise NotImplementedError

    def told(self, counts: Any, options: dict[str, Any]) -> Iterator[str]:
        """Say line by line what was counted."""
        raise NotImplementedError

    def _tell(self, counts: Any, faults: Faults, options: dict[str, Any]) -> None:
        for line in self.told(counts, options):
            self.stdout.write(line)
        for reason, n in sorted(faults.left_out.items()):
            self.stdout.write(f"left out: {n} of {reason}")

    def _faults(self, path: str | None) -> AbstractContextManager[Faults]:
        return nullcontext(StopAtFirst()) if path is None else faults_in_file(path)

    def _watched(self, rows: Iterable[_Row], progress: Progress) -> Iterable[_Row]:
        """Pass rows on, and show somebody at a terminal how many there were."""
        if progress.disable:
            return rows
        bar = progress.add_task(f"rows of {self.kind}", total=None)

        def counted() -> Iterator[_Row]:
            n = 0
            for n, row in enumerate(rows, start=1):
                if n % SHOWN_EVERY == 0:
                    progress.update(bar, completed=n)
                yield row
            progress.update(bar, completed=n, total=n)

        return counted()


def read_each(
    read: Callable[..., Iterable[_Row]], options: dict[str, Any], faults: Faults
) -> Iterator[_Row]:
    """Read the files one after the other."""
    return chain.from_iterable(
        read(path, format=options["format"], faults=faults) for path in options["files"]
    )


def _faults(n: int) -> str:
    return "1 fault" if n == 1 else f"{n:,} faults"


def add_run_and_set(parser: CommandParser) -> None:
    """Add the run that completions are for, and the set of their prompts."""
    parser.add_argument(
        "--run", required=True, type=read_slug, metavar="SLUG", help="made if there is none"
    )
    parser.add_argument(
        "--prompts", type=read_slug, metavar="SET",
        help="the set where the prompts are, or are put (default: named like the run)",
    )  # fmt: skip


def tell_completions(counts: CompletionCounts, options: dict[str, Any]) -> Iterator[str]:
    """Say what completions brought into a run."""
    run, prompt_set = options["run"], options["prompts"] or options["run"]
    yield f"prompts in set {prompt_set}: {counts.prompts}"
    yield f"candidates of run {run}: {counts.candidates}"
    yield f"completions of run {run}: {counts.completions}"
    if counts.n_naming_makers:
        yield (
            f"completions that name their maker: {counts.n_naming_makers} of the new ones; the"
            " run's rating rules say whether volunteers are shown those"
        )
