"""How volunteers rate in a run, as admins set it: one page of forms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import BadRequest
from django.db.models import Count
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from annotate import forms_admin
from annotate.models import Invitation, RatingRules, SelectionRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import errors, invitations, rules
from annotate.services.instructions import instructions_for
from annotate.views import known_answers


@dataclass(frozen=True)
class Part:
    """A form of the page, the service it calls, and what the page says then, in which section."""

    form: type[forms_admin.RunForm | forms_admin.RulesForm]
    act: Callable[..., Any]
    notice: Any
    section: str


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
    if request.method == "GET":
        return _show(request, run, {})
    name = request.POST.get("part", "")
    if name not in PARTS:
        raise BadRequest(f"no part of the page is called {name!r}")
    part = PARTS[name]
    form = part.form(request.POST, run=run, auto_id=f"{name}-%s")
    if form.is_valid():
        try:
            part.act(run=run, by=request.user, **form.cleaned_data)
        except errors.RulesRefused as refusal:
            form.add_error(refusal.field, str(refusal))
        except errors.GoldRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, part.notice, extra_tags=part.section)
            return HttpResponseRedirect(f"{request.path}#{part.section}", status=303)
    return _show(request, run, {name: form}, status=400)


def _show(
    request: SignedInRequest,
    run: SelectionRun,
    sent: Mapping[str, forms.BaseForm],
    *,
    status: int = 200,
) -> HttpResponse:
    """Show every form, those that were sent with what is wrong in them."""
    unsent = {
        name: part.form(run=run, auto_id=f"{name}-%s")
        for name, part in PARTS.items()
        if name not in sent
    }
    context = {
        "run": run,
        "forms": unsent | dict(sent),
        "faulty": [PARTS[name].section for name in sent],
        "notices": {each.extra_tags: each for each in messages.get_messages(request)},
        "address": request.build_absolute_uri(reverse("rate", args=[run.slug])),
        "house": _house_instructions(run),
        "invitations": _list_invitations(request, run),
        "last_change": _last_change(run),
        "known": known_answers.list_known(run),
        "lacks_gold": known_answers.lacks_gold(run),
        "choice": known_answers.choice_of(request, run),
    }
    return render(request, "runs/rating/page.html", context, status=status)


def _last_change(run: SelectionRun) -> LogEntry | None:
    """Give who changed the rules last, and when; None where nobody has."""
    table = ContentType.objects.get_for_model(RatingRules)
    entries = LogEntry.objects.filter(content_type=table, object_id=str(run.pk))
    return entries.select_related("user").order_by("-action_time", "-pk").first()


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
