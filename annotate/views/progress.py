"""How far a volunteer has come, and how far the run has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from annotate.models import Annotator, Comparison, SelectionRun, Vote


@dataclass(frozen=True)
class Progress:
    """What an annotator judged, in all runs, and how many votes of everybody count in one.

    `streak` is the days in a row, up to today or yesterday, with something judged. `run_votes` are
    those of the open round where it wants `run_wanted` votes, else of the run; None without a run.
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
    """Count the votes that count, and how many are wanted."""
    round_ = run.rounds.open().first()
    votes = Vote.objects.of_run(run).counting()
    if round_ is None or round_.votes_wanted is None:
        return votes.count(), None
    return votes.filter(comparison__round=round_).count(), round_.votes_wanted
