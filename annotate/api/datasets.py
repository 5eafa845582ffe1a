"""Datasets: what they are, their cards, and their rows as files."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema
from ninja.pagination import paginate

from annotate.api.bearer import Bearer, account_of
from annotate.api.pages import Pages
from annotate.api.problems import problem
from annotate.api.runs import find_run
from annotate.api.tags import marked, strong_tag, unchanged
from annotate.models import DatasetFile, DatasetSource, PreferenceDataset
from annotate.models.tokens import TokenScope
from annotate.sending import path_in_home, send_file
from annotate.services.errors import ExportRefused
from annotate.services.exporting import ensure_file, needs_worker, request_file

router = Router()
EXPORT = Bearer(TokenScope.EXPORT)
KINDS = {
    "jsonl": "application/x-ndjson; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "zip": "application/zip",
    "tar": "application/x-tar",
}
Split = Literal["train", "test"]
MADE_AFTER_S = 10  # until somebody is to ask again for a file that a worker makes


def file_answers(kinds: list[str], *, has_parts: bool = False) -> dict[str, Any]:
    """Describe answers that are files."""
    text = {"schema": {"type": "string", "format": "binary"}}
    content = {kind.split(";")[0]: text for kind in kinds}
    answers: dict[int, Any] = {200: {"description": "The rows.", "content": content}}
    if has_parts:
        answers[503] = {
            "description": "A worker is making it; `Retry-After` says when to ask again."
        }
        answers[206] = {"description": "The part that `Range` asks for.", "content": content}
    return {"responses": answers}


class SourceOut(Schema):
    """A part of what a dataset was made of: votes of a run, or imported pairs."""

    name: str
    run: str | None
    cutoff: int | None
    voters: str
    round: int | None
    preference_set: str | None
    weight: float
    n_rows: int

    @staticmethod
    def resolve_run(source: DatasetSource) -> str | None:
        """Name the run."""
        return source.run.slug if source.run else None

    @staticmethod
    def resolve_round(source: DatasetSource) -> int | None:
        """Number the round."""
        return source.round_number

    @staticmethod
    def resolve_preference_set(source: DatasetSource) -> str | None:
        """Name the set."""
        return source.preference_set.slug if source.preference_set else None


class DatasetLine(Schema):
    """A dataset in a list."""

    id: int
    run: str
    form: str = Field(description="dpo, dpo-standard, kto, reward, ranking, votes or arena")
    cutoff: int
    n_rows: int = Field(description="to train on")
    sha256: str = Field(description="of the JSONL to train on")
    licence: str
    created_at: datetime
    created_by: str | None

    @staticmethod
    def resolve_run(dataset: PreferenceDataset) -> str:
        """Name the run."""
        return dataset.run.slug

    @staticmethod
    def resolve_n_rows(dataset: PreferenceDataset) -> int:
        """Count the rows to train on."""
        return dataset.n_pairs

    @staticmethod
    def resolve_created_by(dataset: PreferenceDataset) -> str | None:
        """Name the account."""
        return dataset.created_by.username if dataset.created_by else None


class FileOut(Schema):
    """A file of a dataset that is there; others are made when they are asked for."""

    split: str
    ending: str
    sha256: str
    n_rows: int
    n_bytes: int | None
    address: str


class DatasetOut(DatasetLine):
    """A dataset with its recipe, its counts, and its files."""

    filters: dict[str, Any]
    counts: dict[str, Any]
    sources: list[SourceOut]
    files: list[FileOut]

    @staticmethod
    def resolve_sources(dataset: PreferenceDataset) -> list[DatasetSource]:
        """List the sources."""
        return list(dataset.sources.select_related("run", "preference_set").order_by("pk"))

    @staticmethod
    def resolve_files(dataset: PreferenceDataset) -> list[FileOut]:
        """List the files, the one to train on first."""
        path = path_in_home(dataset.path)
        own = FileOut(
            split="train", ending="jsonl", sha256=dataset.sha256, n_rows=dataset.n_pairs,
            n_bytes=path.stat().st_size if path else None, address=_address(dataset, "jsonl"),
        )  # fmt: skip
        endings = [each for each in dataset.files.all() if each.ending.lstrip(".") in KINDS]
        return [own, *(_show_file(dataset, each) for each in endings)]


class DatasetFilter(Schema):
    """Which datasets."""

    run: str | None = Field(None, description="by slug")
    form: str | None = None


def find_dataset(pk: int) -> PreferenceDataset:
    """Give the dataset of this number.

    Raises:
        Http404: there is none.
    """
    found = PreferenceDataset.objects.select_related("run", "created_by").filter(pk=pk).first()
    if found is None:
        raise Http404(_("There is no dataset %(pk)s.") % {"pk": pk})
    return found


@router.get("/datasets", response=list[DatasetLine], summary="List datasets, newest first")
@paginate(Pages, order="-pk")
def list_datasets(
    request: HttpRequest, filters: Annotated[DatasetFilter, Query()]
) -> QuerySet[PreferenceDataset]:
    """Those of every run, or of one."""
    datasets = PreferenceDataset.objects.select_related("run", "created_by").defer("card")
    if filters.run is not None:
        datasets = datasets.filter(run=find_run(filters.run))
    return datasets if filters.form is None else datasets.filter(form=filters.form)


@router.get(
    "/datasets/{int:pk}", response=DatasetOut, url_name="show_dataset", summary="Show a dataset"
)
def show_dataset(request: HttpRequest, pk: int) -> PreferenceDataset:
    """Its recipe with every cut-off, what was left out and why, sources and files."""
    return find_dataset(pk)


@router.get(
    "/datasets/{int:pk}/card", summary="A dataset's card",
    openapi_extra=file_answers(["text/markdown"]),
)  # fmt: skip
def card(request: HttpRequest, pk: int) -> HttpResponse:
    """Its README.md, as hubs read it."""
    dataset = find_dataset(pk)
    if not dataset.card:
        raise Http404(_("Dataset %(pk)s was made before datasets had cards.") % {"pk": pk})
    tag = strong_tag(f"card-{pk}")
    answer = unchanged(request, tag)
    if answer is None:
        answer = HttpResponse(dataset.card, content_type="text/markdown; charset=utf-8")
    return marked(answer, tag)


@router.get(
    "/datasets/{int:pk}/{slug:form}.{slug:ending}", auth=EXPORT, url_name="dataset_rows",
    summary="A dataset's rows", openapi_extra=file_answers(list(KINDS.values()), has_parts=True),
)  # fmt: skip
def rows(
    request: HttpRequest, pk: int, form: str, ending: str, split: Split = "train"
) -> HttpResponseBase:
    """As jsonl, parquet, csv, or a folder in a zip or tar; `Range` goes on where one broke off.

    A large file that is not there yet is made by a worker: then the answer is 503 until it is.
    """
    dataset = find_dataset(pk)
    if form != dataset.form or ending not in KINDS:
        named = {"pk": pk, "asked": f"{form}.{ending}",
                 "right": ", ".join(f"{dataset.form}.{each}" for each in KINDS)}  # fmt: skip
        message = _("Dataset %(pk)s has no file %(asked)s; it has: %(right)s.")
        raise Http404(message % named)
    if needs_worker(dataset, split, f".{ending}"):
        return _have_made(request, dataset, f".{ending}")
    try:
        file = ensure_file(dataset, split, f".{ending}")
    except ExportRefused as error:
        raise Http404(str(error)) from error
    path = path_in_home(file.path)
    if path is None:
        raise Http404(_("The file of this dataset is no longer there."))
    answer = send_file(request, path, sha256=file.sha256, content_type=KINDS[ending])
    return marked(answer, strong_tag(file.sha256))


def _have_made(request: HttpRequest, dataset: PreferenceDataset, ending: str) -> HttpResponse:
    """Ask a worker for a file; a reader of files takes no other answer for its rows."""
    export = request_file(dataset, ending, account_of(request))
    message = _("A worker is making this file; please ask again. How far it is: %(address)s")
    address = reverse("api:show_export", args=[export.pk])
    answer = problem(503, message % {"address": address})
    answer["Location"] = address
    answer["Retry-After"] = str(MADE_AFTER_S)
    return answer


def _show_file(dataset: PreferenceDataset, file: DatasetFile) -> FileOut:
    ending = file.ending.lstrip(".")
    return FileOut(
        split=file.split, ending=ending, sha256=file.sha256, n_rows=file.n_rows,
        n_bytes=file.n_bytes, address=_address(dataset, ending, file.split),
    )  # fmt: skip


def _address(dataset: PreferenceDataset, ending: str, split: str = "train") -> str:
    address = reverse("api:dataset_rows", args=[dataset.pk, dataset.form, ending])
    return address if split == "train" else f"{address}?split={split}"
