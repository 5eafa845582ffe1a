"""Lineage both ways: from a checkpoint to its votes, and from a vote to every checkpoint."""

import uuid
from typing import Annotated, Any

from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema

from annotate.api.datasets import find_dataset
from annotate.api.texts import find_candidate
from annotate.models import Vote
from annotate.services import lineage

router = Router()
Turn = Annotated[int, Query(ge=0, lt=2**15)]


class CandidateLineageOut(Schema):
    """Where a candidate comes from, and what was made of it; docs/api.md has each field."""

    kind: str
    candidate: dict[str, Any]
    is_non_commercial: bool = Field(description="by its own licence, or one that it descends from")
    ancestors: dict[str, Any] = Field(description="itself at depth 0, and what it was made from")
    datasets: list[dict[str, Any]] = Field(description="that trained it, with votes and consents")
    licences: list[dict[str, Any]]
    children: dict[str, Any]


class DatasetLineageOut(Schema):
    """What a dataset was made of, and which checkpoints were made of it."""

    kind: str
    dataset: dict[str, Any]
    is_non_commercial: bool
    licences: list[dict[str, Any]]
    trainings: list[dict[str, Any]]
    children: dict[str, Any]


class VoteLineageOut(Schema):
    """Which datasets and checkpoints a vote went into."""

    kind: str
    vote: dict[str, Any]
    n_datasets: int
    datasets: list[dict[str, Any]] = Field(description="the newest of them")


@router.get(
    "/candidates/{int:pk}/lineage", response=CandidateLineageOut, summary="A candidate's lineage"
)
def of_candidate(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Its ancestors, the datasets and votes behind them, consents, licences, and its children."""
    return lineage.of_candidate(find_candidate(pk)).to_dict()


@router.get("/datasets/{int:pk}/lineage", response=DatasetLineageOut, summary="A dataset's lineage")
def of_dataset(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Its sources with their votes, annotators and consents, and what was trained on it."""
    return lineage.of_dataset(find_dataset(pk)).to_dict()


@router.get("/votes/{uuid:token}/lineage", response=VoteLineageOut, summary="A vote's lineage")
def of_vote(request: HttpRequest, token: uuid.UUID, turn: Turn = 0) -> dict[str, Any]:
    """By the `id` that exports of votes give it, and its turn; 0 is the conversation as a whole."""
    votes = Vote.objects.filter(comparison__token=token, turn=turn)
    # One that was taken back and cast anew stands twice; what stands now is meant.
    vote = votes.order_by("-withdrawn_number", "-pk").first()
    if vote is None:
        raise Http404(_("There is no vote %(id)s on turn %(turn)s.") % {"id": token, "turn": turn})
    return lineage.of_vote(vote).to_dict()
