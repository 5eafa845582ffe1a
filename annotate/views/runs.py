"""Runs, as researchers see them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from annotate.models import Annotator, SelectionRun, TrainingRun, Vote
from annotate.models.people import Role
from annotate.permissions import role_required
from annotate.views import counts

RANKINGS_SHOWN = 20


@require_safe
@role_required(Role.RESEARCHER)
def runs(request: HttpRequest) -> HttpResponse:
    """List every run."""
    return render(request, "runs/list.html", {"runs": counts.list_runs()})


@require_safe
@role_required(Role.RESEARCHER)
def run(request: HttpRequest, run: str) -> HttpResponse:
    """Show how far a run has come, and everything that was made of its votes."""
    selection_run = get_object_or_404(SelectionRun, slug=run)
    rounds = counts.list_rounds(selection_run)
    trainings = TrainingRun.objects.filter(base__run=selection_run).select_related("base")
    kinds = counts.votes_by_kind(Vote.objects.of_run(selection_run).standing())
    context = {
        "run": selection_run,
        "prompt_sets": counts.prompts_by_language(selection_run),
        "rounds": rounds,
        "is_open": any(row.round.opened_at and not row.round.closed_at for row in rounds),
        "candidates": counts.list_candidates(selection_run, rounds),
        "kinds": kinds,
        "has_simulated": Annotator.Kind.SIMULATED in kinds,
        "rankings": selection_run.rankings.defer("standings")[:RANKINGS_SHOWN],
        "datasets": selection_run.datasets.all(),
        "training_runs": trainings,
    }
    return render(request, "runs/page.html", context)
