"""`manage.py close`: end a run."""

from typing import Any

from django.core.management.base import CommandParser

from annotate.management.base import KurabeCommand, add_run_argument, find_run
from annotate.services.closing import close_run


class Command(KurabeCommand):
    """Close a run for good."""

    help = (
        "End a run for good: it takes no more votes, it is ranked by those it has, and volunteers"
        " who voted see what the models were."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_run_argument(parser)

    def run(self, **options: Any) -> None:
        """Close it, and say where its outcome stands."""
        run = find_run(options["slug"])
        close_run(run=run)
        ranking = run.rankings.defer("standings").first()
        outcome = "" if ranking is None else f"; ranked by {ranking.n_votes} votes"
        self.stdout.write(f"run {run.slug} is closed{outcome}")
