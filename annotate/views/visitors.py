"""Who is at the page: a signed-in account, or somebody known by a signed cookie."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from annotate.models import Annotator, RatingRules, SelectionRun
from annotate.models.rules import Door
from annotate.services import arrival
from annotate.services.arrival import Arrived, Step
from annotate.views.pace import refuse_haste

COOKIE = "annotator"
COOKIE_SALT = "kurabe.annotator"
COOKIE_AGE_S = 365 * 24 * 3600
VolunteerView = Callable[..., HttpResponseBase]


class HtmxRequest(HttpRequest):
    """A request behind django-htmx's middleware, as views may take it."""

    htmx: HtmxDetails


def annotator_for(request: HttpRequest) -> Annotator | None:
    """Give who votes from this browser: the account's annotator, else the signed cookie's."""
    if request.user.is_authenticated:
        return Annotator.objects.filter(user=request.user).first()
    key = _in_cookie(request)
    person = Annotator.objects.filter(pk=key, user=None, kind=Annotator.Kind.PERSON)
    return None if key is None else person.first()


def arrive(request: HttpRequest, run: str) -> Arrived:
    """Tell who is at the pages of a run, and what comes next for them.

    Raises:
        Http404: there is no such run.
    """
    user = request.user.pk if request.user.is_authenticated else None
    cookie = _in_cookie(request) if user is None else None
    arrived = arrival.arrive(run=run, user=user, annotator=cookie)
    if arrived is None:
        raise Http404
    return arrived


def _in_cookie(request: HttpRequest) -> int | None:
    """Read the id in the signed cookie; None where there is none that holds."""
    key = request.get_signed_cookie(COOKIE, default=None, salt=COOKIE_SALT, max_age=COOKIE_AGE_S)
    return int(key) if key is not None and key.isdecimal() else None


def remember_annotator(response: HttpResponse, annotator: Annotator) -> None:
    """Let the browser keep who it is, signed, for a year."""
    response.set_signed_cookie(
        COOKIE,
        str(annotator.pk),
        salt=COOKIE_SALT,
        max_age=COOKIE_AGE_S,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def forget_annotator(response: HttpResponse) -> None:
    """Take the signed cookie out of the browser."""
    response.delete_cookie(COOKIE, samesite="Lax")


def arrived_page(view: VolunteerView) -> VolunteerView:
    """Let only annotators who may rate in a run see a page; lead others to what comes before.

    The view is called with what is known of both: `view(request, arrived, ...)`.
    """

    @wraps(view)
    def guarded(
        request: HttpRequest, run: str, *args: object, **kwargs: object
    ) -> HttpResponseBase:
        arrived = arrive(request, run)
        if arrived.step is not Step.RATE:
            return lead_to(arrived.step, request, arrived.run)
        refusal = None
        if request.method == "POST" and arrived.annotator is not None:
            refusal = refuse_haste(request, arrived.run, arrived.annotator)
        return refusal or view(request, arrived, *args, **kwargs)

    return guarded


def volunteer_page(view: VolunteerView) -> VolunteerView:
    """Guard a page likewise; the view is called as `view(request, run, annotator, ...)`."""

    @wraps(view)
    def called(
        request: HttpRequest, arrived: Arrived, *args: object, **kwargs: object
    ) -> HttpResponseBase:
        return view(request, arrived.run, arrived.annotator, *args, **kwargs)

    return arrived_page(called)


def lead_to(step: Step, request: HttpRequest, run: SelectionRun) -> HttpResponseBase:
    """Answer with the way to a step: a redirect, or words where the door is shut."""
    if step is Step.DOOR:
        return at_the_door(request, run)
    names = {Step.WELCOME: "welcome", Step.PRACTICE: "practice", Step.RATE: "rate"}
    return redirect_whole_page(request, reverse(names[step], args=[run.slug]))


def at_the_door(request: HttpRequest, run: SelectionRun) -> HttpResponseBase:
    """Ask a stranger to sign in, or say that the run is by invitation."""
    if RatingRules.of(run).door == Door.INVITATION:
        return render(request, "arrival/by_invitation.html", {"run": run}, status=403)
    # A POST or a fragment is no page to come back to.
    is_page = request.method == "GET" and not request.htmx  # type: ignore[attr-defined]
    back = request.get_full_path() if is_page else reverse("rate", args=[run.slug])
    return redirect_whole_page(request, redirect_to_login(back, resolve_url("login")).url)


def redirect_whole_page(request: HttpRequest, address: str) -> HttpResponseBase:
    """Redirect; htmx would put the page behind a plain redirect into a corner of this one."""
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(address)
    return HttpResponseRedirect(address)
