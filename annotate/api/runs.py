"""Runs: read them, and make them from plans."""

from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Header, Router, Status
from ninja.pagination import paginate

from annotate.api.bearer import Bearer, account_of
from annotate.api.bodies import TAKES_PLAN, read_plan_of
from annotate.api.pages import Pages
from annotate.api.schemas import EventOut, ForecastOut, RunLine, RunOut
from annotate.api.showing import show_run
from annotate.api.tags import marked, strong_tag, tag_as, tag_meant, unchanged
from annotate.models import RunPlan, SelectionRun
from annotate.models.tokens import TokenScope
from annotate.services import launching
from annotate.services.canonical import write_canonical
from annotate.services.forecasting import forecast
from annotate.services.plans import Plan

router = Router()
ADMIN = Bearer(TokenScope.ADMIN)


def find_run(slug: str) -> SelectionRun:
    """Give the run of this name.

    Raises:
        Http404: there is none.
    """
    run = SelectionRun.objects.filter(slug=slug).first()
    if run is None:
        raise Http404(_("There is no run called “%(slug)s”.") % {"slug": slug})
    return run


@router.get("/runs", response=list[RunLine], summary="List runs, newest first")
@paginate(Pages, order="-pk")
def list_runs(request: HttpRequest) -> QuerySet[SelectionRun]:
    """Every run, drafts among them."""
    return SelectionRun.objects.all()


@router.post(
    "/runs", response={201: RunOut}, auth=ADMIN, openapi_extra=TAKES_PLAN,
    summary="Make a run from a plan",
)  # fmt: skip
def make_run(request: HttpRequest, response: HttpResponse, launch: bool = False) -> Status[RunOut]:
    """Keep the plan as a draft, or launch it at once with `?launch=true`."""
    plan, by = read_plan_of(request), account_of(request)
    if launch:
        run = launching.launch_plan(plan=plan, by=by)
    else:
        run = launching.draft_run(plan=plan, by=by)
    response["Location"] = reverse("api:show", args=[run.slug])
    return Status(201, show_run(run))


@router.get("/runs/{slug:slug}", response=RunOut, url_name="show", summary="Show a run")
def show(request: HttpRequest, slug: str) -> RunOut:
    """State, plan and hash, rounds and votes, completions by candidate, the newest decision."""
    run = find_run(slug)
    _tag_draft(request, run)
    return show_run(run)


@router.put(
    "/runs/{slug:slug}", response=RunOut, auth=ADMIN, openapi_extra=TAKES_PLAN,
    summary="Put another plan in a draft's place",
)  # fmt: skip
def edit(
    request: HttpRequest,
    slug: str,
    if_match: Annotated[str, Header(alias="If-Match", description="ETag of the draft")] = "",
) -> RunOut:
    """Only a draft can be changed; with `If-Match` only the one that was read."""
    run = find_run(slug)
    plan = read_plan_of(request, draft=run)
    run = launching.edit_draft(
        run=run, plan=plan, by=account_of(request), seen=_seen(run, tag_meant(if_match))
    )
    _tag_draft(request, run)
    return show_run(run)


@router.delete("/runs/{slug:slug}", response={204: None}, auth=ADMIN, summary="Delete a draft")
def delete(request: HttpRequest, slug: str) -> Status[None]:
    """Only a draft can be deleted."""
    launching.delete_draft(run=find_run(slug), by=account_of(request))
    return Status(204, None)


@router.get("/runs/{slug:slug}/forecast", response=ForecastOut, summary="Foretell a run's plan")
def foretell_run(request: HttpRequest, slug: str) -> dict[str, Any]:
    """What the plan takes, by what is known now."""
    stored = RunPlan.objects.filter(run=find_run(slug)).first()
    if stored is None:
        raise Http404(_("Run “%(slug)s” has no plan.") % {"slug": slug})
    return forecast(Plan.model_validate(stored.config)).to_dict()


@router.post("/forecast", response=ForecastOut, openapi_extra=TAKES_PLAN, summary="Foretell a plan")
def foretell(request: HttpRequest) -> dict[str, Any]:
    """What a plan would take; nothing is stored."""
    return forecast(read_plan_of(request)).to_dict()


@router.get("/runs/{slug:slug}/decision", summary="The decision's file")
def decision(request: HttpRequest, slug: str, number: int | None = None) -> HttpResponse:
    """The newest decision, or that of a number: canonical JSON, whose SHA-256 is the decision's."""
    decisions = find_run(slug).decisions.order_by("-number")
    found = (decisions if number is None else decisions.filter(number=number)).first()
    if found is None:
        raise Http404(_("Run “%(slug)s” has no such decision.") % {"slug": slug})
    tag = strong_tag(found.sha256)
    answer = unchanged(request, tag)
    if answer is None:
        answer = HttpResponse(write_canonical(found.content), content_type="application/json")
    return marked(answer, tag)


@router.get(
    "/runs/{slug:slug}/events", response=list[EventOut], summary="A run's log, newest first"
)
@paginate(Pages, order="-pk")
def events(request: HttpRequest, slug: str) -> QuerySet[Any]:
    """Who did what, and when."""
    return find_run(slug).events.select_related("by")


def _tag_draft(request: HttpRequest, run: SelectionRun) -> None:
    """Tag a draft by its plan, which is all of it that changes."""
    stored = RunPlan.objects.filter(run=run).first()
    if run.state == SelectionRun.State.DRAFT and stored is not None:
        tag_as(request, strong_tag(launching.digest_draft(stored)))


def _seen(run: SelectionRun, tags: list[str]) -> str | None:
    """Say which of the plans that are meant is the draft's; one that is not, where none is."""
    stored = RunPlan.objects.filter(run=run).first()
    now = "" if stored is None else launching.digest_draft(stored)
    return now if now in tags else next(iter(tags), None)
