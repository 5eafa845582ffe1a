"""How volunteers rate in a run, as admins set it: one page of forms."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from annotate.forms import admin as forms_admin
from annotate.models import Invitation, RatingRules, SelectionRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import invitations, rules
from annotate.services.instructions import instructions_for
from annotate.views import known_answers
from annotate.views.form_pages import Part, Sent, find_last_change, list_forms, take_part

SAVED = _("Saved. It holds from now on; votes already cast stay as they are.")
ADDED = _("Added. Volunteers meet it from now on.")
PARTS = {
    "door": Part(forms_admin.DoorForm, rules.set_rules, SAVED, "door"),
    "questions": Part(forms_admin.QuestionsForm, rules.set_rules, SAVED, "questions"),
    "reason": Part(
        forms_admin.ReasonForm, rules.add_reason, _("Added, and offered in this run."), "questions"
    ),
    "care": Part(forms_admin.CareForm, rules.set_rules, SAVED, "care"),
    "instructions": Part(
        forms_admin.InstructionsForm, rules.set_rules, _("Saved."), "instructions"
    ),
    "invitation": Part(
        forms_admin.InvitationForm, invitations.create_invitation,
        _("The invitation is made. Send its address to those it is for."), "invitations",
    ),
    "revoke": Part(
        forms_admin.RevokeForm, invitations.revoke_invitation,
        _("Revoked: nobody else comes in by it. Who came by it stays."), "invitations",
    ),
    "written": Part(forms_admin.WrittenForm, known_answers.write, ADDED, "known"),
    "chosen": Part(forms_admin.ChosenForm, known_answers.choose, ADDED, "known"),
    "retire": Part(
        forms_admin.RetireForm, rules.retire_known,
        _("Retired: it is not shown any more. The answers given to it still tell."), "known",
    ),
}  # fmt: skip


@require_http_methods(["GET", "POST"])
@cache_control(no_store=True)
@role_required(Role.ADMIN)
def run_rating(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show the run's rules; take one of the page's forms, and show the page again."""
    run = get_object_or_404(SelectionRun, slug=slug)
    return take_part(request, run, PARTS, _show)


def _show(
    request: SignedInRequest,
    run: SelectionRun,
    sent: Sent,
    *,
    status: int = 200,
) -> HttpResponse:
    """Show every form, those that were sent with what is wrong in them."""
    context = {
        "run": run,
        "forms": list_forms(PARTS, run, sent),
        "faulty": [PARTS[name].section for name in sent],
        "notices": {each.extra_tags: each for each in messages.get_messages(request)},
        "address": request.build_absolute_uri(reverse("rate", args=[run.slug])),
        "house": _house_instructions(run),
        "invitations": _list_invitations(request, run),
        "last_change": find_last_change(run, "rating"),
        "known": known_answers.list_known(run),
        "lacks_gold": known_answers.lacks_gold(run),
        "choice": known_answers.choice_of(request, run),
    }
    return render(request, "runs/rating/page.html", context, status=status)


def _house_instructions(run: SelectionRun) -> dict[str, str]:
    """Give, by language, what volunteers read where an admin wrote nothing."""
    plain = RatingRules.of(run)
    plain.instructions_en = plain.instructions_ja = ""
    return {language: instructions_for(rules=plain, language=language) for language in ("en", "ja")}


@dataclass(frozen=True)
class InvitationRow:
    """An invitation, where it leads, and whether it still lets anybody in."""

    invitation: Invitation
    address: str
    came: int
    state: Any
    is_open: bool


def _list_invitations(request: SignedInRequest, run: SelectionRun) -> list[InvitationRow]:
    rows = run.invitations.annotate(came=Count("participations")).order_by("-id")
    return [
        InvitationRow(
            invitation=row,
            address=request.build_absolute_uri(reverse("invitation", args=[row.token])),
            came=row.came,
            state=_state(row),
            is_open=_state(row) is OPEN,
        )
        for row in rows
    ]


OPEN = _("open")


def _state(invitation: Any) -> Any:
    if invitation.revoked_at is not None:
        return _("revoked")
    if invitation.expires_at is not None and invitation.expires_at <= timezone.now():
        return _("expired")
    if invitation.admits_at_most is not None and invitation.came >= invitation.admits_at_most:
        return _("full")
    return OPEN
