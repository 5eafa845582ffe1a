"""The way in: a run's welcome page, and its invitations."""

import uuid
from typing import Any

from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from annotate.forms.arrival import WelcomeForm
from annotate.models import Annotator, Invitation, RatingRules, SelectionRun
from annotate.models.rules import Door
from annotate.services import arrival, consent, errors
from annotate.services.arrival import Step
from annotate.services.instructions import instructions_for
from annotate.views.counts import is_finished
from annotate.views.languages import languages_of, preferred_languages
from annotate.views.visitors import annotator_for, lead_to, remember_annotator


@require_http_methods(["GET", "POST"])
@cache_control(no_store=True)
def welcome(request: HttpRequest, run: str) -> HttpResponseBase:
    """Tell newcomers what they are asked to do and what becomes of it, and take them in."""
    selection_run = get_object_or_404(SelectionRun, slug=run)
    annotator = annotator_for(request)
    step = _next_step(request, selection_run, annotator)
    if step is Step.DOOR or (request.method == "POST" and step is not Step.WELCOME):
        return lead_to(step, request, selection_run)
    return _welcome(request, selection_run, annotator)


@require_http_methods(["GET", "POST"])
@cache_control(no_store=True)
def invitation(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show the welcome page of the run that a link invites to; Start joins it."""
    invitation = get_object_or_404(Invitation.objects.select_related("run"), token=token)
    run, annotator = invitation.run, annotator_for(request)
    step = _next_step(request, run, annotator)
    # Who was let in before needs no link, and a run whose door has changed leads to that.
    if step is not Step.DOOR or RatingRules.of(run).door != Door.INVITATION:
        return HttpResponseRedirect(reverse("rate", args=[run.slug]))
    try:
        arrival.find_invitation(token=token)
    except errors.InvitationRefused as refusal:
        return _refuse(request, run, refusal)
    return _welcome(request, run, annotator, invitation_token=token)


def _next_step(request: HttpRequest, run: SelectionRun, annotator: Annotator | None) -> Step:
    return arrival.next_step(
        run=run, annotator=annotator, is_signed_in=request.user.is_authenticated
    )


def _welcome(
    request: HttpRequest,
    run: SelectionRun,
    annotator: Annotator | None,
    *,
    invitation_token: str = "",
) -> HttpResponseBase:
    """Show the welcome page with what is not known yet; take the answer to it."""
    if is_finished(run) and arrival.participation_in(run=run, annotator=annotator) is None:
        return render(request, "arrival/run_ended.html", {"run": run})
    form = WelcomeForm(
        request.POST or None,
        languages=languages_of(run),
        preferred=preferred_languages(request),
        asks_languages=annotator is None or not annotator.languages,
    )
    refused = ""
    if request.method == "POST" and form.is_valid():
        if _are_too_many(request, annotator):
            return render(request, "arrival/too_many.html", {"run": run}, status=429)
        try:
            annotator = arrival.start(
                run=run,
                annotator=annotator,
                user=request.user if request.user.is_authenticated else None,
                text_version=form.cleaned_data["version"],
                languages=form.cleaned_data["languages"],
                invitation_token=invitation_token,
                newcomer=form.cleaned_data["newcomer"],
            )
        except errors.InvitationRefused as refusal:
            return _refuse(request, run, refusal)
        except errors.ConsentOutdated as refusal:
            refused = str(refusal)
        else:
            return _lead_on(request, run, annotator)
    context = _welcome_context(run, annotator) | {
        "form": form,
        "refused": refused,
        "newcomer": form.data.get("newcomer") or uuid.uuid4(),
    }
    return render(request, "arrival/welcome.html", context, status=400 if form.errors else 200)


def _are_too_many(request: HttpRequest, annotator: Annotator | None) -> bool:
    """Tell whether somebody makes newcomers by the hundred; nobody known is ever stopped."""
    if annotator is not None or request.user.is_authenticated:
        return False
    return not ratelimit.consume(request, action="start")


def _welcome_context(run: SelectionRun, annotator: Annotator | None) -> dict[str, Any]:
    """Give the texts of the welcome page in the reader's language."""
    text, rules = consent.newest_text(), RatingRules.of(run)
    language = get_language()
    participation = arrival.participation_in(run=run, annotator=annotator)
    agreed = annotator is not None and consent.has_consent(annotator)
    instructed = participation is not None and participation.instructed_at is not None
    return {
        "run": run,
        "annotator": annotator,
        "text": text,
        "consent": text.text,
        "asks_consent": not agreed,
        "is_new_version": annotator is not None
        and not agreed
        and consent.standing_consent(annotator) is not None,
        "instructions": instructions_for(rules=rules, language=language or "en"),
        "is_instructed": instructed,
    }


def _lead_on(request: HttpRequest, run: SelectionRun, annotator: Annotator) -> HttpResponseBase:
    """Lead somebody who pressed Start to what comes next, with a cookie where no account is."""
    step = _next_step(request, run, annotator)
    response = lead_to(step, request, run)
    if not request.user.is_authenticated:
        remember_annotator(response, annotator)
    return response


def _refuse(request: HttpRequest, run: SelectionRun, refusal: errors.Refused) -> HttpResponseBase:
    """Say why an invitation lets nobody in."""
    context = {"run": run, "reason": str(refusal)}
    return render(request, "arrival/invitation_refused.html", context, status=403)
