"""The board of a run: who wants to be seen there, and how many votes they gave."""

from dataclasses import dataclass

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from annotate.models import Annotator, SelectionRun
from annotate.models.comparisons import Purpose
from annotate.views.visitors import HtmxRequest, volunteer_page

NAMES_AT_MOST = 100


@dataclass(frozen=True)
class Place:
    """A name on the board; equal numbers of votes share a place."""

    place: int
    name: str
    votes: int
    is_own: bool


@require_safe
@cache_control(no_store=True)
@volunteer_page
def board(request: HtmxRequest, run: SelectionRun, annotator: Annotator) -> HttpResponse:
    """Show the names of those who joined the board, by their votes in the run."""
    places = list_places(run, annotator)
    context = {
        "run": run,
        "annotator": annotator,
        "places": places[:NAMES_AT_MOST],
        "own": next((place for place in places if place.is_own), None),
    }
    return render(request, "board/page.html", context)


def list_places(run: SelectionRun, annotator: Annotator) -> list[Place]:
    """List everybody who joined and voted, most votes first; practice is no vote."""
    judged = Q(comparisons__round__run=run, comparisons__answered_at__isnull=False)
    judged &= ~Q(comparisons__purpose=Purpose.PRACTICE)
    people = list(
        Annotator.objects.exclude(board_name="")
        .annotate(n=Count("comparisons", filter=judged))
        .filter(n__gt=0)
        .order_by("-n", "board_name")
        .values_list("pk", "board_name", "n")
    )
    places: dict[int, int] = {}
    for place, (_pk, _name, n) in enumerate(people, start=1):
        places.setdefault(n, place)
    return [Place(places[n], name, n, pk == annotator.pk) for pk, name, n in people]
