"""`manage.py decide`: choose a candidate by the votes, or check that a choice comes out again."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotate.management.base import KurabeCommand, add_run_argument, find_run
from annotate.models import RunDecision
from annotate.services.canonical import hash_content
from annotate.services.deciding import compute_again, decide_run


class Command(KurabeCommand):
    """Decide a run, or compute a decision again."""

    help = (
        "Decide a run by the votes that stand now: which candidate it chose, how sure that is, and"
        " the evidence. With --check, compute a decision again and compare its hash."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_run_argument(parser)
        parser.add_argument(
            "--check", type=int, metavar="NUMBER", help="compute this decision of the run again"
        )

    def run(self, **options: Any) -> None:
        """Decide or check, and say what came out in a line."""
        run = find_run(options["slug"])
        if options["check"] is not None:
            decision = RunDecision.objects.filter(run=run, number=options["check"]).first()
            if decision is None:
                raise CommandError(f"run {run.slug} has no decision {options['check']}")
            self._check(decision)
            return
        made = decide_run(run=run, by_hand=True)
        self.stdout.write(f"run {run.slug}, decision {made.number}: {self._tell(made)}")
        self.stdout.write(f"sha256 {made.sha256}")

    def _check(self, decision: RunDecision) -> None:
        found = hash_content(compute_again(decision=decision))
        if found != decision.sha256:
            raise CommandError(
                f"decision {decision.number} of run {decision.run.slug} has sha256"
                f" {decision.sha256}, and computed again it is {found}"
            )
        self.stdout.write(f"decision {decision.number} comes out again: sha256 {found}")

    def _tell(self, decision: RunDecision) -> str:
        choice = decision.content["choice"]
        names = {each["id"]: each["name"] for each in decision.content["candidates"]}
        return f"{names[choice['candidate']]} ({choice['verdict']})"
