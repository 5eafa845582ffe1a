"""`manage.py judge`: an LLM judge judges a round, here and now."""

from collections import Counter
from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotate.management.base import KurabeCommand, add_run_argument, find_run, number_from
from annotate.models import Judge, JudgeReading, JudgeSitting, Round, SelectionRun, Vote
from annotate.services.errors import GenerationInterrupted, names_like
from annotate.services.judges import add_judge
from annotate.services.judging import drawn_for, judge_more, judge_sitting


class Command(KurabeCommand):
    """Have an LLM judge judge a round."""

    help = (
        "Have an LLM judge compare pairs of a run's open round, each in both orders, and wait for"
        " it. Pairs are drawn by the run's own policy, those first that people have judged. Its"
        " votes are told from people's everywhere: they use up no budget and decide no round."
        " Stopped and started again, it goes on where it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_run_argument(parser)
        parser.add_argument("--judge", required=True, metavar="SLUG", help="made by make_judge")
        parser.add_argument(
            "--comparisons", type=number_from(1), required=True, metavar="N",
            help="how many it is to make beyond those that it made; what was drawn and not judged"
            " is judged too",
        )  # fmt: skip
        parser.add_argument("--round", type=number_from(1), metavar="N", help="the open one")

    def run(self, **options: Any) -> None:
        """Judge, and say what came of it."""
        run, judge = find_run(options["slug"]), find_judge(options["judge"])
        round_ = _find_round(run, options["round"])
        add_judge(run=run, judge=judge)
        sitting = judge_more(
            round_=round_, judge=judge, comparisons=options["comparisons"], is_queued=False
        )
        with self.progress() as progress:
            bar = progress.add_task(f"readings by {judge.slug}", total=None)
            try:
                judge_sitting(
                    sitting=sitting,
                    on_reading=lambda n, total: progress.update(bar, completed=n, total=total),
                )
            except GenerationInterrupted as error:
                raise CommandError(f"{error}; started again, it goes on") from error
        self.stdout.write(describe(sitting))


def find_judge(slug: str) -> Judge:
    """Give the judge of this name.

    Raises:
        CommandError: there is none; it lists those that are there.
    """
    try:
        return Judge.objects.select_related("template", "annotator").get(slug=slug)
    except Judge.DoesNotExist as error:
        slugs = list(Judge.objects.values_list("slug", flat=True))
        known = f"there is {names_like(slug, slugs)}" if slugs else "make_judge makes one"
        raise CommandError(f"no judge is called {slug!r}; {known}") from error


def describe(sitting: JudgeSitting) -> str:
    """Say in a line what a judge has done in a round so far."""
    sitting.refresh_from_db()
    drawn = drawn_for(sitting.judge, sitting.round)
    votes = Vote.objects.standing().filter(comparison__in=drawn)
    outcomes = Counter(votes.values_list("outcome", flat=True))
    unreadable = drawn.filter(readings__verdict=JudgeReading.Verdict.UNREADABLE).distinct()
    said = ", ".join(f"{n} {outcome}" for outcome, n in sorted(outcomes.items()))
    facts = [f"{outcomes.total()} votes" + (f" ({said})" if said else "")]
    if n := unreadable.count():
        facts.append(f"{n} could not be read")
    if sitting.state == JudgeSitting.State.STOPPED:
        facts.append("stopped: the run is paused, or the round has closed")
    elif (n := drawn.count()) < sitting.n_wanted:
        facts.append(f"nothing is left to compare after {n}")
    return f"{sitting.judge.slug}, round {sitting.round.number}: {'; '.join(facts)}"


def _find_round(run: SelectionRun, number: int | None) -> Round:
    """Find the open round, which may be named."""
    round_ = run.rounds.open().first()
    if round_ is None or number not in (None, round_.number):
        open_now = f"round {round_.number} is open" if round_ else "no round is open"
        raise CommandError(f"run {run.slug} cannot be judged there: {open_now}")
    return round_
