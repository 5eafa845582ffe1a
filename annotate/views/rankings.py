"""One stored ranking."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from annotate.models import Ranking
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.views.charts import Whisker, whiskers

Standing = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """Candidates that votes join with each other; each row with its interval as a picture."""

    number: int
    rows: Sequence[tuple[Standing, Whisker | None]]

    @property
    def is_provisional(self) -> bool:
        """Tell whether no chain of votes joins this group to the largest one."""
        return self.number > 0


@require_safe
@role_required(Role.RESEARCHER)
def ranking(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Show a ranking as it was stored, with what made it."""
    ranking = get_object_or_404(Ranking.objects.select_related("run"), pk=pk, run__slug=slug)
    context = {
        "ranking": ranking,
        "run": ranking.run,
        "kinds": ranking.settings["votes_by_kind"],
        "settings": {k: v for k, v in sorted(ranking.settings.items()) if k != "votes_by_kind"},
        "groups": part_groups(ranking.standings),
        "without_votes": [row for row in ranking.standings if row["group"] is None],
    }
    return render(request, "rankings/page.html", context)


def part_groups(standings: Sequence[Standing]) -> list[Group]:
    """Part the standings, which lie group by group, into the groups that votes join."""
    voted = [row for row in standings if row["group"] is not None]
    return [
        _group(number, list(rows)) for number, rows in groupby(voted, key=lambda row: row["group"])
    ]


def _group(number: int, rows: list[Standing]) -> Group:
    marks = whiskers([(row["low"], row["strength"], row["high"]) for row in rows])
    return Group(number, list(zip(rows, marks, strict=True)))
