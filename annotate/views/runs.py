"""Runs, as researchers see them."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from annotate.models import Annotator, RatingRules, SelectionRun, TrainingRun, Vote
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import errors
from annotate.services.closing import close_run
from annotate.services.rounds import TRANSITIONS
from annotate.views import counts

RANKINGS_SHOWN = 20


@require_safe
@role_required(Role.RESEARCHER)
def runs(request: SignedInRequest) -> HttpResponse:
    """List every run."""
    return render(request, "runs/list.html", {"runs": counts.list_runs()})


@require_safe
@role_required(Role.RESEARCHER)
def run(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show how far a run has come, and everything that was made of its votes."""
    run = get_object_or_404(SelectionRun, slug=slug)
    rounds = counts.list_rounds(run)
    trainings = TrainingRun.objects.filter(base__run=run).select_related("base")
    kinds = counts.votes_by_kind(Vote.objects.of_run(run).counting())
    context = {
        "run": run,
        "prompt_sets": counts.prompts_by_language(run),
        "rounds": rounds,
        "is_open": any(row.round.opened_at and not row.round.closed_at for row in rounds),
        "candidates": counts.list_candidates(run, rounds),
        "kinds": kinds,
        "has_simulated": Annotator.Kind.SIMULATED in kinds,
        "rankings": run.rankings.defer("standings")[:RANKINGS_SHOWN],
        "datasets": counts.list_datasets(run),
        "training_runs": trainings,
        "rules": RatingRules.of(run),
        "may_close": SelectionRun.State.CLOSED in TRANSITIONS[run.state],
    }
    return render(request, "runs/page.html", context)


@require_POST
@role_required(Role.ADMIN)
def close(request: SignedInRequest, slug: str) -> HttpResponse:
    """End a run for good."""
    run = get_object_or_404(SelectionRun, slug=slug)
    try:
        close_run(run=run)
    except errors.Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The run is closed. Those who voted see its models now."))
    return HttpResponseRedirect(reverse("run", args=[slug]), status=303)
