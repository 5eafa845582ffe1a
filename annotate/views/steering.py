"""What admins do to a run that goes on: pause, resume, cancel, end a round, try again."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from annotate.models import GenerationShard, SelectionRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import advancing, errors, generating, states


@require_POST
@role_required(Role.ADMIN)
def pause(request: SignedInRequest, slug: str) -> HttpResponse:
    """Let the run rest."""
    run = get_object_or_404(SelectionRun, slug=slug)
    said = _("The run is paused: nothing is made, and no pair is drawn.")
    return _do(request, run, partial(states.pause_run, run=run, by=request.user), said)


@require_POST
@role_required(Role.ADMIN)
def resume(request: SignedInRequest, slug: str) -> HttpResponse:
    """Let a paused run go on."""
    run = get_object_or_404(SelectionRun, slug=slug)
    said = _("The run goes on where it was.")
    return _do(request, run, partial(states.resume_run, run=run, by=request.user), said)


@require_POST
@role_required(Role.ADMIN)
def cancel(request: SignedInRequest, slug: str) -> HttpResponse:
    """Give the run up."""
    run = get_object_or_404(SelectionRun, slug=slug)
    said = _("The run is cancelled. It decides nothing, and keeps its completions and votes.")
    return _do(request, run, partial(states.cancel_run, run=run, by=request.user), said)


@require_POST
@role_required(Role.ADMIN)
def end_round(request: SignedInRequest, slug: str) -> HttpResponse:
    """End the open round whatever it lacks, and go on with what follows."""
    run = get_object_or_404(SelectionRun, slug=slug)
    act = partial(advancing.advance_run, run=run, by=request.user, now=True)
    return _do(request, run, act, _("The round has ended."))


@require_POST
@role_required(Role.ADMIN)
def retry_shard(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Try a part of the generation again that failed."""
    shard = get_object_or_404(GenerationShard.objects.select_related("round__run"), pk=pk,
                              round__run__slug=slug)  # fmt: skip
    act = partial(generating.retry, shard=shard, by=request.user)
    return _do(request, shard.round.run, act, _("It is tried again."))


@require_POST
@role_required(Role.ADMIN)
def leave_out(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Let the round go on without a candidate whose completions cannot be made."""
    shard = get_object_or_404(GenerationShard.objects.select_related("round__run", "candidate"),
                              pk=pk, round__run__slug=slug)  # fmt: skip
    act = partial(generating.leave_out, shard=shard, by=request.user)
    return _do(request, shard.round.run, act, _("The round goes on without that candidate."))


@require_POST
@role_required(Role.ADMIN)
def retry_failed(request: SignedInRequest, slug: str) -> HttpResponse:
    """Try everything again that failed in the run's generation."""
    run = get_object_or_404(SelectionRun, slug=slug)
    round_ = run.rounds.order_by("number").last()
    n = 0
    try:
        if round_ is not None:
            n = generating.retry_failed(round_=round_, by=request.user)
    except errors.Refused as refusal:
        messages.error(request, str(refusal))
    else:
        words = ngettext("%(n)s part is tried again.", "%(n)s parts are tried again.", n)
        messages.success(request, words % {"n": n})
    return _back(request, run)


def _do(
    request: SignedInRequest, run: SelectionRun, act: Callable[[], Any], said: str
) -> HttpResponse:
    """Do it, leave the words of how it went, and lead back to the run."""
    try:
        act()
    except errors.Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said)
    return _back(request, run)


def _back(request: SignedInRequest, run: SelectionRun) -> HttpResponse:
    return HttpResponseRedirect(reverse("run", args=[run.slug]), status=303)
