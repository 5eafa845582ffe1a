"""Exports as background work: asked for on a page or by the API, and done by a worker."""

import shutil
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.formats import FormatError
from annotate.models import Export, User
from annotate.services import errors
from annotate.services.exporting.datasets import JSONL, datasets_folder, export_dataset
from annotate.services.exporting.files import ENDINGS, PARQUET, ensure_file
from annotate.services.exporting.recipe import Recipe, read_recipe
from annotate.services.exporting.resolving import check_names
from annotate.services.queue import defer

TASK = "run_export"
# These are written along with the rows; what else is asked for is made of them.
_ALONG = (PARQUET, ".csv")
State = Export.State


def request_export(recipe: Recipe, ending: str = JSONL, created_by: User | None = None) -> Export:
    """Ask a worker for a dataset, with a file of this ending.

    Raises:
        RecipeRefused: something that the recipe names is not there.
        ExportRefused: there is no such ending.
    """
    if ending not in ENDINGS:
        message = _("%(ending)s is no ending of a dataset's files; there are %(known)s.")
        raise errors.ExportRefused(message % {"ending": ending, "known": ", ".join(ENDINGS)})
    resolved = check_names(recipe)
    with transaction.atomic():
        export = Export.objects.create(
            run=resolved.home, recipe=recipe.to_filters(), ending=ending, created_by=created_by
        )
        defer(TASK, queue="default", export_id=export.pk)
    return export


def run_export(export: Export, *, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Make the dataset that was asked for; a call after a kill begins again.

    What cannot be made is said in the export's row, and raises nothing.

    Args:
        should_stop: asked about once a second; when it says yes, the rest is left to another call.

    Raises:
        ExportInterrupted: it stopped because of `should_stop`, or votes are being imported.
    """
    begun = Export.objects.filter(pk=export.pk, state__in=[State.QUEUED, State.RUNNING])
    if not begun.update(state=State.RUNNING, n_done=0):
        return
    _clear(export)

    def tell(n_done: int, n_total: int) -> None:
        Export.objects.filter(pk=export.pk).update(n_done=n_done, n_total=n_total)
        if should_stop():
            raise errors.ExportInterrupted(f"export {export.pk}: its worker is about to end")

    try:
        # An attempt may have been killed while it made a file of what it had exported.
        dataset = export.dataset or export_dataset(
            read_recipe(export.recipe),
            export.created_by,
            tell,
            also=[export.ending] if export.ending in _ALONG else [],
            label=_label(export),
        )
        Export.objects.filter(pk=export.pk).update(dataset=dataset)
        ensure_file(dataset, "train", export.ending)
    except errors.LedgerBusy as error:
        raise errors.ExportInterrupted(str(error)) from error
    except (errors.Refused, FormatError, OSError) as error:
        fail_export(export, str(error))
        return
    n_rows = dataset.n_pairs + int(dataset.counts["test_rows"])
    Export.objects.filter(pk=export.pk).update(
        state=State.FINISHED,
        n_done=n_rows,
        n_total=n_rows,
        finished_at=timezone.now(),
    )


def fail_export(export: Export, failure: str) -> None:
    """Say in an export's row that it failed, and why; one that has ended stays as it is."""
    Export.objects.filter(pk=export.pk, state__in=[State.QUEUED, State.RUNNING]).update(
        state=State.FAILED, failure=failure or "it ended without a word", finished_at=timezone.now()
    )


def _label(export: Export) -> str:
    return f"export-{export.pk}"


def _clear(export: Export) -> None:
    """Remove what an attempt left that was killed."""
    for left in datasets_folder().glob(f".{_label(export)}-*"):
        shutil.rmtree(left, ignore_errors=True)
