"""Exports: what a recipe would give, asked for and watched; and imported preference sets."""

from datetime import datetime
from typing import Any, Literal

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status
from ninja.pagination import paginate

from annotate.api.bearer import account_of
from annotate.api.bodies import TAKES_RECIPE, read_recipe_of
from annotate.api.datasets import EXPORT, KINDS, file_answers
from annotate.api.pages import Pages
from annotate.api.runs import find_run
from annotate.models import Export, PreferencePair, PreferenceSet
from annotate.services.exporting import Preview, both_bad_lines, preview, request_export

router = Router()
POLL_AFTER_S = 2
Ending = Literal["jsonl", "parquet", "csv", "zip", "tar"]


class ExportOut(Schema):
    """The work of making a dataset, done by a worker."""

    id: int
    run: str
    state: str = Field(description="queued, running, finished or failed")
    ending: str
    n_done: int = Field(description="rows so far")
    n_total: int | None = Field(description="about how many there will be")
    failure: str
    dataset: int | None = Field(description="once it is finished")
    address: str | None = Field(description="of the file that was asked for, once it is finished")
    recipe: dict[str, Any]
    created_at: datetime
    created_by: str | None
    finished_at: datetime | None

    @staticmethod
    def resolve_run(export: Export) -> str:
        """Name the run."""
        return export.run.slug

    @staticmethod
    def resolve_ending(export: Export) -> str:
        """Give the ending without its dot."""
        return export.ending.lstrip(".")

    @staticmethod
    def resolve_dataset(export: Export) -> int | None:
        """Number the dataset."""
        return export.dataset_id

    @staticmethod
    def resolve_address(export: Export) -> str | None:
        """Say where the file is."""
        if export.dataset is None:
            return None
        parts = [export.dataset.pk, export.dataset.form, export.ending.lstrip(".")]
        return reverse("api:dataset_rows", args=parts)

    @staticmethod
    def resolve_created_by(export: Export) -> str | None:
        """Name the account."""
        return export.created_by.username if export.created_by else None


class PreviewOut(Schema):
    """What a recipe would give now."""

    recipe: dict[str, Any] = Field(description="with the cut-offs at which it was looked at")
    n_rows: int = Field(description="to train on")
    n_test_rows: int
    left_out: dict[str, int] = Field(description="pairs that give no row, by reason")
    by_source: dict[str, int]
    by_language: dict[str, int]
    warnings: list[str] = Field(description="what must not be overlooked")
    counts: dict[str, Any] = Field(description="all figures, as the dataset would store them")
    examples: list[dict[str, Any]] = Field(description="up to ten rows")

    @staticmethod
    def resolve_recipe(found: Preview) -> dict[str, Any]:
        """Give the recipe as JSON."""
        return found.recipe.to_filters()


class PreferenceSetOut(Schema):
    """Preferences that were made elsewhere, under one licence."""

    slug: str
    title: str
    licence: str
    origin: str
    created_at: datetime


class MessageOut(Schema):
    """A message of a conversation."""

    role: str
    content: str


class PreferencePairOut(Schema):
    """A conversation as far as a reply, with a better and a worse one."""

    key: str
    prompt: list[MessageOut]
    chosen: list[MessageOut]
    rejected: list[MessageOut]
    language: str
    category: str
    margin: float | None


@router.post(
    "/exports/preview", response=PreviewOut, auth=EXPORT, openapi_extra=TAKES_RECIPE,
    summary="Count what a recipe gives",
)  # fmt: skip
def show_preview(request: HttpRequest) -> Preview:
    """Rows, what is left out and why, warnings, and up to ten rows; nothing is stored."""
    return preview(read_recipe_of(request))


@router.post(
    "/exports/both-bad", auth=EXPORT, openapi_extra=TAKES_RECIPE | file_answers([KINDS["jsonl"]]),
    summary="Prompts to be asked anew",
)  # fmt: skip
def show_both_bad(request: HttpRequest) -> HttpResponse:
    """Those of which more than half of a recipe's votes say that both are bad, as JSONL."""
    return HttpResponse(both_bad_lines(read_recipe_of(request)), content_type=KINDS["jsonl"])


@router.post(
    "/exports", response={202: ExportOut}, auth=EXPORT, openapi_extra=TAKES_RECIPE,
    summary="Ask for a dataset",
)  # fmt: skip
def ask(request: HttpRequest, response: HttpResponse, ending: Ending = "jsonl") -> Status[Export]:
    """A worker makes it; `Location` is where to see how far it is."""
    export = request_export(
        recipe=read_recipe_of(request), ending=f".{ending}", created_by=account_of(request)
    )
    response["Location"] = reverse("api:show_export", args=[export.pk])
    response["Retry-After"] = str(POLL_AFTER_S)
    return Status(202, export)


@router.get(
    "/exports/{int:pk}", response=ExportOut, url_name="show_export", summary="Watch an export"
)
def show_export(request: HttpRequest, pk: int) -> Export:
    """How far it is; once it is finished, its dataset and its file's address."""
    export = _exports().filter(pk=pk).first()
    if export is None:
        raise Http404(_("There is no export %(pk)s.") % {"pk": pk})
    return export


@router.get(
    "/runs/{slug:slug}/exports", response=list[ExportOut],
    summary="List a run's exports, newest first",
)  # fmt: skip
@paginate(Pages, order="-pk")
def list_exports(request: HttpRequest, slug: str) -> QuerySet[Export]:
    """Those that were asked for, on a page or here."""
    return _exports().filter(run=find_run(slug))


@router.get("/preference-sets", response=list[PreferenceSetOut], summary="List preference sets")
@paginate(Pages, order="pk")
def list_preference_sets(request: HttpRequest) -> QuerySet[PreferenceSet]:
    """Imported pairs, which a recipe may mix with votes; the first one first."""
    return PreferenceSet.objects.all()


@router.get(
    "/preference-sets/{slug:slug}/pairs", response=list[PreferencePairOut],
    summary="List a preference set's pairs",
)  # fmt: skip
@paginate(Pages, order="pk")
def list_pairs(request: HttpRequest, slug: str) -> QuerySet[PreferencePair]:
    """In the order in which they came."""
    found = PreferenceSet.objects.filter(slug=slug).first()
    if found is None:
        raise Http404(_("There is no preference set called “%(slug)s”.") % {"slug": slug})
    return found.pairs.all()


def _exports() -> QuerySet[Export]:
    return Export.objects.select_related("run", "dataset", "created_by")
