"""The page on which a researcher exports a run: choices, what they give, and the work."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from annotate.forms.exports import ExportForm
from annotate.models import Export, PreferenceDataset, SelectionRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import errors
from annotate.services.exporting import (
    Preview,
    Recipe,
    both_bad_lines,
    preview,
    read_recipe,
    recipe_of,
    request_export,
    say_failure,
)
from annotate.services.lineage import find_bound, withdrawn_by_dataset
from annotate.views.export_words import tell_example, tell_figures
from annotate.views.training import STOP_POLLING

COUNT, EXPORT, BOTH_BAD = "count", "export", "both-bad"
FORM_ID = "export-form"
DATASETS_ON_A_PAGE = 50
WORK_SHOWN = 20


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def export(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show the choices, count what they give, ask a worker for it, or send the prompts to ask anew.

    `?like=` begins with the choices of a dataset of this run. To htmx, only the numbers.
    """
    run = get_object_or_404(SelectionRun, slug=slug)
    if request.method == "GET":
        return _show(request, run, ExportForm(None, run=run, told=_beginning(request, run)))
    deed = _deed(request)
    form = ExportForm.of_sent(request.POST, run=run, deed=deed)
    if deed not in (COUNT, EXPORT, BOTH_BAD):
        return trigger_client_event(_show(request, run, form), "sources-changed", after="swap")
    recipe = _read(form)
    if recipe is not None and deed == EXPORT:
        asked = _ask(request, form, recipe)
        if asked is not None:
            return HttpResponseRedirect(reverse("export_work", args=[asked.pk]), status=303)
    if recipe is not None and deed == BOTH_BAD:
        lines = _find_both_bad(form, recipe)
        if lines:
            answer = HttpResponse(lines, content_type="application/x-ndjson; charset=utf-8")
            answer["Content-Disposition"] = f'attachment; filename="{run.slug}-both-bad.jsonl"'
            return answer
    found = _look(form, recipe) if recipe is not None and deed == COUNT else None
    if request.htmx and deed == COUNT:
        return render(request, "exports/_counted.html", _tell(form, found) | {"run": run})
    return _show(request, run, form, found=found, status=400 if form.has_faults else 200)


@require_safe
@vary_on_headers("HX-Request")
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def work(request: SignedInRequest, pk: int) -> HttpResponse:
    """Show how far an export is, and lead to its dataset when that is there."""
    found = get_object_or_404(Export.objects.select_related("run", "dataset"), pk=pk)
    is_over = found.state in (Export.State.FINISHED, Export.State.FAILED)
    context = {
        "run": found.run,
        "export": found,
        "is_over": is_over,
        "failure": say_failure(found),
    }
    if not request.htmx:
        return render(request, "exports/work.html", context)
    if found.state == Export.State.FINISHED:
        return HttpResponseClientRedirect(reverse("dataset", args=[found.dataset_id]))
    status = STOP_POLLING if is_over else 200
    return render(request, "exports/_work.html", context, status=status)


def _deed(request: SignedInRequest) -> str:
    """Tell what is wanted; the form itself asks for a count, whatever was pressed in it before."""
    is_watching = request.htmx and request.htmx.trigger == FORM_ID
    return COUNT if is_watching else request.POST.get("do", COUNT)


def _beginning(request: SignedInRequest, run: SelectionRun) -> dict[str, Any] | None:
    """Give the choices of the dataset that the address names; cut-offs are those of now."""
    like = request.GET.get("like", "")
    if not like.isdecimal():
        return None
    dataset = get_object_or_404(PreferenceDataset, pk=int(like), run=run)
    return recipe_of(dataset).to_filters()


def _read(form: ExportForm) -> Recipe | None:
    """Give the recipe that was filled in, or None: then every fault stands at its field."""
    told = form.read()
    try:
        recipe = read_recipe(told)
    except errors.RecipeRefused as refusal:
        form.refuse(refusal.faults)
        return None
    return None if form.has_faults else recipe


def _look(form: ExportForm, recipe: Recipe) -> Preview | None:
    try:
        return preview(recipe)
    except errors.RecipeRefused as refusal:
        form.refuse(refusal.faults)
    except errors.Refused as refusal:
        form.faults.append(str(refusal))
    return None


def _ask(request: SignedInRequest, form: ExportForm, recipe: Recipe) -> Export | None:
    try:
        return request_export(recipe, form.ending, request.user)
    except errors.RecipeRefused as refusal:
        form.refuse(refusal.faults)
    except errors.Refused as refusal:
        form.faults.append(str(refusal))
    return None


def _find_both_bad(form: ExportForm, recipe: Recipe) -> bytes:
    try:
        return both_bad_lines(recipe)
    except errors.RecipeRefused as refusal:
        form.refuse(refusal.faults)
    except errors.Refused as refusal:
        form.faults.append(str(refusal))
    return b""


def _tell(form: ExportForm, found: Preview | None) -> dict[str, Any]:
    told: dict[str, Any] = {"faults": form.list_faults(), "found": found}
    if found is not None:
        told |= {
            "figures": tell_figures(found.counts),
            "examples": [tell_example(row) for row in found.examples],
            "is_of_votes": found.recipe.form in ("votes", "arena"),
        }
    return told


def _show(
    request: SignedInRequest,
    run: SelectionRun,
    form: ExportForm,
    *,
    found: Preview | None = None,
    status: int = 200,
) -> HttpResponse:
    datasets = run.datasets.select_related("run", "created_by").order_by("-pk")
    page = Paginator(datasets, DATASETS_ON_A_PAGE).get_page(request.GET.get("page"))
    withdrawn, bound = withdrawn_by_dataset(page), find_bound(page)
    unfinished = run.exports.exclude(state=Export.State.FINISHED).select_related("created_by")
    context = {
        "run": run,
        "form": form,
        "page": page,
        "datasets": [(each, withdrawn.get(each.pk), each.pk in bound) for each in page],
        "work": [(each, say_failure(each)) for each in unfinished.order_by("-pk")[:WORK_SHOWN]],
        **_tell(form, found),
    }
    return render(request, "exports/page.html", context, status=status)
