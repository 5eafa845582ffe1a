"""Votes of a run as they are written: nothing is stored, and the first row comes at once."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router

from annotate.api.bearer import Bearer
from annotate.api.datasets import KINDS, file_answers
from annotate.api.problems import NotAsked
from annotate.api.runs import find_run
from annotate.api.tags import marked, strong_tag, unchanged
from annotate.models.tokens import TokenScope
from annotate.services.exporting import stream_votes
from annotate.services.ledger import take_cutoff

router = Router(auth=Bearer(TokenScope.EXPORT))
Cutoff = Annotated[
    int | None, Query(ge=0, lt=2**63, description="an earlier one; null: the votes of now")
]
ROWS = file_answers([KINDS["jsonl"]])


@router.get("/runs/{slug:slug}/votes.jsonl", summary="A run's votes", openapi_extra=ROWS)
def votes(request: HttpRequest, slug: str, cutoff: Cutoff = None) -> HttpResponseBase:
    """One a row, as `import_votes` reads them; annotators by pseudonym."""
    return _stream(request, slug, cutoff, "votes")


@router.get("/runs/{slug:slug}/arena.jsonl", summary="A run's battles", openapi_extra=ROWS)
def arena(request: HttpRequest, slug: str, cutoff: Cutoff = None) -> HttpResponseBase:
    """The votes in LMArena's columns, with both conversations."""
    return _stream(request, slug, cutoff, "arena")


def _stream(request: HttpRequest, slug: str, cutoff: int | None, form: str) -> HttpResponseBase:
    """Send what counted at a cut-off, which is named: it gives the same bytes at any time."""
    run = find_run(slug)
    now = take_cutoff(run=run)
    if cutoff is not None and cutoff > now:
        message = _("The ledger has not come to %(cutoff)s; it is at %(now)s.")
        raise NotAsked("query.cutoff", message % {"cutoff": cutoff, "now": now})
    at = now if cutoff is None else cutoff
    tag = strong_tag(f"{form}-{run.pk}-{at}")
    answer: HttpResponse | StreamingHttpResponse | None = unchanged(request, tag)
    if answer is None:
        rows = stream_votes(run=run, cutoff=at, form=form)
        answer = StreamingHttpResponse(rows, content_type=KINDS["jsonl"])
        answer["Content-Disposition"] = f'attachment; filename="{slug}-{at}-{form}.jsonl"'
    answer["Kurabe-Cutoff"] = str(at)
    return marked(answer, tag)
