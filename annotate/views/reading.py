"""The three ways in which the rating page shows replies, and which one a reader has chosen."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString, mark_safe

from annotate.rendering import render_difference, render_plain, render_reply
from annotate.rendering.passages import (
    Alignment,
    Passage,
    align_plain,
    align_rendered,
    draw_passages,
)

COOKIE = "view"
COOKIE_AGE_S = 365 * 24 * 3600


class View(StrEnum):
    """How replies are shown; it says nothing of the comparison, and no vote depends on it."""

    RENDERED = "rendered"
    PLAIN = "plain"
    DIFFERENCES = "differences"


def chosen_view(request: HttpRequest) -> View:
    """Give the view that the address asks for, else the one chosen before."""
    for name in (request.GET.get("view"), request.COOKIES.get(COOKIE)):
        if name in set(View):
            return View(name)
    return View.RENDERED


def remember_view(request: HttpRequest, response: HttpResponse) -> None:
    """Keep a view that the address asked for in the browser, for the comparisons to come."""
    if request.GET.get("view") in set(View):
        response.set_cookie(
            COOKIE,
            chosen_view(request),
            max_age=COOKIE_AGE_S,
            httponly=True,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )


def show_plain(text: str) -> SafeString:
    """Give a text as it was written."""
    return mark_safe(render_plain(text))


def show_replies(left: str, right: str, *, view: View) -> tuple[SafeString, SafeString]:
    """Give two replies to the same turn as HTML, both in the same way."""
    if view is View.DIFFERENCES:
        shown = render_difference(left, right)
    elif view is View.PLAIN:
        shown = render_plain(left), render_plain(right)
    else:
        shown = render_reply(left), render_reply(right)
    return mark_safe(shown[0]), mark_safe(shown[1])


def align_reply(text: str, shown: str, *, view: View) -> Alignment:
    """Align a reply, as it is shown in a view, with its stored text."""
    return align_rendered(text, shown) if view is View.RENDERED else align_plain(text)


def mark_reply(text: str, shown: str, passages: Sequence[Passage], *, view: View) -> SafeString:
    """Draw passages of a stored reply into its HTML; what this view does not show is left out."""
    if not passages:
        return mark_safe(shown)
    alignment = align_reply(text, shown, view=view)
    found = [(each, alignment.to_drawn(each.start, each.end)) for each in passages]
    drawn = [replace(each, start=place[0], end=place[1]) for each, place in found if place]
    return mark_safe(draw_passages(shown, drawn))
