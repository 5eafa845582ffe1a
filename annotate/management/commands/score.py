"""`manage.py score`: an LLM judge scores the replies of a round from 1 to 10, here and now."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotate.management.base import KurabeCommand, add_run_argument, find_run, number_from
from annotate.management.commands.judge import find_judge
from annotate.models import JudgeSitting, Round, SelectionRun
from annotate.services.errors import GenerationInterrupted
from annotate.services.judging import judge_sitting
from annotate.services.scores import Scores, read_scores
from annotate.services.scoring import score_round


class Command(KurabeCommand):
    """Have an LLM judge score replies."""

    help = (
        "Have an LLM judge score every reply of a round from 1 to 10, each turn by itself, beside"
        " a right answer where the prompt has one, and print the means. What is scored already is"
        " not scored again; stopped and started again, it goes on where it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_run_argument(parser)
        parser.add_argument(
            "--judge", required=True, metavar="SLUG",
            help="made by make_judge with a template that gives scores, such as score",
        )  # fmt: skip
        parser.add_argument(
            "--choices", type=number_from(1), default=1, metavar="K",
            help="how often each reply is scored (default 1)",
        )  # fmt: skip
        parser.add_argument("--round", type=number_from(1), metavar="N", help="the newest one")

    def run(self, **options: Any) -> None:
        """Score, and print the means."""
        run, judge = find_run(options["slug"]), find_judge(options["judge"])
        sitting = score_round(
            round_=_find_round(run, options["round"]),
            judge=judge,
            choices=options["choices"],
            is_queued=False,
        )
        with self.progress() as progress:
            bar = progress.add_task(f"scores by {judge.slug}", total=None)
            try:
                judge_sitting(
                    sitting=sitting,
                    on_reading=lambda n, total: progress.update(bar, completed=n, total=total),
                )
            except GenerationInterrupted as error:
                raise CommandError(f"{error}; started again, it goes on") from error
        sitting.refresh_from_db()
        if sitting.state == JudgeSitting.State.STOPPED:
            self.stdout.write("stopped: the run is paused or was cancelled")
        self._print(read_scores(run=run, judge=judge))

    def _print(self, found: Scores) -> None:
        for who in found.candidates:
            overall = found.find(who)
            if overall is None or overall.mean is None:
                continue
            spread = "" if overall.spread is None else f" ± {overall.spread:.2f}"
            self.stdout.write(f"{found.names[who]}: {overall.mean:.2f}{spread}")
        self.stdout.write(f"{found.n_scores} scores, {found.n_unread} could not be read")


def _find_round(run: SelectionRun, number: int | None) -> Round:
    """Find a round of the run, by default the newest."""
    rounds = run.rounds.order_by("-number")
    found = rounds.filter(number=number).first() if number else rounds.first()
    if found is None:
        what = f"round {number}" if number else "round"
        raise CommandError(f"run {run.slug} has no {what}")
    return found
