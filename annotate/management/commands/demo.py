"""`manage.py demo`: the loop once on a tiny model, then the site until Ctrl-C."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from annotate.management.base import KurabeCommand
from annotate.management.tables import ranking_table
from annotate.services import demo
from annotate.services.serving import running_site, running_worker


class Command(KurabeCommand):
    """Run the demo."""

    help = (
        "Turn the loop once on a tiny model: train it on a small corpus, generate, let simulated"
        " annotators vote over HTTP, rank, train the winner with DPO on the votes, and vote on"
        " parent and child. Then serve the site and run a worker until Ctrl-C. A second call"
        " starts from what is there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--port", type=int, default=8000, help="of the site (default 8000)")
        parser.add_argument("--seed", type=int, default=0, help="of everything drawn (default 0)")
        parser.add_argument(
            "--exit", action="store_true", help="end when the loop has turned, and serve nothing"
        )

    def run(self, **options: Any) -> None:
        """Turn the loop unless it has turned, show what came of it, and serve."""
        report = ConsoleReport(self.console)
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            with running_site(port=options["port"]) as url, running_worker():
                if not demo.is_complete():
                    started = time.monotonic()
                    demo.turn_the_loop(url=url, seed=options["seed"], report=report)
                    report.step(f"The loop has turned in {time.monotonic() - started:.0f} s")
                self._show(demo.summarise(), url)
                while not options["exit"]:
                    time.sleep(1)
        except demo.DemoFailed as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("\nStopped. What was made stays; `make demo` goes on from there.")

    def _show(self, summary: demo.Summary, url: str) -> None:
        """Print rankings, files, the win rate, the address and how to sign in."""
        console = self.console
        for ranking in summary.rankings:
            console.print()
            console.print(ranking_table(ranking))
        rate = summary.child_over_parent
        home = settings.KURABE_HOME
        lines = [
            "",
            f"{summary.child.name} over its parent on held-out prompts: {rate.rate:.1%} of"
            f" {rate.n} simulated votes, a draw half ({rate.low:.1%} to {rate.high:.1%})",
            "",
            f"DPO export   {home / summary.dataset.path} ({summary.dataset.n_pairs} pairs)",
            f"Checkpoint   {summary.child.model}",
            "",
            f"The site     {url}",
            f"Sign in as   volunteer, researcher or admin, each with password {summary.password}",
            "",
            "All votes so far are by simulated annotators; yours will be the first of a person."
            " Ctrl-C stops.",
        ]
        for line in lines:
            console.print(line, soft_wrap=True)


class ConsoleReport:
    """Says on the console how far the demo has come."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def step(self, text: str) -> None:
        """Print a line."""
        self._console.print(f"· {text}")

    @contextmanager
    def bar(self, text: str) -> Iterator[Callable[[int, int], None]]:
        """Show a bar; where nobody watches a terminal, a line at the start and one at the end."""
        if not self._console.is_terminal:
            self.step(f"{text} ...")
        columns = (TextColumn("· {task.description}"), BarColumn(), MofNCompleteColumn(),
                   TimeElapsedColumn(), TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(text, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Treat SIGTERM as Ctrl-C, so that what was started is stopped."""
    raise KeyboardInterrupt
