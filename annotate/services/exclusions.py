"""Leave an annotator's votes out of a run, for a reason, and take that back."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.models import Annotator, Exclusion, SelectionRun, User
from annotate.services import errors, estimating, ledger, waiting
from annotate.services.rankings import rank_again


def exclude(
    *, run: SelectionRun, annotator: Annotator, reason: str, by: User | None = None
) -> Exclusion:
    """Count none of the annotator's votes in the run from here on, and rank again.

    Raises:
        ExclusionRefused: there is no reason, or nothing to exclude.
        NotRankedAgain: the exclusion stands, but the ranking could not be made anew.
    """
    reason = _told(reason)
    with transaction.atomic():
        # Two admins may exclude one annotator at once: the second waits here, then is told so.
        annotator = waiting.hold_annotator(annotator)
        if not annotator.comparisons.filter(round__run=run).exists():
            raise errors.ExclusionRefused(
                _("%(name)s has judged nothing in this run.") % {"name": annotator.name}
            )
        if Exclusion.objects.standing().filter(run=run, annotator=annotator).exists():
            raise errors.ExclusionRefused(
                _("%(name)s is excluded already.") % {"name": annotator.name}
            )
        ledger.hold_ledger(run_id=run.pk)
        exclusion = Exclusion.objects.create(
            run=run,
            annotator=annotator,
            reason=reason,
            number=ledger.next_number(),
            excluded_at=timezone.now(),
            excluded_by=by,
        )
        estimating.note_exclusion(run=run)
    rank_again(run=run)
    return exclusion


def undo_exclusion(*, exclusion: Exclusion, reason: str, by: User | None = None) -> Exclusion:
    """Count the annotator's votes again, and rank again; the log keeps both entries.

    Raises:
        ExclusionRefused: there is no reason, or the exclusion was undone before.
        NotRankedAgain: it is undone, but the ranking could not be made anew.
    """
    reason = _told(reason)
    with transaction.atomic():
        locked = Exclusion.objects.select_for_update().select_related("run").get(pk=exclusion.pk)
        if locked.undone_number is not None:
            raise errors.ExclusionRefused(_("This exclusion was undone before."))
        ledger.hold_ledger(run_id=locked.run_id)
        locked.undone_reason = reason
        locked.undone_number = ledger.next_number()
        locked.undone_at = timezone.now()
        locked.undone_by = by
        locked.save(update_fields=["undone_reason", "undone_number", "undone_at", "undone_by"])
        estimating.note_exclusion(run=locked.run)
    rank_again(run=locked.run)
    return locked


def find_annotator(*, run: SelectionRun, told: str) -> Annotator:
    """Give the annotator of the run who has this name or pseudonym.

    Raises:
        ExclusionRefused: there is none, or several share the name.
    """
    of_run = Annotator.objects.filter(comparisons__round__run=run).distinct()
    found = list(of_run.filter(pseudonym=told)) or list(of_run.filter(name=told).order_by("id"))
    if not found:
        names = errors.names_like(told, of_run.values_list("name", flat=True))
        raise errors.ExclusionRefused(
            f"run {run.slug} has no annotator {told!r}" + (f"; it has: {names}" if names else "")
        )
    if len(found) > 1:
        pseudonyms = ", ".join(each.pseudonym for each in found)
        raise errors.ExclusionRefused(
            f"run {run.slug} has {len(found)} annotators {told!r}; name one of {pseudonyms}"
        )
    return found[0]


def _told(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise errors.ExclusionRefused(_("A reason is needed; nobody is excluded silently."))
    return reason
