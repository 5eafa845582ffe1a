"""The way from a run's door to its first comparison."""

import uuid
from collections.abc import Sequence
from enum import Enum, auto

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.models import (
    Annotator,
    ConsentText,
    Invitation,
    Participation,
    SelectionRun,
    User,
)
from annotate.models.comparisons import Purpose
from annotate.models.rules import Door
from annotate.services import annotators, consent, errors


class Step(Enum):
    """What stands between somebody and the rating page."""

    DOOR = auto()
    WELCOME = auto()
    PRACTICE = auto()
    RATE = auto()


def next_step(
    *, run: SelectionRun, annotator: Annotator | None, is_signed_in: bool = False
) -> Step:
    """Tell what comes next for an annotator, or for a newcomer (None), in a run."""
    let_in = runs_let_in(annotator=annotator, is_signed_in=is_signed_in)
    if not SelectionRun.objects.filter(let_in, pk=run.pk).exists():
        return Step.DOOR
    if annotator is not None and annotator.kind == Annotator.Kind.SIMULATED:
        return Step.RATE
    participation = participation_in(run=run, annotator=annotator)
    if annotator is None or participation is None or needs_welcome(annotator, participation):
        return Step.WELCOME
    if participation.practised_at is None and has_practice(run=run):
        return Step.PRACTICE
    return Step.RATE


def participation_in(*, run: SelectionRun, annotator: Annotator | None) -> Participation | None:
    """Give how far the annotator has come in the run; None before the first step."""
    return Participation.objects.filter(run=run, annotator=annotator).first() if annotator else None


def needs_welcome(annotator: Annotator, participation: Participation) -> bool:
    """Tell whether the welcome page has anything left to ask or to tell."""
    return (
        participation.instructed_at is None
        or not annotator.languages
        or not consent.has_consent(annotator)
    )


def has_practice(*, run: SelectionRun) -> bool:
    """Tell whether the run has comparisons to practise on."""
    return run.gold_pairs.filter(use=Purpose.PRACTICE, retired_at=None).exists()


def find_invitation(*, token: str) -> Invitation:
    """Give the invitation of a link, while it lets anybody in.

    Raises:
        InvitationUnknown: no such link was made.
        InvitationRefused: it was revoked, has run out, or all its places are taken.
    """
    invitation = Invitation.objects.select_related("run").filter(token=token).first()
    if invitation is None:
        raise errors.InvitationUnknown(_("There is no such invitation."))
    if invitation.revoked_at is not None:
        raise errors.InvitationRefused(_("This invitation has been revoked."))
    if invitation.expires_at is not None and invitation.expires_at <= timezone.now():
        raise errors.InvitationRefused(_("This invitation has expired."))
    places = invitation.admits_at_most
    if places is not None and invitation.participations.count() >= places:
        raise errors.InvitationRefused(_("All places of this invitation are taken."))
    return invitation


def admit(*, invitation_token: str, annotator: Annotator) -> Participation:
    """Let an annotator into the invitation's run; whoever was let in before takes no new place.

    Raises:
        InvitationUnknown, InvitationRefused: see `find_invitation`.
    """
    with transaction.atomic():
        # Two newcomers may ask for the last place at once: the second waits here, then counts.
        locked = Invitation.objects.select_for_update().filter(token=invitation_token).first()
        if locked is not None:
            earlier = participation_in(run=locked.run, annotator=annotator)
            if earlier is not None and earlier.invitation_id is not None:
                return earlier
        invitation = find_invitation(token=invitation_token)
        participation, _created = Participation.objects.update_or_create(
            run=invitation.run, annotator=annotator, defaults={"invitation": invitation}
        )
    return participation


def begin(*, run: SelectionRun, annotator: Annotator) -> Participation:
    """Keep that the annotator has read the run's instructions."""
    participation, _created = Participation.objects.get_or_create(run=run, annotator=annotator)
    if participation.instructed_at is None:
        participation.instructed_at = timezone.now()
        participation.save(update_fields=["instructed_at"])
    return participation


def start(
    *,
    run: SelectionRun,
    annotator: Annotator | None,
    user: User | None,
    text_version: int,
    languages: Sequence[str],
    invitation_token: str = "",
    newcomer: uuid.UUID | None = None,
) -> Annotator:
    """Take somebody in who pressed Start: all that the welcome page asked, or nothing of it.

    Args:
        annotator: who it is, if they were here before; else one is made, for `user` if signed in.
        languages: empty where they had been declared before.
        newcomer: the page's own key, by which a second press of Start is known.

    Raises:
        ConsentOutdated, NoLanguage, InvitationUnknown, InvitationRefused: nothing was stored.
    """
    with transaction.atomic():
        if annotator is None:
            annotator = (
                annotators.annotator_of(user=user)
                if user
                else annotators.make_anonymous(key=newcomer)
            )
        text = ConsentText.objects.filter(version=text_version).first()
        consent.give_consent(annotator=annotator, text=text)
        if languages or not annotator.languages:
            annotators.declare_languages(annotator=annotator, languages=languages)
        if invitation_token:
            admit(invitation_token=invitation_token, annotator=annotator)
        begin(run=run, annotator=annotator)
    return annotator


def runs_let_in(*, annotator: Annotator | None, is_signed_in: bool = False) -> Q:
    """Give what must hold for runs whose door is open to somebody.

    A run without rules asks for an account. Revoking an invitation keeps newcomers out, and not
    those whom it has let in.
    """
    if annotator is not None and annotator.kind == Annotator.Kind.SIMULATED:
        return Q()
    invited = Participation.objects.filter(
        run=OuterRef("pk"), annotator=annotator, invitation__isnull=False
    )
    by_invitation = Q(stored_rules__door=Door.INVITATION) & Q(Exists(invited))
    if is_signed_in or (annotator is not None and annotator.user_id is not None):
        return ~Q(stored_rules__door=Door.INVITATION) | by_invitation
    return Q(stored_rules__door=Door.OPEN) | by_invitation
