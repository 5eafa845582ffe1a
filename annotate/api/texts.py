"""Who answered, what was asked, and what was answered."""

from datetime import datetime
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema
from ninja.pagination import paginate

from annotate.api.pages import Pages
from annotate.api.runs import find_run
from annotate.models import Candidate, Completion, Prompt, PromptSet
from annotate.services.errors import names_like

router = Router()


class CandidateOut(Schema):
    """A model at a revision, with its prompt format and its sampling."""

    id: int
    name: str
    model: str
    revision: str
    preset: str
    engine: str
    prompt_format: str
    system_prompts: dict[str, Any]
    sampling: dict[str, Any]
    stop: list[str]
    licence: str
    is_anchor: bool
    origin: str
    parents: list[str] = Field(description="by name")
    training: int | None = Field(description="the training that made it")
    created_at: datetime

    @staticmethod
    def resolve_parents(candidate: Candidate) -> list[str]:
        """Name the parents."""
        return [parent.name for parent in candidate.parents.all()]

    @staticmethod
    def resolve_training(candidate: Candidate) -> int | None:
        """Number the training."""
        return candidate.training_run_id


class PromptSetOut(Schema):
    """A named collection of prompts."""

    slug: str
    title: str
    created_at: datetime


class PromptOut(Schema):
    """A conversation to be answered, one user turn or several."""

    id: int
    prompt_set: str
    key: str
    system: str
    turns: list[str]
    references: list[str]
    language: str
    category: str
    is_held_out: bool

    @staticmethod
    def resolve_prompt_set(prompt: Prompt) -> str:
        """Name the set."""
        return prompt.prompt_set.slug


class CompletionOut(Schema):
    """What a candidate answered: one reply for each turn."""

    id: int
    prompt_set: str
    prompt: str = Field(description="its key in the set")
    candidate: str
    sample: int
    replies: list[str]
    finish_reason: str
    seed: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    engine_version: str
    sampling: dict[str, Any] | None
    seconds: float | None
    rendered_prompt_sha256: str
    names_maker: str
    created_at: datetime

    @staticmethod
    def resolve_prompt_set(completion: Completion) -> str:
        """Name the set of the prompt."""
        return completion.prompt.prompt_set.slug

    @staticmethod
    def resolve_prompt(completion: Completion) -> str:
        """Name the prompt."""
        return completion.prompt.key

    @staticmethod
    def resolve_candidate(completion: Completion) -> str:
        """Name the candidate."""
        return completion.candidate.name


class PromptFilter(Schema):
    """Which prompts."""

    language: str | None = None
    category: str | None = None
    is_held_out: bool | None = None

    def keep(self, prompts: QuerySet[Prompt]) -> QuerySet[Prompt]:
        """Keep those that are asked for."""
        return prompts.filter(**self.dict(exclude_none=True))


class CompletionFilter(Schema):
    """Which completions."""

    candidate: str | None = Field(None, description="by name")
    prompt: str | None = Field(None, description="by key")
    sample: int | None = Field(None, ge=0, lt=2**15)


def find_prompt_set(slug: str) -> PromptSet:
    """Give the prompt set of this name.

    Raises:
        Http404: there is none.
    """
    found = PromptSet.objects.filter(slug=slug).first()
    if found is None:
        raise Http404(_("There is no prompt set called “%(slug)s”.") % {"slug": slug})
    return found


def find_candidate(pk: int) -> Candidate:
    """Give the candidate of this number.

    Raises:
        Http404: there is none.
    """
    found = _candidates().filter(pk=pk).first()
    if found is None:
        raise Http404(_("There is no candidate %(pk)s.") % {"pk": pk})
    return found


@router.get(
    "/runs/{slug:slug}/candidates", response=list[CandidateOut],
    summary="List a run's candidates, the first one first",
)  # fmt: skip
@paginate(Pages, order="pk")
def list_candidates(request: HttpRequest, slug: str) -> QuerySet[Candidate]:
    """Those of every round, replies written by hand among them (origin `written`)."""
    return _candidates().filter(run=find_run(slug))


@router.get("/candidates/{int:pk}", response=CandidateOut, summary="Show a candidate")
def show_candidate(request: HttpRequest, pk: int) -> Candidate:
    """Its settings, and where it comes from."""
    return find_candidate(pk)


@router.get("/prompt-sets", response=list[PromptSetOut], summary="List prompt sets")
@paginate(Pages, order="pk")
def list_prompt_sets(request: HttpRequest) -> QuerySet[PromptSet]:
    """Every set, the first one first."""
    return PromptSet.objects.all()


@router.get(
    "/prompt-sets/{slug:slug}/prompts", response=list[PromptOut], summary="List a set's prompts"
)
@paginate(Pages, order="pk")
def list_prompts_of_set(
    request: HttpRequest, slug: str, filters: Annotated[PromptFilter, Query()]
) -> QuerySet[Prompt]:
    """Those that the filters keep, in the order in which they came."""
    prompts = filters.keep(Prompt.objects.filter(prompt_set=find_prompt_set(slug)))
    return prompts.select_related("prompt_set")


@router.get("/runs/{slug:slug}/prompts", response=list[PromptOut], summary="List what a run asks")
@paginate(Pages, order="pk")
def list_prompts(
    request: HttpRequest, slug: str, filters: Annotated[PromptFilter, Query()]
) -> QuerySet[Prompt]:
    """The prompts of all of its sets that the filters keep."""
    return filters.keep(find_run(slug).prompts()).select_related("prompt_set")


@router.get(
    "/runs/{slug:slug}/completions", response=list[CompletionOut],
    summary="List a run's completions",
)  # fmt: skip
@paginate(Pages, order="pk")
def list_completions(
    request: HttpRequest, slug: str, filters: Annotated[CompletionFilter, Query()]
) -> QuerySet[Completion]:
    """Those of a candidate, a prompt, a sample, or all; in the order in which they came."""
    run = find_run(slug)
    candidates = dict(run.candidates.values_list("name", "pk"))
    if filters.candidate is not None:
        if filters.candidate not in candidates:
            message = _("Run %(run)s has no candidate “%(name)s”; it has %(known)s.")
            known = names_like(filters.candidate, candidates)
            raise Http404(message % {"run": slug, "name": filters.candidate, "known": known})
        candidates = {filters.candidate: candidates[filters.candidate]}
    # By ids that are known the planner goes along each candidate's index; by a join it may not.
    completions = Completion.objects.filter(candidate__in=list(candidates.values()))
    if filters.prompt is not None:
        completions = completions.filter(prompt__in=run.prompts().filter(key=filters.prompt))
    if filters.sample is not None:
        completions = completions.filter(sample=filters.sample)
    shown = [name for name in CompletionOut.model_fields if name not in _OF_OTHERS]
    return completions.select_related("candidate", "prompt__prompt_set").only(
        *shown, "candidate__name", "prompt__key", "prompt__prompt_set__slug"
    )


_OF_OTHERS = ("prompt_set", "prompt", "candidate")


def _candidates() -> QuerySet[Candidate]:
    return Candidate.objects.prefetch_related("parents")
