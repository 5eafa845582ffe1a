"""Rows that come in: prompts into a set, completions and votes into a run.

Each is all or nothing, and known by what it is: sent once more, it adds nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Field, Query, Schema

from annotate.api.bearer import Bearer
from annotate.api.problems import NotAsked
from annotate.api.row_bodies import rows_of, takes_rows
from annotate.api.runs import find_run
from annotate.api.texts import router
from annotate.formats import FormatError, VoteRow, read_completions, read_prompts, read_votes
from annotate.formats.faults import Faults
from annotate.formats.fields import MAX_NAME_CHARS
from annotate.models import SelectionRun
from annotate.models.tokens import TokenScope
from annotate.services import importing

WRITE = Bearer(TokenScope.WRITE)
DryRun = Annotated[bool, Query(description="count, and keep nothing")]


class CountsOut(Schema):
    """What became of the rows."""

    new: int
    equal: int = Field(description="there already, and the same")


class CompletionCountsOut(Schema):
    """What became of the completions, and of the candidates and prompts that they brought."""

    completions: CountsOut
    candidates: CountsOut
    prompts: CountsOut
    naming_makers: int = Field(description="of the new ones, those that say whose model they are")


class PromptIn(Schema):
    """A prompt; docs/formats.md has the rules of each column."""

    key: str = Field(min_length=1, max_length=200, description="its name in the set")
    turns: list[str] | None = Field(None, min_length=1, description="what the user says, in turn")
    prompt: str | None = Field(None, description="in place of `turns`, where there is just one")
    system: str | None = None
    language: str | None = Field(None, description="such as ja or en; recognised where not given")
    category: str | None = Field(None, max_length=100)
    is_held_out: bool | None = None
    references: list[str] | None = Field(None, description="a right answer to each turn")


class CompletionIn(Schema):
    """What a candidate answered; docs/formats.md has the rules of each column."""

    prompt: str = Field(min_length=1, max_length=200, description="the prompt's key")
    candidate: str = Field(min_length=1, max_length=200, description="its name in the run")
    sample: int | None = Field(None, ge=0, le=2**15 - 2, description="0 where not given")
    reply: str | None = Field(None, description="in place of `replies`, where there is one turn")
    replies: list[str] | None = Field(None, min_length=1, description="one for each turn")
    model: str | None = Field(None, max_length=500)
    revision: str | None = Field(None, max_length=100)
    prompt_format: str | None = Field(None, max_length=100)
    sampling: dict[str, Any] | None = None
    licence: str | None = Field(None, max_length=100)
    finish_reason: Literal["stop", "length", ""] | None = None
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    prompt_tokens: int | None = Field(None, ge=0, lt=2**31)
    completion_tokens: int | None = Field(None, ge=0, lt=2**31)
    turns: list[str] | None = Field(None, min_length=1, description="brings the prompt along")
    system: str | None = None
    language: str | None = None
    category: str | None = Field(None, max_length=100)
    is_held_out: bool | None = None
    references: list[str] | None = None


class MarkIn(Schema):
    """A marked passage of a reply."""

    which: Literal["a", "b"]
    turn: int = Field(ge=1, lt=2**15)
    start: int = Field(ge=0, lt=2**31, description="in code points")
    end: int = Field(ge=1, lt=2**31)
    tag: Literal["wrong_language", "wrong_fact", "unnatural"]


class VoteIn(Schema):
    """A vote of a person or an LLM judge; docs/formats.md has the rules of each column."""

    prompt: str = Field(min_length=1, max_length=200)
    candidate_a: str = Field(min_length=1, max_length=200)
    candidate_b: str = Field(min_length=1, max_length=200)
    outcome: Literal["a", "b", "tie", "both_bad"]
    annotator: str = Field(min_length=1, max_length=200, description="who votes, by any name")
    annotator_kind: Literal["person", "judge"] | None = None
    sample_a: int | None = Field(None, ge=0, lt=2**15)
    sample_b: int | None = Field(None, ge=0, lt=2**15)
    side_a: Literal["left", "right"] | None = None
    turn: int | None = Field(None, ge=0, lt=2**15)
    created_at: datetime | None = None
    id: str | None = Field(None, min_length=1, max_length=200)
    degree: Literal["clearly", "slightly", ""] | None = None
    reasons_a: list[str] | None = None
    reasons_b: list[str] | None = None
    comment: str | None = None
    marks: list[MarkIn] | None = None


ROWS = (PromptIn, CompletionIn, VoteIn)


@router.post(
    "/prompt-sets/{slug:slug}/prompts", response=CountsOut, auth=WRITE,
    openapi_extra=takes_rows("PromptIn"),
    summary="Put prompts into a set",
)  # fmt: skip
def add_prompts(request: HttpRequest, slug: str, dry_run: DryRun = False) -> dict[str, int]:
    """The set is made if there is none of this name; known by `key`."""
    with rows_of(request) as (path, faults):
        counts = importing.import_prompts(
            rows=read_prompts(path, format="jsonl", faults=faults),
            set_slug=slug, dry_run=dry_run, faults=faults,
        )  # fmt: skip
    return asdict(counts)


@router.post(
    "/runs/{slug:slug}/completions", response=CompletionCountsOut, auth=WRITE,
    openapi_extra=takes_rows("CompletionIn"), summary="Put completions into a run",
)  # fmt: skip
def add_completions(
    request: HttpRequest,
    slug: str,
    prompts: Annotated[
        str, Query(description="the set; may be left out where the run has one")
    ] = "",
    dry_run: DryRun = False,
) -> dict[str, Any]:
    """With the candidates and prompts that they bring; known by candidate, prompt and sample."""
    set_slug = prompts or _only_set(find_run(slug))
    with rows_of(request) as (path, faults):
        counts = importing.import_completions(
            rows=read_completions([path], format="jsonl", faults=faults),
            run_slug=slug, set_slug=set_slug, dry_run=dry_run, faults=faults,
        )  # fmt: skip
    told = asdict(counts)
    return {**told, "naming_makers": counts.n_naming_makers}


@router.post(
    "/runs/{slug:slug}/votes", response=CountsOut, auth=WRITE,
    openapi_extra=takes_rows("VoteIn"),
    summary="Put votes into a run",
)  # fmt: skip
def add_votes(
    request: HttpRequest,
    slug: str,
    source: Annotated[
        str, Query(max_length=100, description="the tool: its annotators are kept as source/name")
    ] = "",
    dry_run: DryRun = False,
) -> dict[str, int]:
    """Of people or judges; known by annotator and `id`, else by prompt, turn and completions."""
    run = find_run(slug)
    with rows_of(request) as (path, faults):
        votes = read_votes(path, format="jsonl", faults=faults)
        counts = importing.import_votes(
            rows=_of_source(votes, source, faults), run=run, dry_run=dry_run, faults=faults
        )
    return asdict(counts)


def _only_set(run: SelectionRun) -> str:
    slugs = list(run.prompt_sets.order_by("slug").values_list("slug", flat=True))
    if len(slugs) != 1:
        message = _("Run %(run)s asks %(n)s prompt sets; name one with ?prompts=: %(known)s.")
        told = {"run": run.slug, "n": len(slugs), "known": ", ".join(slugs)}
        raise NotAsked("query.prompts", message % told)
    return slugs[0]


def _of_source(votes: Iterable[VoteRow], source: str, faults: Faults) -> Iterator[VoteRow]:
    """Name annotators by the tool as well; refuse those whose name says that nobody voted."""
    for vote in votes:
        if vote.annotator_kind == "simulated":
            faults.tell(_fault(vote, "annotator_kind", vote.annotator_kind, "person or judge"))
            continue
        annotator = f"{source}/{vote.annotator}" if source else vote.annotator
        if len(annotator) > MAX_NAME_CHARS:
            expected = f"a name of {MAX_NAME_CHARS} characters at most, with its source"
            faults.tell(_fault(vote, "annotator", annotator, expected))
            continue
        yield replace(vote, annotator=annotator) if source else vote


def _fault(vote: VoteRow, field: str, value: str, expected: str) -> FormatError:
    return FormatError(*vote.location, field, value, expected)
