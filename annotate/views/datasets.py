"""Preference datasets, and the files that hold them."""

from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from annotate.models import PreferenceDataset, Vote
from annotate.models.people import Role
from annotate.permissions import role_required
from annotate.views import counts


@require_safe
@role_required(Role.RESEARCHER)
def dataset(request: HttpRequest, dataset: int) -> HttpResponse:
    """Show what a dataset holds, and how it was made."""
    stored = get_object_or_404(PreferenceDataset.objects.select_related("run"), pk=dataset)
    votes = Vote.objects.of_run(stored.run).standing_at(stored.cutoff)
    context = {
        "dataset": stored,
        "run": stored.run,
        "kinds": counts.votes_by_kind(votes),
        "training_runs": stored.training_runs.select_related("base"),
        "file": file_of(stored),
    }
    return render(request, "datasets/page.html", context)


@require_safe
@role_required(Role.RESEARCHER)
def dataset_file(request: HttpRequest, dataset: int) -> FileResponse:
    """Send a dataset's bytes as they were written."""
    stored = get_object_or_404(PreferenceDataset, pk=dataset)
    path = file_of(stored)
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
