"""Steer a run: launch, pause, resume, cancel, try again what failed."""

from collections.abc import Callable

from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from ninja import Router

from annotate.api.bearer import Bearer, account_of
from annotate.api.runs import find_run
from annotate.api.schemas import RunOut
from annotate.api.showing import show_run
from annotate.models import GenerationShard
from annotate.models.tokens import TokenScope
from annotate.services import generating, launching, states

router = Router(auth=Bearer(TokenScope.ADMIN))


@router.post("/runs/{slug:slug}/launch", response=RunOut, summary="Launch a draft")
def launch(request: HttpRequest, slug: str) -> RunOut:
    """Freeze and hash its plan, and ask for its completions."""
    return _steer(request, slug, launching.launch_run)


@router.post("/runs/{slug:slug}/pause", response=RunOut, summary="Pause a run")
def pause(request: HttpRequest, slug: str) -> RunOut:
    """Let nothing be made and nobody vote until it is resumed."""
    return _steer(request, slug, states.pause_run)


@router.post("/runs/{slug:slug}/resume", response=RunOut, summary="Resume a run")
def resume(request: HttpRequest, slug: str) -> RunOut:
    """Let a paused run go on where it was."""
    return _steer(request, slug, states.resume_run)


@router.post("/runs/{slug:slug}/cancel", response=RunOut, summary="Cancel a run")
def cancel(request: HttpRequest, slug: str) -> RunOut:
    """Give the run up for good; what it has stays."""
    return _steer(request, slug, states.cancel_run)


@router.post("/runs/{slug:slug}/shards/{int:pk}/retry", response=RunOut, summary="Try a part again")
def retry(request: HttpRequest, slug: str, pk: int) -> RunOut:
    """Let one part of the generation that failed be tried again."""
    run = find_run(slug)
    shard = GenerationShard.objects.filter(pk=pk, round__run=run).first()
    if shard is None:
        raise Http404(_("Run “%(slug)s” has no part %(pk)s.") % {"slug": slug, "pk": pk})
    generating.retry(shard=shard, by=account_of(request))
    run.refresh_from_db()
    return show_run(run)


def _steer(request: HttpRequest, slug: str, act: Callable[..., object]) -> RunOut:
    run = find_run(slug)
    act(run=run, by=account_of(request))
    run.refresh_from_db()
    return show_run(run)
