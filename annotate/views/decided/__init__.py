"""A run's decision: as a page that can be printed, and as two files."""

from django.contrib import messages
from django.contrib.staticfiles import finders
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from annotate.models import RunDecision, SelectionRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, has_role, role_required
from annotate.services import errors
from annotate.services.canonical import write_canonical
from annotate.services.deciding import decide_run, may_decide
from annotate.views.decided.document import read_document

STYLE_SHEETS = ("kurabe/kurabe.css", "kurabe/decided.css")


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.RESEARCHER)
def decided(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show the newest decision of a run, or that there is none; an admin decides here."""
    run = get_object_or_404(SelectionRun, slug=slug)
    if request.method == "POST":
        return _decide(request, run)
    return _show(request, run, run.decisions.order_by("number").last())


@require_safe
@role_required(Role.RESEARCHER)
def decision(request: SignedInRequest, slug: str, number: int) -> HttpResponse:
    """Show one decision of a run."""
    found = _find(slug, number)
    return _show(request, found.run, found)


@require_safe
@role_required(Role.RESEARCHER)
def decision_json(request: SignedInRequest, slug: str, number: int) -> HttpResponse:
    """Give the decision's content, byte for byte what its SHA-256 is of."""
    found = _find(slug, number)
    answer = HttpResponse(write_canonical(found.content), content_type="application/json")
    return _as_file(answer, found, "json")


@require_safe
@role_required(Role.RESEARCHER)
def decision_html(request: SignedInRequest, slug: str, number: int) -> HttpResponse:
    """Give the decision as one file that needs nothing else: no script, no address."""
    found = _find(slug, number)
    context = {"document": read_document(found), "is_file": True, "style": _style()}
    answer = HttpResponse(render_to_string("decided/file.html", context, request))
    return _as_file(answer, found, "html")


def _find(slug: str, number: int) -> RunDecision:
    decisions = RunDecision.objects.select_related("run", "made_by")
    return get_object_or_404(decisions, run__slug=slug, number=number)


def _decide(request: SignedInRequest, run: SelectionRun) -> HttpResponse:
    """Decide, or say why not."""
    if not has_role(request.user, Role.ADMIN):
        raise PermissionDenied
    try:
        made = decide_run(run=run, by=request.user)
    except errors.Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Decision %(n)d is made.") % {"n": made.number})
    return HttpResponseRedirect(reverse("decided", args=[run.slug]), status=303)


def _show(request: HttpRequest, run: SelectionRun, found: RunDecision | None) -> HttpResponse:
    numbers = list(run.decisions.order_by("-number").values_list("number", flat=True))
    context = {
        "run": run,
        "decision": found,
        "document": read_document(found) if found else None,
        "numbers": numbers,
        "is_newest": found is None or found.number == numbers[0],
        "may_decide": may_decide(run),
        "address": request.build_absolute_uri(),
    }
    return render(request, "decided/page.html", context)


def _as_file(answer: HttpResponse, found: RunDecision, kind: str) -> HttpResponse:
    name = f"{found.run.slug}-decision-{found.number}.{kind}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _style() -> SafeString:
    """Give the style sheets of the page as an element of the file."""
    sheets = []
    for name in STYLE_SHEETS:
        path = finders.find(name)
        assert isinstance(path, str)  # they are files of this repository
        with open(path, encoding="utf-8") as sheet:
            sheets.append(sheet.read())
    return format_html("<style>{}</style>", mark_safe("\n".join(sheets)))  # noqa: S308 - ours
