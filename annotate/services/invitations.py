"""Links that let volunteers into a run."""

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.models import Invitation, SelectionRun, User
from annotate.services import errors


def create_invitation(
    *,
    run: SelectionRun,
    by: User | None,
    label: str = "",
    admits_at_most: int | None = None,
    expires_at: datetime | None = None,
) -> Invitation:
    """Draw a new link; without a limit it lets in any number, without an expiry it stays open.

    Raises:
        RulesRefused: it would have expired already.
    """
    if expires_at is not None and expires_at <= timezone.now():
        message = _("That time is past, so nobody could come in.")
        raise errors.RulesRefused(message, field="expires_at")
    return Invitation.objects.create(
        run=run, created_by=by, label=label, admits_at_most=admits_at_most, expires_at=expires_at
    )


def revoke_invitation(*, run: SelectionRun, by: User | None, invitation: Invitation) -> None:
    """Let nobody else in by the link; who came by it stays. A second call changes nothing."""
    run.invitations.filter(pk=invitation.pk, revoked_at__isnull=True).update(
        revoked_at=timezone.now()
    )
    invitation.refresh_from_db()
