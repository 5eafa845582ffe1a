"""Runs, as researchers see them."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRefresh

from annotate.models import Annotator, RatingRules, RunEvent, SelectionRun, TrainingRun, Vote
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import errors
from annotate.services.closing import close_run
from annotate.services.states import TRANSITIONS
from annotate.views import counts
from annotate.views.how_far import HowFar, tell_how_far
from annotate.views.live import Live, tell_live
from annotate.views.training import STOP_POLLING

RANKINGS_SHOWN = 20


@require_safe
@role_required(Role.RESEARCHER)
def runs(request: SignedInRequest) -> HttpResponse:
    """List every run."""
    return render(request, "runs/list.html", {"runs": counts.list_runs()})


@require_safe
@vary_on_headers("HX-Request")
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def run(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show how far a run has come, and all that was made of its votes; to htmx, what moves now."""
    run = get_object_or_404(SelectionRun, slug=slug)
    live = tell_live(run)
    if request.htmx:
        return _show_moving(request, run, live)
    rounds = counts.list_rounds(run)
    trainings = TrainingRun.objects.filter(base__run=run).select_related("base")
    way = tell_how_far(run)
    kinds = counts.votes_by_kind(Vote.objects.of_run(run).counting())
    context = {
        "run": run,
        "live": live,
        "decided": _find_decided(run),
        "prompt_sets": counts.prompts_by_language(run),
        "rounds": rounds,
        "is_open": _takes_votes(run, rounds, way),
        "candidates": counts.list_candidates(run, rounds),
        "kinds": kinds,
        "has_simulated": Annotator.Kind.SIMULATED in kinds,
        "rankings": run.rankings.defer("standings")[:RANKINGS_SHOWN],
        "datasets": counts.list_datasets(run),
        "training_runs": trainings,
        "rules": RatingRules.of(run),
        "way": way,
        "may_close": SelectionRun.State.CLOSED in TRANSITIONS[run.state],
    }
    return render(request, "runs/page.html", context)


def _find_decided(run: SelectionRun) -> dict[str, Any] | None:
    """Give what the log says of the newest decision: its number, and who was chosen."""
    events = run.events.filter(kind=RunEvent.Kind.DECIDED).order_by("-id")
    return events.values_list("detail", flat=True).first()


def _takes_votes(run: SelectionRun, rounds: list[counts.RoundRow], way: HowFar | None) -> bool:
    """Tell whether the page offers to rate: not where the run is paused, or has its answer."""
    is_stopped = way is not None and way.is_stopped
    return run.is_active and not is_stopped and any(row.round.is_open for row in rounds)


def _show_moving(request: SignedInRequest, run: SelectionRun, live: Live | None) -> HttpResponse:
    """Answer with what moves; a page of another state comes anew as a whole."""
    if live is None or request.GET.get("at") != live.at:
        return HttpResponseClientRefresh()
    context = {"run": run, "live": live, "way": tell_how_far(run)}
    status = 200 if live.is_moving else STOP_POLLING
    return render(request, "runs/live/_now.html", context, status=status)


@require_POST
@role_required(Role.ADMIN)
def close(request: SignedInRequest, slug: str) -> HttpResponse:
    """End a run for good."""
    run = get_object_or_404(SelectionRun, slug=slug)
    try:
        close_run(run=run, by=request.user)
    except errors.Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The run is closed. Those who voted see its models now."))
    return HttpResponseRedirect(reverse("run", args=[slug]), status=303)
