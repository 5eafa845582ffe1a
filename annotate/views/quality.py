"""How far a run's votes can be trusted, as researchers see it, and whom admins leave out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from annotate.forms.rating import ExclusionForm
from annotate.models import Annotator, Exclusion, SelectionRun, User
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import errors, exclusions
from annotate.services.quality import SLICES, measure_quality

BY = {"language": gettext_lazy("language"), "category": gettext_lazy("category")}


@dataclass(frozen=True)
class Entry:
    """A line of the log: who was excluded or counts again, by whom, when and why."""

    number: int
    at: datetime
    by: User | None
    annotator: Annotator
    is_undoing: bool
    reason: str


@require_safe
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def quality(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show agreement, side bias and every annotator, by the votes that stand now."""
    run = get_object_or_404(SelectionRun, slug=slug)
    (measured,) = measure_quality(run=run)
    by = request.GET.get("by", "")
    context = {
        "run": run,
        "quality": measured,
        "gaps": measured.gaps,
        "by": by,
        "kinds_of_slice": BY,
        "slices": measure_quality(run=run, by=by) if by in SLICES else [],
        "log": list_log(run),
    }
    return render(request, "quality/page.html", context)


@require_POST
@role_required(Role.ADMIN)
def exclude_annotator(request: SignedInRequest, slug: str, annotator: int) -> HttpResponse:
    """Leave an annotator's votes out of the run."""
    run = get_object_or_404(SelectionRun, slug=slug)
    whom = get_object_or_404(Annotator, pk=annotator)
    told = _("%(name)s is excluded. Rankings and agreement are computed anew.") % {
        "name": whom.name
    }
    return _decide(request, slug, told, exclusions.exclude, run=run, annotator=whom)


@require_POST
@role_required(Role.ADMIN)
def undo_exclusion(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Count an excluded annotator's votes again."""
    exclusion = get_object_or_404(Exclusion.objects.select_related("run"), pk=pk, run__slug=slug)
    told = _("%(name)s counts again. Rankings and agreement are computed anew.") % {
        "name": exclusion.annotator.name
    }
    return _decide(request, slug, told, exclusions.undo_exclusion, exclusion=exclusion)


def list_log(run: SelectionRun) -> list[Entry]:
    """List every exclusion from the run and every undoing, the newest first."""
    entries = []
    for each in run.exclusions.select_related("annotator", "excluded_by", "undone_by"):
        entries.append(
            Entry(
                each.number, each.excluded_at, each.excluded_by, each.annotator, False, each.reason
            )
        )
        if each.undone_number is not None and each.undone_at is not None:
            entries.append(
                Entry(
                    each.undone_number, each.undone_at, each.undone_by, each.annotator, True,
                    each.undone_reason,
                )
            )  # fmt: skip
    return sorted(entries, key=lambda entry: -entry.number)


def _decide(
    request: SignedInRequest, slug: str, told: str, act: Callable[..., Any], **what: Any
) -> HttpResponse:
    """Do it for the reason that was sent, and show the page again with what came of it."""
    form = ExclusionForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("A reason is needed; nobody is excluded silently."))
    else:
        try:
            act(**what, reason=form.cleaned_data["reason"], by=request.user)
        except errors.Refused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, told)
    return HttpResponseRedirect(reverse("quality", args=[slug]), status=303)
