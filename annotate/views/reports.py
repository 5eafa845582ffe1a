"""What volunteers reported as harmful, and what became of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import Max, Min, Prefetch
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from annotate.forms.admin import VerdictForm
from annotate.models import Completion, Report
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services.reports import settle_report
from annotate.views.reading import show_plain

SHOWN = 25
NOTICES = {
    VerdictForm.HIDE: _("It stays hidden."),
    VerdictForm.SHOW: _("It is shown again, from now on."),
}


@dataclass(frozen=True)
class ReportedCompletion:
    """A completion with its conversation and all its reports, the newest last.

    Its candidate is left out: an admin may be a volunteer too, and the text alone is to be judged.
    """

    completion: Completion
    exchanges: list[tuple[str, SafeString]]
    reports: list[Report]

    @property
    def last(self) -> Report:
        """Give the report that says how the latest look went."""
        return self.reports[-1]


@require_http_methods(["GET", "POST"])
@cache_control(no_store=True)
@role_required(Role.ADMIN)
def reports(request: SignedInRequest) -> HttpResponse:
    """Show what waits for a look, and what has been looked at; take a verdict."""
    if request.method == "POST":
        return _settle(request)
    waiting = Report.objects.filter(looked_at__isnull=True)
    settled = Report.objects.exclude(completion__in=waiting.values("completion"))
    oldest = waiting.values("completion").annotate(at=Min("id")).order_by("at")
    latest = settled.values("completion").annotate(at=Max("looked_at")).order_by("-at")
    context = {
        "waiting": _read(oldest[:SHOWN]),
        "n_waiting": oldest.count(),
        "settled": _read(latest[:SHOWN]),
        "n_settled": latest.count(),
    }
    return render(request, "reports/page.html", context)


def _read(rows: Iterable[dict[str, Any]]) -> list[ReportedCompletion]:
    """Read the completions of the rows, in their order, with their reports."""
    keys = [row["completion"] for row in rows]
    reports = Report.objects.select_related("comparison__annotator", "looked_by")
    completions = (
        Completion.objects.select_related("prompt", "candidate__run")
        .prefetch_related(Prefetch("reports", reports.order_by("id")))
        .in_bulk(keys)
    )
    return [_shown(completions[key]) for key in keys]


def _shown(completion: Completion) -> ReportedCompletion:
    turns = zip_longest(completion.prompt.turns, completion.replies, fillvalue="")
    return ReportedCompletion(
        completion=completion,
        exchanges=[(turn, show_plain(reply)) for turn, reply in turns],
        reports=list(completion.reports.all()),
    )


def _settle(request: SignedInRequest) -> HttpResponse:
    form = VerdictForm(request.POST)
    if not form.is_valid():
        raise BadRequest(form.errors.as_text())
    report, verdict = form.cleaned_data["report"], form.cleaned_data["verdict"]
    settle_report(report=report, is_upheld=verdict == VerdictForm.HIDE, by=request.user)
    messages.success(request, NOTICES[verdict])
    return HttpResponseRedirect(request.path, status=303)
