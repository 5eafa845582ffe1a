"""`manage.py simulate`: simulated annotators vote over HTTP."""

from typing import Any

import httpx
from django.core.management.base import CommandError, CommandParser

from annotate.management.base import (
    KurabeCommand,
    add_run_argument,
    find_run,
    number_from,
    read_url,
)
from annotate.services.simulating import simulate_votes


class Command(KurabeCommand):
    """Let simulated annotators vote."""

    help = (
        "Let simulated annotators vote in a run's open round, over HTTP, through the same form as"
        " a person. They prefer replies without foreign words, loops and missed questions, with"
        " noise. Their votes are marked as simulated on every page and in every export."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_run_argument(parser)
        parser.add_argument("--votes", type=number_from(1), required=True, metavar="N")
        parser.add_argument("--seed", type=int, default=0, help="of their noise (default 0)")
        parser.add_argument("--annotators", type=number_from(1), default=8, metavar="N", help="8")
        parser.add_argument(
            "--noise", type=number_from(0, float), default=1.0,
            help="scale of their noise (default 1; a plain fault weighs 3)",
        )  # fmt: skip
        parser.add_argument(
            "--url", type=read_url,
            help="a running Kurabe on this database, such as http://127.0.0.1:8000; without it a"
            " server is started on a free port for as long as it takes",
        )  # fmt: skip

    def run(self, **options: Any) -> None:
        """Vote, and say how many votes were cast."""
        run = find_run(options["slug"])
        try:
            with self.progress() as progress:
                bar = progress.add_task(f"simulated votes on {run.slug}", total=options["votes"])
                simulation = simulate_votes(
                    run=run,
                    votes=options["votes"],
                    seed=options["seed"],
                    url=options["url"] or "",
                    n_annotators=options["annotators"],
                    noise=options["noise"],
                    on_vote=lambda number: progress.update(bar, completed=number),
                )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            where = options["url"] or "the server that was started"
            message = f"{where} does not answer ({error}); --url names a running Kurabe"
            raise CommandError(message) from error
        said = ", ".join(f"{n} {outcome}" for outcome, n in sorted(simulation.outcomes.items()))
        self.stdout.write(
            f"{simulation.votes} simulated votes ({said}): {simulation.stopped_because}"
        )
