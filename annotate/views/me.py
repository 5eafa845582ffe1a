"""What the site keeps of whoever is at the page, and how to take it back."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotate.forms.arrival import LanguagesForm
from annotate.models import Annotator
from annotate.services import annotators, consent, errors
from annotate.views.languages import languages_asked, name_languages
from annotate.views.visitors import annotator_for, forget_annotator


@require_safe
@cache_control(no_store=True)
def me(request: HttpRequest) -> HttpResponseBase:
    """Show what is kept: consent, votes, languages, and the name on the board."""
    annotator = annotator_for(request)
    if annotator is None:
        return render(request, "me/nobody.html")
    given = consent.standing_consent(annotator)
    context = {
        "annotator": annotator,
        "form": _languages_form(annotator),
        "consent": given,
        "consent_text": given and given.text.text,
        "counted": consent.count_votes(annotator=annotator),
        "board_name_length": annotators.BOARD_NAME_LENGTH,
    }
    return render(request, "me/page.html", context)


@require_POST
def languages(request: HttpRequest) -> HttpResponseBase:
    """Take other languages that the annotator reads."""
    annotator = annotator_for(request)
    if annotator is None:
        return _to_me()
    form = _languages_form(annotator, request)
    if not form.is_valid():
        for fault in form.errors["languages"]:
            messages.error(request, fault)
        return _to_me()
    annotators.declare_languages(annotator=annotator, languages=form.cleaned_data["languages"])
    messages.info(request, _("Saved. You get comparisons in these languages from now on."))
    return _to_me()


@require_POST
def board(request: HttpRequest) -> HttpResponseBase:
    """Put the annotator on the board under a name, or take the name off it."""
    annotator = annotator_for(request)
    if annotator is None:
        return _to_me()
    if "leave" in request.POST:
        annotators.leave_board(annotator=annotator)
        messages.info(request, _("Your name is off the board."))
        return _to_me()
    try:
        annotators.join_board(annotator=annotator, name=request.POST.get("name", ""))
    except errors.NameRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.info(request, _("Your name is on the board."))
    return HttpResponseRedirect(_next(request), status=303)


@require_http_methods(["GET", "POST"])
@cache_control(no_store=True)
def take_back(request: HttpRequest) -> HttpResponseBase:
    """Say what taking the votes back does; do it when that is confirmed."""
    annotator = annotator_for(request)
    if annotator is None:
        return _to_me()
    if request.method == "GET":
        context = {"counted": consent.count_votes(annotator=annotator)}
        return render(request, "me/take_back.html", context)
    counted = consent.take_back(annotator=annotator)
    # Kept for the next page alone, so that its address tells nothing.
    request.session["taken_back"] = {"votes": counted.votes, "runs": counted.runs}
    response = HttpResponseRedirect(reverse("goodbye"), status=303)
    forget_annotator(response)
    return response


@require_safe
@cache_control(no_store=True)
def goodbye(request: HttpRequest) -> HttpResponseBase:
    """Say what has become of the votes."""
    counted = request.session.pop("taken_back", None)
    return render(request, "me/goodbye.html", {"counted": counted})


def _next(request: HttpRequest) -> str:
    """Give the page of ours that the form stood on."""
    page = request.POST.get("next", "")
    return page if url_has_allowed_host_and_scheme(page, allowed_hosts=None) else reverse("me")


def _to_me() -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("me"), status=303)


def _languages_form(annotator: Annotator, request: HttpRequest | None = None) -> LanguagesForm:
    """Offer the languages that runs ask for now, and those that the annotator has named."""
    return LanguagesForm(
        request and request.POST,
        languages=name_languages([*languages_asked(), *annotator.languages]),
        preferred=annotator.languages,
    )
