"""Exports as background work: asked for on a page or by the API, and done by a worker."""

import shutil
from collections.abc import Callable, Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.formats import FormatError
from annotate.models import Export, PreferenceDataset, User
from annotate.services import errors
from annotate.services.exporting.datasets import JSONL, datasets_folder, export_dataset
from annotate.services.exporting.figures import REASONS
from annotate.services.exporting.files import ENDINGS, PARQUET, ensure_file, splits_of
from annotate.services.exporting.recipe import Recipe, read_recipe
from annotate.services.exporting.resolving import check_names
from annotate.services.queue import defer

TASK = "run_export"
# These are written along with the rows; what else is asked for is made of them.
_ALONG = (PARQUET, ".csv")
State = Export.State


def request_export(recipe: Recipe, ending: str = JSONL, created_by: User | None = None) -> Export:
    """Ask a worker for a dataset, with a file of this ending.

    Where the same account asked for the same and no worker has begun, it is that one: a form that
    was sent twice makes no second dataset. Once it has begun, its votes are those of that moment.

    Raises:
        RecipeRefused: something that the recipe names is not there.
        ExportRefused: there is no such ending.
    """
    if ending not in ENDINGS:
        message = _("%(ending)s is no ending of a dataset's files; there are %(known)s.")
        raise errors.ExportRefused(message % {"ending": ending, "known": ", ".join(ENDINGS)})
    resolved = check_names(recipe)
    wish = {"run": resolved.home, "recipe": recipe.to_filters(), "ending": ending,
            "created_by": created_by}  # fmt: skip
    with transaction.atomic():
        if created_by is not None:
            # Two that come at once take turns.
            User.objects.select_for_update(no_key=True).get(pk=created_by.pk)
        export = Export.objects.filter(state=State.QUEUED, **wish).order_by("pk").first()
        if export is not None:
            return export
        export = Export.objects.create(**wish)
        defer(TASK, queue="default", export_id=export.pk)
    return export


def request_file(dataset: PreferenceDataset, ending: str, created_by: User | None = None) -> Export:
    """Ask a worker for a file of a dataset that is there; one that was asked for is given again.

    Raises:
        ExportRefused: there is no such ending.
    """
    if ending not in ENDINGS:
        message = _("%(ending)s is no ending of a dataset's files; there are %(known)s.")
        raise errors.ExportRefused(message % {"ending": ending, "known": ", ".join(ENDINGS)})
    with transaction.atomic():
        # Whoever asks at the same moment waits here, and finds what this one asked for.
        PreferenceDataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
        under_way = dataset.exports.filter(ending=ending, state__in=[State.QUEUED, State.RUNNING])
        export = under_way.first()
        if export is None:
            export = Export.objects.create(
                run=dataset.run, recipe=dataset.filters, ending=ending, created_by=created_by,
                dataset=dataset, n_total=dataset.n_pairs,
            )  # fmt: skip
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

    def tell(n_done: int, n_total: int) -> None:
        Export.objects.filter(pk=export.pk).update(n_done=n_done, n_total=n_total)
        if should_stop():
            raise errors.ExportInterrupted(f"export {export.pk}: its worker is about to end")

    try:
        _clear(export)
        # An attempt may have been killed while it made a file of what it had exported.
        dataset = export.dataset or export_dataset(
            read_recipe(export.recipe),
            export.created_by,
            tell,
            also=[export.ending] if export.ending in _ALONG else [],
            label=_label(export),
        )
        Export.objects.filter(pk=export.pk).update(dataset=dataset)
        for split in splits_of(dataset):
            ensure_file(dataset, split, export.ending)
    except errors.LedgerBusy as error:
        raise errors.ExportInterrupted(str(error)) from error
    except errors.NothingToExport as refusal:
        fail_export(export, str(refusal), left_out=refusal.left_out)
        return
    except (errors.Refused, FormatError, OSError) as error:
        fail_export(export, str(error))
        return
    n_rows = dataset.n_pairs + int(dataset.counts.get("test_rows", 0))
    Export.objects.filter(pk=export.pk).update(
        state=State.FINISHED,
        n_done=n_rows,
        n_total=n_rows,
        finished_at=timezone.now(),
    )


def fail_export(export: Export, failure: str, *, left_out: Mapping[str, int] | None = None) -> None:
    """Say in an export's row that it failed, and why; one that has ended stays as it is.

    Args:
        left_out: pairs by reason, where it failed because none was left.
    """
    Export.objects.filter(pk=export.pk, state__in=[State.QUEUED, State.RUNNING]).update(
        state=State.FAILED,
        failure=failure or "it ended without a word",
        left_out=left_out,
        finished_at=timezone.now(),
    )


def say_failure(export: Export) -> str:
    """Say why an export failed, in the reader's language where it is told by numbers."""
    if export.left_out is None:
        return export.failure
    recipe = read_recipe(export.recipe)
    told = {
        "run": recipe.home.run,
        "votes": recipe.min_votes,
        "margin": recipe.margin,
        "probability": f"{recipe.min_probability:g}",
        "why": ", ".join(f"{REASONS.get(why, why)}: {n}" for why, n in export.left_out.items()),
    }
    if not export.left_out:
        return _("Run %(run)s gives no row to train on: no vote stands.") % told
    if recipe.method == "majority":
        message = _("Run %(run)s gives no row to train on. A pair needs %(votes)s or more decisive"
                    " votes and a lead of %(margin)s. Left out are: %(why)s.")  # fmt: skip
    else:
        message = _(
            "Run %(run)s gives no row to train on. A pair needs %(votes)s or more decisive votes"
            " and a probability of %(probability)s. Left out are: %(why)s."
        )
    return message % told


def _label(export: Export) -> str:
    return f"export-{export.pk}"


def _clear(export: Export) -> None:
    """Remove what an attempt left that was killed."""
    for left in datasets_folder().glob(f".{_label(export)}-*"):
        shutil.rmtree(left, ignore_errors=True)
