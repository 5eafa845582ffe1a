"""Preference datasets, and the files that hold them."""

from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from annotate.models import PreferenceDataset
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import lineage
from annotate.services.exporting import votes_behind
from annotate.views import counts

# What a dataset counts under each name: its pairs, and why others were left out.
COUNTED = {
    "pairs": gettext_lazy("pairs"),
    "pairs_with_judges": gettext_lazy("pairs of these with votes of LLM judges"),
    "held_out": gettext_lazy("held-out prompt"),
    "empty_reply": gettext_lazy("empty reply"),
    "same_replies": gettext_lazy("the same text twice"),
    "no_decisive_vote": gettext_lazy("no vote for either side"),
    "too_few_votes": gettext_lazy("too few votes"),
    "margin_too_small": gettext_lazy("margin too small"),
}


@require_safe
@role_required(Role.RESEARCHER)
def dataset(request: SignedInRequest, pk: int) -> HttpResponse:
    """Show what a dataset holds, and how it was made."""
    dataset = get_object_or_404(PreferenceDataset.objects.select_related("run"), pk=pk)
    context = {
        "dataset": dataset,
        "run": dataset.run,
        "counts": [(COUNTED.get(name, name), n) for name, n in sorted(dataset.counts.items())],
        "kinds": counts.votes_by_kind(votes_behind(dataset)),
        "training_runs": dataset.training_runs.select_related("base"),
        "file": file_of(dataset),
        "withdrawn": lineage.withdrawn_since(dataset),
    }
    return render(request, "datasets/page.html", context)


@require_safe
@role_required(Role.RESEARCHER)
def dataset_file(request: SignedInRequest, pk: int) -> FileResponse:
    """Send a dataset's bytes as they were written."""
    path = file_of(get_object_or_404(PreferenceDataset, pk=pk))
    if path is None:
        raise Http404(_("The file of this dataset is no longer there."))
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=path.name,
        content_type="application/octet-stream",
    )


def file_of(dataset: PreferenceDataset) -> Path | None:
    """Find the dataset's file; None where it is gone or would lie outside of KURABE_HOME."""
    home = Path(settings.KURABE_HOME).resolve()
    path = (home / dataset.path).resolve()
    return path if path.is_relative_to(home) and path.is_file() else None
