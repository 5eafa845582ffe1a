"""How old what is known of each run in voting is."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, OuterRef, Subquery

from annotate.models import Ranking, RoundEstimate, SelectionRun


@dataclass(frozen=True)
class RankedRun:
    """A run that takes votes, with when it was last ranked and its votes were last looked at."""

    run: SelectionRun
    ranked_at: datetime | None
    looked_at: datetime | None


def list_ranked_runs() -> list[RankedRun]:
    """List the runs that take votes now."""
    newest = Ranking.objects.filter(run=OuterRef("pk")).order_by("-id")
    runs = SelectionRun.objects.filter(state=SelectionRun.State.VOTING, paused_at=None)
    runs = runs.annotate(ranked_at=Subquery(newest.values("created_at")[:1])).order_by("id")
    looks = dict(
        RoundEstimate.objects.filter(round__run__in=runs.values("pk"))
        .values_list("round__run")
        .annotate(at=Max("made_at"))
    )
    return [RankedRun(run, run.ranked_at, looks.get(run.pk)) for run in runs]
