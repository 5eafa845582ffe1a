"""The jobs that make a run's completions, and what each last wrote into its log."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from annotate.models import GenerationShard, SelectionRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.views.training import STOP_POLLING

PAGE = 100
State = GenerationShard.State


@require_safe
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def jobs(request: SignedInRequest, slug: str) -> HttpResponse:
    """List every job of the run, the newest round's first; `?candidate=` keeps those of one."""
    run = get_object_or_404(SelectionRun, slug=slug)
    shards = GenerationShard.objects.filter(round__run=run).defer("log")
    shards = shards.select_related("candidate", "round")
    candidate = run.candidates.filter(pk=_number(request.GET.get("candidate", ""))).first()
    if candidate:
        shards = shards.filter(candidate=candidate)
    pages = Paginator(shards.order_by("-round__number", "candidate", "number"), PAGE)
    page = pages.get_page(request.GET.get("page"))
    context = {"run": run, "page": page, "candidate": candidate}
    return render(request, "runs/jobs.html", context)


@require_safe
@vary_on_headers("HX-Request")
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def job(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Show a job and the end of its log; to htmx, only what changes while it runs."""
    shards = GenerationShard.objects.select_related("candidate", "round__run")
    shard = get_object_or_404(shards, pk=pk, round__run__slug=slug)
    run = shard.round.run
    may_move = run.is_active and shard.state in (State.WAITING, State.RUNNING)
    context = {"run": run, "shard": shard, "may_move": may_move}
    if request.htmx:
        return render(request, "runs/_job.html", context, status=200 if may_move else STOP_POLLING)
    return render(request, "runs/job.html", context)


def _number(text: str) -> int | None:
    """Read an id; what is none matches nothing."""
    return int(text) if text.isdecimal() and len(text) < 19 else None
