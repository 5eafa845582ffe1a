"""A run before its launch: the form, what it will cost, what its models will read, and Launch."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from annotate.forms.plan import PlanForm, config_like, fresh_config
from annotate.models import PromptSet, RunPlan, SelectionRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, has_role, role_required
from annotate.services import errors
from annotate.services.canonical import write_canonical
from annotate.services.launching import (
    delete_draft,
    digest_draft,
    draft_run,
    edit_draft,
    launch_run,
)
from annotate.services.plan_files import write_toml
from annotate.views.plan_rows import tell_plan

SAVE, LAUNCH, DELETE = "save", "launch", "delete"


@require_http_methods(["GET", "POST"])
@cache_control(no_store=True)
@role_required(Role.ADMIN)
def new_run(request: SignedInRequest) -> HttpResponse:
    """Show the form of a new run, or keep it as a draft; `?like=` begins with another's plan."""
    if request.method == "GET":
        return _show_new(request, PlanForm(None, plan=_beginning(request.GET.get("like"))))
    form = PlanForm.of_sent(request.POST, deed=_deed(request.POST))
    if _deed(request.POST) != SAVE:
        return _show_new(request, form)
    plan = form.check()
    if plan is not None:
        try:
            run = draft_run(plan=plan, by=request.user)
        except errors.PlanRefused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("The draft is kept. Nothing is made before its launch."))
            return HttpResponseRedirect(reverse("run_plan", args=[run.slug]), status=303)
    return _show_new(request, form, status=400)


def _beginning(like: str | None) -> dict[str, Any]:
    if like is None:
        return fresh_config()
    return config_like(get_object_or_404(RunPlan, run__slug=like).config)


def _deed(sent: QueryDict) -> str:
    """Tell what the pressed button wants: save, or a row added, doubled, removed, looked at."""
    return sent.get("do", SAVE)


def _show_new(request: SignedInRequest, form: PlanForm, *, status: int = 200) -> HttpResponse:
    context = {"form": form, "has_sets": PromptSet.objects.exists(), "saving": SAVE}
    return render(request, "launch/new.html", context, status=status)


@require_http_methods(["GET", "POST"])
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def run_plan(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show a run's plan; of a draft, let an admin change, launch or delete it."""
    run = get_object_or_404(SelectionRun.objects.select_related("plan"), slug=slug)
    stored = get_object_or_404(RunPlan.objects.select_related("launched_by"), run=run)
    if request.method == "GET":
        return _show_plan(request, run, stored)
    if not has_role(request.user, Role.ADMIN):
        raise PermissionDenied
    deed = _deed(request.POST)
    if deed == LAUNCH:
        return _launch(request, run)
    if deed == DELETE:
        return _delete(request, run)
    return _edit(request, run, stored, deed)


def _edit(request: SignedInRequest, run: SelectionRun, stored: RunPlan, deed: str) -> HttpResponse:
    """Keep the form as it was sent, or show it again with another row or with its faults."""
    form = PlanForm.of_sent(request.POST, deed=deed)
    if deed != SAVE:
        return _show_plan(request, run, stored, form=form)
    plan = form.check(draft=run)
    if plan is None:
        return _show_plan(request, run, stored, form=form, status=400)
    try:
        edit_draft(run=run, plan=plan, by=request.user, seen=request.POST.get("seen"))
    except errors.PlanRefused as refusal:
        form.refuse(refusal)
        return _show_plan(request, run, stored, form=form, status=400)
    except errors.DraftChanged as refusal:
        messages.error(request, str(refusal))
        seen = digest_draft(stored)  # saved again, it goes into the other one's place
        return _show_plan(request, run, stored, form=form, seen=seen, status=409)
    except errors.WrongState as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The draft is changed."))
    return HttpResponseRedirect(reverse("run_plan", args=[run.slug]), status=303)


def _launch(request: SignedInRequest, run: SelectionRun) -> HttpResponse:
    try:
        launch_run(run=run, by=request.user, seen=request.POST.get("seen"))
    except (errors.PlanRefused, errors.WrongState) as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse("run_plan", args=[run.slug]), status=303)
    messages.success(request, _("The run is launched. Its configuration is frozen from now on."))
    return HttpResponseRedirect(reverse("run", args=[run.slug]), status=303)


def _delete(request: SignedInRequest, run: SelectionRun) -> HttpResponse:
    try:
        delete_draft(run=run, by=request.user)
    except errors.WrongState as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse("run_plan", args=[run.slug]), status=303)
    messages.success(request, _("The draft is deleted."))
    return HttpResponseRedirect(reverse("runs"), status=303)


def _show_plan(
    request: SignedInRequest,
    run: SelectionRun,
    stored: RunPlan,
    *,
    form: PlanForm | None = None,
    seen: str | None = None,
    status: int = 200,
) -> HttpResponse:
    is_draft = stored.launched_at is None and run.state == SelectionRun.State.DRAFT
    may_edit = is_draft and has_role(request.user, Role.ADMIN)
    if form is None and may_edit:
        form = PlanForm(None, plan=stored.config)
    context = {
        "run": run,
        "stored": stored,
        "is_draft": is_draft,
        "may_edit": may_edit,
        "form": form,
        "has_sets": True,
        "saving": SAVE,
        # A form that comes back still stands on the plan that it began with.
        "seen": seen or request.POST.get("seen") or digest_draft(stored),
        "toml": "" if is_draft else write_toml(stored.config),
        **tell_plan(run, stored, asked=request.GET, is_draft=is_draft),
    }
    return render(request, "launch/plan.html", context, status=status)


@require_safe
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def plan_file(request: SignedInRequest, slug: str, kind: str) -> HttpResponse:
    """Give the plan as a file: TOML to launch another from, or JSON whose hash is the plan's."""
    stored = get_object_or_404(RunPlan, run__slug=slug)
    writers = {
        "toml": (write_toml, "application/toml"),
        "json": (write_canonical, "application/json"),
    }
    if kind not in writers:
        raise BadRequest(f"a plan is no {kind!r}")
    write, content_type = writers[kind]
    answer = HttpResponse(write(stored.config), content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="{slug}.{kind}"'
    return answer
