"""Preference datasets, and the files that hold them."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from annotate.models import DatasetFile, PreferenceDataset
from annotate.models.datasets import DatasetForm, Split
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.sending import path_in_home, send_file
from annotate.services import errors, lineage
from annotate.services.exporting import (
    ENDINGS,
    ensure_file,
    needs_worker,
    request_file,
    takes_long,
    votes_behind,
)
from annotate.services.exporting.recipe import FORMS_OF_VOTES
from annotate.views import counts
from annotate.views.export_words import tell_figures

JSONL = ".jsonl"
ARCHIVES = (".zip", ".tar")
PAIRS = (DatasetForm.DPO, DatasetForm.DPO_STANDARD, DatasetForm.REWARD)


@dataclass(frozen=True)
class Download:
    """A file that can be had: `stored` where it was made before, or to be made by a worker."""

    split: str
    kind: str
    stored: DatasetFile | None
    n_bytes: int | None
    is_for_worker: bool = False

    @property
    def is_archive(self) -> bool:
        """Tell whether it holds all parts and the card."""
        return f".{self.kind}" in ARCHIVES

    @property
    def split_words(self) -> str:
        """Say which part of the dataset it holds."""
        return str(Split(self.split).label)


@require_safe
@role_required(Role.RESEARCHER)
def dataset(request: SignedInRequest, pk: int) -> HttpResponse:
    """Show what a dataset holds, and how it was made."""
    related = PreferenceDataset.objects.select_related("run", "created_by")
    dataset = get_object_or_404(related, pk=pk)
    sources = dataset.sources.select_related("run", "preference_set").order_by("pk")
    context = {
        "dataset": dataset,
        "run": dataset.run,
        "is_of_pairs": dataset.form in PAIRS,
        "can_be_trained_on": dataset.form == DatasetForm.DPO,
        "sources": sources,
        "filters": _tell_filters(dataset),
        "figures": tell_figures(dataset.counts),
        "n_test_rows": dataset.counts.get("test_rows", 0),
        "agreement": dataset.counts.get("agreement"),
        "kinds": counts.votes_by_kind(votes_behind(dataset)),
        "training_runs": dataset.training_runs.select_related("base"),
        "file": path_in_home(dataset.path),
        "downloads": list_downloads(dataset),
        "withdrawn": lineage.withdrawn_since(dataset),
        "is_bound": dataset.pk in lineage.find_bound([dataset]),
    }
    return render(request, "datasets/page.html", context)


@require_safe
@role_required(Role.RESEARCHER)
def dataset_file(request: SignedInRequest, pk: int) -> HttpResponseBase:
    """Send a dataset's rows to train on, as they were written."""
    dataset = get_object_or_404(PreferenceDataset, pk=pk)
    path = path_in_home(dataset.path)
    if path is None:
        raise Http404(_("The file of this dataset is no longer there."))
    return send_file(request, path, sha256=dataset.sha256)


@require_safe
@role_required(Role.RESEARCHER)
def dataset_part(request: SignedInRequest, pk: int, split: str, kind: str) -> HttpResponseBase:
    """Send a part of a dataset in a file of another kind, which is made when first asked for.

    Where that takes long, the dataset's page says so, on which a worker can be asked for it.
    """
    dataset = get_object_or_404(PreferenceDataset, pk=pk)
    if split not in Split.values:
        raise Http404(_("A dataset has rows to train on and rows to test on, and no others."))
    if needs_worker(dataset, Split(split).value, f".{kind}"):
        return HttpResponseRedirect(f"{reverse('dataset', args=[pk])}#files")
    try:
        file = ensure_file(dataset, Split(split).value, f".{kind}")
    except errors.ExportRefused as refusal:
        raise Http404(str(refusal)) from refusal
    path = path_in_home(file.path)
    if path is None:
        raise Http404(_("The file of this dataset is no longer there."))
    return send_file(request, path, sha256=file.sha256)


@require_POST
@role_required(Role.RESEARCHER)
def make_file(request: SignedInRequest, pk: int) -> HttpResponse:
    """Ask a worker for a file of another kind, and lead to where it is seen how far that is."""
    dataset = get_object_or_404(PreferenceDataset, pk=pk)
    try:
        asked = request_file(dataset, f".{request.POST.get('kind', '')}", request.user)
    except errors.ExportRefused as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse("dataset", args=[pk]), status=303)
    return HttpResponseRedirect(reverse("export_work", args=[asked.pk]), status=303)


def list_downloads(dataset: PreferenceDataset) -> list[Download]:
    """List every file that a dataset can be had in; none where its own file is gone."""
    own = path_in_home(dataset.path)
    if own is None:
        return []
    stored = {(each.split, each.ending): each for each in dataset.files.all()}
    splits = [Split.TRAIN.value]
    if any(split == Split.TEST for split, _ending in stored):
        splits.append(Split.TEST.value)
    found = []
    for ending in ENDINGS:
        for split in splits[:1] if ending in ARCHIVES else splits:
            file = stored.get((split, ending))
            n_bytes = file.n_bytes if file else None
            if (split, ending) == (Split.TRAIN, JSONL):
                n_bytes = own.stat().st_size
            found.append(
                Download(
                    split,
                    ending.removeprefix("."),
                    file,
                    n_bytes,
                    n_bytes is None and takes_long(own.stat().st_size),
                )
            )
    return found


def _tell_filters(dataset: PreferenceDataset) -> dict[str, Any]:
    """Give how votes became rows; what is switched off stays out, and sources are told apart."""
    by_majority = dataset.filters.get("method", "majority") == "majority"
    idle = {"sources", "min_probability" if by_majority else "margin"}
    if dataset.form in FORMS_OF_VOTES:
        idle |= {"method", "min_votes", "margin", "min_probability"}
    return {
        name: value
        for name, value in dataset.filters.items()
        if name not in idle and value not in (None, False, [], "")
    }
