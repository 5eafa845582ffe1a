"""Lineage as researchers see it: chains of boxes, counts of votes, and each vote's own way."""

import uuid

from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from annotate.models import Candidate, DatasetSource, PreferenceDataset, Vote
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import lineage
from annotate.services.lineage import DATASETS_SHOWN

VOTES_ON_A_PAGE = 50


@require_safe
@role_required(Role.RESEARCHER)
def candidate(request: SignedInRequest, pk: int) -> HttpResponse:
    """Show where a candidate comes from, and what was made of it."""
    candidate = get_object_or_404(Candidate.objects.select_related("run"), pk=pk)
    told = lineage.of_candidate(candidate)
    parts = {part.dataset.pk: part for part in told.datasets}
    steps = [
        (member, parts.get(member.dataset.pk) if member.dataset else None)
        for member in told.ancestors.members
    ]
    context = {"run": candidate.run, "candidate": candidate, "told": told, "steps": steps}
    return render(request, "lineage/candidate.html", context)


@require_safe
@role_required(Role.RESEARCHER)
def dataset(request: SignedInRequest, pk: int) -> HttpResponse:
    """Show what a dataset was made of, and which checkpoints were made of it."""
    dataset = get_object_or_404(PreferenceDataset.objects.select_related("run"), pk=pk)
    context = {"run": dataset.run, "dataset": dataset, "told": lineage.of_dataset(dataset)}
    return render(request, "lineage/dataset.html", context)


@require_safe
@role_required(Role.RESEARCHER)
def votes(request: SignedInRequest, pk: int) -> HttpResponse:
    """List the votes that counted for one source of a dataset, a page at a time."""
    sources = DatasetSource.objects.select_related("dataset__run", "run")
    source = get_object_or_404(sources, pk=pk, run__isnull=False)
    counted = (
        lineage.votes_of_source(source)
        .select_related(
            "comparison__annotator", "comparison__prompt", "comparison__round",
            "comparison__candidate_a", "comparison__candidate_b",
        )
        .order_by("-id")
    )  # fmt: skip
    page = Paginator(counted, VOTES_ON_A_PAGE).get_page(request.GET.get("page"))
    context = {"run": source.dataset.run, "dataset": source.dataset, "source": source, "page": page}
    return render(request, "lineage/votes.html", context)


@require_safe
@role_required(Role.RESEARCHER)
def vote(request: SignedInRequest, pk: int) -> HttpResponse:
    """Show which datasets and checkpoints a vote went into."""
    vote = get_object_or_404(Vote, pk=pk)
    n_uses = lineage.uses_of(vote).count()
    page = Paginator(range(n_uses), DATASETS_SHOWN).get_page(request.GET.get("page"))
    told = lineage.of_vote(vote, first=max(0, page.start_index() - 1))
    comparison = told.vote.comparison
    context = {
        "run": comparison.round.run,
        "vote": told.vote,
        "comparison": comparison,
        "told": told,
        "page": page,
    }
    return render(request, "lineage/vote.html", context)


@require_safe
@role_required(Role.RESEARCHER)
def find_vote(request: SignedInRequest) -> HttpResponse:
    """Lead from a vote's id in an export (its comparison's token) to its page."""
    asked = request.GET.get("id", "").strip()
    found = None
    try:
        votes = Vote.objects.filter(comparison__token=uuid.UUID(asked))
    except ValueError:
        pass
    else:
        # The one that stands before any that was taken back, and the whole before its turns.
        found = votes.order_by(F("withdrawn_number").desc(nulls_first=True), "turn").first()
    if found is not None:
        return HttpResponseRedirect(reverse("vote_lineage", args=[found.pk]))
    refusal = _("No vote has the id “%(id)s”. It stands in the column id of exported votes.")
    context = {"asked": asked, "refusal": refusal % {"id": asked} if asked else ""}
    return render(request, "lineage/find.html", context, status=404 if asked else 200)
