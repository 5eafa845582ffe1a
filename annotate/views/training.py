"""A training run, and what it measures while it runs."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from annotate.models import TrainingRun, Vote
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import lineage
from annotate.views import counts
from annotate.views.charts import LineChart, line_chart

ROWS_SHOWN = 20
STOP_POLLING = 286  # htmx asks no more after this status


@require_safe
@vary_on_headers("HX-Request")
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def training(request: SignedInRequest, pk: int) -> HttpResponse:
    """Show a training run; to htmx, only what changes while it runs."""
    runs = TrainingRun.objects.select_related("base__run", "dataset__run")
    training_run = get_object_or_404(runs, pk=pk)
    rows = list(training_run.metrics.order_by("step").values_list("values", flat=True))
    context = {
        "training_run": training_run,
        "last": rows[-1] if rows else None,
        "charts": draw_charts(rows),
        "rows": rows[-ROWS_SHOWN:],
        "earlier_rows": rows[:-ROWS_SHOWN],
        "children": training_run.candidates.all(),
    }
    if request.htmx:
        status = STOP_POLLING if training_run.is_over else 200
        return render(request, "training/_metrics.html", context, status=status)
    dataset = training_run.dataset
    votes = Vote.objects.of_run(dataset.run).counting_at(dataset.cutoff)
    context |= {
        "run": training_run.base.run,
        "dataset": dataset,
        "kinds": counts.votes_by_kind(votes),
        "withdrawn": lineage.withdrawn_since(dataset),
    }
    return render(request, "training/page.html", context)


def draw_charts(rows: Sequence[dict[str, Any]]) -> list[LineChart]:
    """Draw the curves by which one tells whether a training goes well."""
    titles = {
        "loss": _("Loss"),
        "reward_accuracy": _("Reward accuracy"),
        "reward_margin": _("Reward margin"),
    }
    return [
        line_chart(title, [(row["step"], row.get(name)) for row in rows])
        for name, title in titles.items()
    ]
