"""The way from a run's door to its first comparison."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.models import (
    Annotator,
    ConsentText,
    Invitation,
    Participation,
    RatingRules,
    ReasonTag,
    SelectionRun,
    User,
)
from annotate.models.comparisons import Purpose
from annotate.models.rules import Door
from annotate.services import annotators, consent, errors
from annotate.services.joined import Columns, ask
from annotate.services.pairing import LOOK_COLUMNS, LOOK_JOINS, RoundNow, read_look
from annotate.services.progress import (
    N_COLUMNS,
    PROGRESS_COLUMNS,
    Progress,
    read_progress,
    today_here,
)


class Step(Enum):
    """What stands between somebody and the rating page."""

    DOOR = auto()
    WELCOME = auto()
    PRACTICE = auto()
    RATE = auto()


@dataclass(frozen=True)
class Arrived:
    """Somebody at a run's pages: what comes next for them, and how the run stands.

    Attributes:
        annotator: None for a newcomer.
        now: the run's open round; None where none is.
        progress: how far both are.
    """

    run: SelectionRun
    annotator: Annotator | None
    step: Step
    now: RoundNow | None
    progress: Progress


_ANNOTATOR = Columns(Annotator, "annotator")
_BY_ACCOUNT = "annotator.user_id = %(user)s"
_BY_COOKIE = (
    "annotator.id = %(annotator)s AND annotator.user_id IS NULL"
    f" AND annotator.kind = '{Annotator.Kind.PERSON}'"
)
_BY_ID = "annotator.id = %(annotator)s"
# All that tells who is there, what they may, and how the run stands.
_ARRIVE = f"""SELECT {LOOK_COLUMNS}, {_ANNOTATOR.sql}, {PROGRESS_COLUMNS},
  participation.instructed_at IS NOT NULL,
  participation.practised_at IS NOT NULL,
  participation.invitation_id IS NOT NULL,
  EXISTS (
    SELECT FROM annotate_consent AS consent
    WHERE consent.annotator_id = annotator.id AND consent.withdrawn_at IS NULL
    AND consent.text_id = (SELECT id FROM annotate_consenttext ORDER BY version DESC LIMIT 1)
  ),
  EXISTS (
    SELECT FROM annotate_goldpair AS gold
    WHERE gold.run_id = run.id AND gold.use = '{Purpose.PRACTICE}' AND gold.retired_at IS NULL
  ),
  ARRAY(
    SELECT ARRAY[tag.id::text, tag.slug, tag.label_en, tag.label_ja]
    FROM annotate_ratingrules_reasons AS offered
    JOIN annotate_reasontag AS tag ON tag.id = offered.reasontag_id
    WHERE offered.ratingrules_id = run.id ORDER BY tag.position, tag.slug
  )
FROM annotate_selectionrun AS run
  LEFT JOIN annotate_round AS round ON round.run_id = run.id
    AND round.opened_at IS NOT NULL AND round.closed_at IS NULL
  {LOOK_JOINS}
  LEFT JOIN annotate_annotator AS annotator ON {{annotator}}
  LEFT JOIN annotate_participation AS participation
    ON participation.run_id = run.id AND participation.annotator_id = annotator.id
WHERE run.slug = %(run)s"""  # noqa: S608 - only names and constants of our own go in


def arrive(*, run: str, user: int | None, annotator: int | None) -> Arrived | None:
    """Tell who is at a run's pages, and all that the pages have to know of both, in one statement.

    Args:
        run: its slug.
        user: id of the account that is signed in; it goes before the cookie.
        annotator: id in the signed cookie of somebody who has no account.

    Returns:
        None where there is no such run.
    """
    named = _BY_COOKIE if user is None else _BY_ACCOUNT
    return _arrive(run, named, {"user": user, "annotator": annotator}, is_signed_in=bool(user))


def next_step(
    *, run: SelectionRun, annotator: Annotator | None, is_signed_in: bool = False
) -> Step:
    """Tell what comes next for an annotator, or for a newcomer (None), in a run."""
    asked = {"annotator": None if annotator is None else annotator.pk}
    arrived = _arrive(run.slug, _BY_ID, asked, is_signed_in=is_signed_in)
    assert arrived is not None
    return arrived.step


def _arrive(
    slug: str, named: str, asked: Mapping[str, int | None], *, is_signed_in: bool
) -> Arrived | None:
    found = ask(_ARRIVE.format(annotator=named), {"run": slug, **asked, **today_here()})
    if not found:
        return None
    run, now, rest = read_look(found[0])
    annotator = _ANNOTATOR.take(rest)
    rest = rest[_ANNOTATOR.width :]
    progress = read_progress(rest[:N_COLUMNS], run, now)
    facts = _Facts(*rest[N_COLUMNS:-1])
    run.stored_rules.offered_reasons = [
        ReasonTag(id=int(pk), slug=slug, label_en=english, label_ja=japanese)
        for pk, slug, english, japanese in rest[-1]
    ]
    step = _step_of(annotator, run.stored_rules, facts, is_signed_in=is_signed_in)
    return Arrived(run, annotator, step, now, progress)


class _Facts(NamedTuple):
    """What was read of an annotator in a run."""

    is_instructed: bool
    has_practised: bool
    is_invited: bool
    has_consent: bool
    has_practice: bool


def _step_of(
    annotator: Annotator | None, rules: RatingRules, facts: _Facts, *, is_signed_in: bool
) -> Step:
    """Tell what comes next; a simulated annotator goes through every door."""
    if annotator is not None and annotator.kind == Annotator.Kind.SIMULATED:
        return Step.RATE
    has_account = is_signed_in or (annotator is not None and annotator.user_id is not None)
    if not _opens(rules.door, is_invited=facts.is_invited, has_account=has_account):
        return Step.DOOR
    is_welcomed = facts.is_instructed and facts.has_consent
    if annotator is None or not is_welcomed or not annotator.languages:
        return Step.WELCOME
    return Step.PRACTICE if facts.has_practice and not facts.has_practised else Step.RATE


def _opens(door: str, *, is_invited: bool, has_account: bool) -> bool:
    """Tell of one door what `runs_let_in` asks of many."""
    if door == Door.INVITATION or not has_account:
        return is_invited if door == Door.INVITATION else door == Door.OPEN
    return True


def participation_in(*, run: SelectionRun, annotator: Annotator | None) -> Participation | None:
    """Give how far the annotator has come in the run; None before the first step."""
    return Participation.objects.filter(run=run, annotator=annotator).first() if annotator else None


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
