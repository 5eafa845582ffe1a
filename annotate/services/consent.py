"""What volunteers agree to, and taking it back together with all votes."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.models import Annotator, Comparison, Consent, ConsentText, Vote
from annotate.models.comparisons import Purpose
from annotate.services import errors, voting, waiting


@dataclass(frozen=True)
class TakenBack:
    """What taking a consent back did, or would do now."""

    votes: int
    runs: int


def newest_text() -> ConsentText:
    """Give the text that volunteers are asked to agree to."""
    return ConsentText.objects.latest("version")


def standing_consent(annotator: Annotator) -> Consent | None:
    """Give the newest consent that the annotator has not taken back."""
    return annotator.consents.filter(withdrawn_at=None).select_related("text").last()


def has_consent(annotator: Annotator) -> bool:
    """Tell whether the annotator agrees to the newest text."""
    newest = ConsentText.objects.order_by("-version").values("pk")[:1]
    return annotator.consents.filter(withdrawn_at=None, text=Subquery(newest)).exists()


def give_consent(*, annotator: Annotator, text: ConsentText | None) -> Consent:
    """Keep that the annotator agrees to the text; once is enough.

    Raises:
        ConsentOutdated: there is a newer text by now.
    """
    if text is None or text != newest_text():
        raise errors.ConsentOutdated(_("The text has changed. Please read the new one."))
    consent, _created = Consent.objects.get_or_create(
        annotator=annotator, text=text, withdrawn_at=None
    )
    return consent


def count_votes(*, annotator: Annotator) -> TakenBack:
    """Count the comparisons, practice left out, whose votes would be taken back, and their runs."""
    voted = Exists(Vote.objects.standing().filter(comparison=OuterRef("pk")))
    judged = Comparison.objects.filter(voted, annotator=annotator).exclude(purpose=Purpose.PRACTICE)
    runs = judged.order_by().values("round__run").distinct()
    return TakenBack(votes=judged.count(), runs=runs.count())


def take_back(*, annotator: Annotator) -> TakenBack:
    """End the annotator's consent: every vote is withdrawn, and the name leaves the board."""
    with transaction.atomic():
        # A vote that is on its way waits here, and then finds no consent.
        annotator = waiting.hold_annotator(annotator)
        counted = count_votes(annotator=annotator)
        voting.withdraw_all(annotator=annotator, by=annotator.user)
        annotator.consents.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())
        annotator.board_name = ""
        annotator.save(update_fields=["board_name"])
    return counted
