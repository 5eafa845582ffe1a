"""How far a volunteer has come, and how far the run has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from annotate.models import Annotator, Comparison, SelectionRun


@dataclass(frozen=True)
class Progress:
    """What an annotator judged, in all runs, and how much everybody judged in one.

    `streak` is the days in a row, up to today or yesterday, with something judged. `run_votes` are
    those in the open round where it wants `run_wanted` votes, else in the run; None without a run.
    A round that has its answer wants none.
    """

    today: int
    total: int
    streak: int
    run_votes: int | None = None
    run_wanted: int | None = None


def progress_of(annotator: Annotator | None, run: SelectionRun | None = None) -> Progress:
    """Count what an annotator judged, practice left out, and the run's way to its decision."""
    judged = Comparison.objects.judged().filter(annotator=annotator)
    by_day = dict(
        judged.annotate(day=TruncDate("answered_at")).values_list("day").annotate(Count("id"))
    )
    today = timezone.localdate()
    own = (by_day.get(today, 0), sum(by_day.values()), count_streak(sorted(by_day), today=today))
    return Progress(*own, *([] if run is None else _way_of(run)))


def count_streak(days: Sequence[date], *, today: date) -> int:
    """Count the days in a row that end today, or yesterday: the day is not over."""
    there = set(days)
    last = today if today in there else today - timedelta(days=1)
    streak = 0
    while last - timedelta(days=streak) in there:
        streak += 1
    return streak


def _way_of(run: SelectionRun) -> tuple[int, int | None]:
    """Count what everybody judged, and how many votes are wanted.

    Comparisons that decide no ranking are counted too: a number that stood still after some votes
    would tell which comparisons have a known answer or come again. LLM judges' are not.
    """
    judged = Comparison.objects.judged().by_people().filter(round__run=run)
    round_ = run.rounds.open().undecided().first()
    if round_ is None or round_.votes_wanted is None:
        return judged.count(), None
    n_judged = judged.filter(round=round_).count()
    return min(n_judged, round_.votes_wanted), round_.votes_wanted
