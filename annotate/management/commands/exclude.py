"""`manage.py exclude`: leave an annotator's votes out of a run, or count them again."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotate.management.base import KurabeCommand, add_run_argument, find_run
from annotate.models import Annotator, Exclusion, SelectionRun
from annotate.services.exclusions import exclude, find_annotator, undo_exclusion


class Command(KurabeCommand):
    """Exclude an annotator from a run, or undo that."""

    help = (
        "Count none of an annotator's votes in a run, for a reason, and rank again; or, with"
        " --undo, count them again. Both stay in the log on the page of the run's quality."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_run_argument(parser)
        parser.add_argument("annotator", metavar="ANNOTATOR", help="a name or a pseudonym")
        parser.add_argument("--reason", required=True, help="why; researchers read it")
        parser.add_argument("--undo", action="store_true", help="count the votes again")

    def run(self, **options: Any) -> None:
        """Write the entry, and say what the ranking is made of now."""
        run = find_run(options["slug"])
        annotator = find_annotator(run=run, told=options["annotator"])
        if options["undo"]:
            undo_exclusion(exclusion=standing(run, annotator), reason=options["reason"])
            done = f"{annotator.name} counts again in run {run.slug}"
        else:
            exclude(run=run, annotator=annotator, reason=options["reason"])
            done = f"{annotator.name} is excluded from run {run.slug}"
        ranking = run.rankings.defer("standings").first()
        again = "" if ranking is None else f"; ranked again by {ranking.n_votes} votes"
        self.stdout.write(done + again)


def standing(run: SelectionRun, annotator: Annotator) -> Exclusion:
    """Give the annotator's exclusion that stands.

    Raises:
        CommandError: there is none.
    """
    found = Exclusion.objects.standing().filter(run=run, annotator=annotator).first()
    if found is None:
        raise CommandError(f"{annotator.name} is not excluded from run {run.slug}")
    return found
