"""Runs, as researchers see them."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from annotate.models import Annotator, RatingRules, SelectionRun, TrainingRun, Vote
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
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
    }
    return render(request, "runs/page.html", context)
