"""A training run, what it measures while it runs, and what admins can do to it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from annotate.models import TrainingRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import errors, lineage, training_states
from annotate.services.exporting import votes_behind
from annotate.services.kinship import tell_kinship
from annotate.services.training_settings import split_settings
from annotate.views import counts
from annotate.views.charts import LineChart, line_chart
from annotate.views.kinship import show_kinship, tell_gate
from annotate.views.training_forecast import tell_forecast

ROWS_SHOWN = 20
STOP_POLLING = 286  # htmx asks no more after this status
GIB = 2**30
Row = dict[str, Any]


@require_safe
@vary_on_headers("HX-Request")
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def training(request: SignedInRequest, pk: int) -> HttpResponse:
    """Show a training run; to htmx, only what changes while it runs."""
    runs = TrainingRun.objects.select_related("base__run", "dataset__run", "next_round")
    training_run = get_object_or_404(runs, pk=pk)
    context = _tell_moving(training_run)
    if request.htmx:
        return _show_moving(request, training_run, context)
    dataset = training_run.dataset
    context |= {
        "run": training_run.base.run,
        "dataset": dataset,
        "forecast": tell_forecast(training_run.forecast),
        "kinds": counts.votes_by_kind(votes_behind(dataset)),
        "withdrawn": lineage.withdrawn_since(dataset),
        "gate": tell_gate(training_run),
        "settings": split_settings(training_run.config),
        "kinship": show_kinship(
            tell_kinship(run=training_run.base.run, training_run=training_run), request.GET
        ),
    }
    return render(request, "training/page.html", context)


@require_POST
@role_required(Role.ADMIN)
def stop(request: SignedInRequest, pk: int) -> HttpResponse:
    """Have it stop, with a checkpoint."""
    said = _("It stops after its next step, and keeps a checkpoint to go on from.")
    return _do(request, pk, training_states.stop_training, said)


@require_POST
@role_required(Role.ADMIN)
def keep(request: SignedInRequest, pk: int) -> HttpResponse:
    """Have it end with the weights as they are."""
    said = _("It ends after its next step. The weights as they are become the new candidate.")
    return _do(request, pk, training_states.keep_training, said)


@require_POST
@role_required(Role.ADMIN)
def resume(request: SignedInRequest, pk: int) -> HttpResponse:
    """Let it go on, or try it again."""
    said = _("It waits for a worker, which goes on from the last checkpoint.")
    return _do(request, pk, training_states.resume_training, said)


def draw_charts(rows: Sequence[Row]) -> list[LineChart]:
    """Draw the curves by which one tells whether a training goes well."""
    both = partial(_read_both, rows)
    logs = [
        (_("chosen"), _read(rows, "chosen_logp")),
        (_("rejected"), _read(rows, "rejected_logp")),
    ]
    charts = [
        line_chart(_("Loss"), both("loss")),
        line_chart(_("Reward accuracy"), both("reward_accuracy")),
        line_chart(_("Reward margin"), both("reward_margin")),
        line_chart(_("Log-probability of replies"), logs),
        line_chart(_("Gradient norm"), [("", _read(rows, "grad_norm"))]),
        line_chart(_("Learning rate"), [("", _read(rows, "learning_rate"))]),
        line_chart(_("Tokens/s"), [("", _read(rows, "tokens_per_s"))]),
        line_chart(_("Memory (GiB)"), [("", _read(rows, "memory_bytes", unit=GIB))]),
    ]
    return [chart for chart in charts if chart.curves]


def _read(rows: Sequence[Row], name: str, *, unit: float = 1.0) -> list[tuple[float, float | None]]:
    values = [(row["step"], row.get(name)) for row in rows]
    return [(step, None if value is None else value / unit) for step, value in values]


def _read_both(rows: Sequence[Row], name: str) -> list[tuple[str, Any]]:
    """Give what was measured in training, and beside it, where there is any, in evaluation."""
    evaluated = _read(rows, f"eval_{name}")
    if all(value is None for _step, value in evaluated):
        return [("", _read(rows, name))]
    return [(_("training"), _read(rows, name)), (_("evaluation"), evaluated)]


def _tell_moving(training_run: TrainingRun) -> dict[str, Any]:
    rows = list(training_run.metrics.order_by("step").values_list("values", flat=True))
    return {
        "training_run": training_run,
        # What else of the page changes with this comes anew, too.
        "at": f"{training_run.state}.{training_run.wish}.{training_run.forecast is not None:d}",
        "last": rows[-1] if rows else None,
        "charts": draw_charts(rows),
        "rows": rows[-ROWS_SHOWN:],
        "earlier_rows": rows[:-ROWS_SHOWN],
        "has_evaluation": any("eval_loss" in row for row in rows),
        "children": training_run.candidates.all(),
    }


def _show_moving(
    request: HttpRequest, training_run: TrainingRun, context: dict[str, Any]
) -> HttpResponse:
    if request.GET.get("at") != context["at"]:
        context |= {"is_new": True, "forecast": tell_forecast(training_run.forecast)}
    status = STOP_POLLING if training_run.is_over else 200
    return render(request, "training/_moving.html", context, status=status)


def _do(
    request: SignedInRequest, pk: int, act: Callable[..., object], said: str
) -> HttpResponseRedirect:
    """Do it, leave the words of how it went, and lead back to the training."""
    training_run = get_object_or_404(TrainingRun, pk=pk)
    try:
        act(training_run=training_run, by=request.user)
    except errors.Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said)
    return HttpResponseRedirect(reverse("training", args=[pk]), status=303)
