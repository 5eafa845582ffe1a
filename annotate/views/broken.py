"""What a visitor sees when the site cannot answer: its own fault, or a database that is away."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.template import loader
from django.views.defaults import server_error

# The browser's queue of votes tries again by itself, sooner.
RETRY_AFTER_S = 10


def broken(request: HttpRequest) -> HttpResponse | HttpResponseServerError:
    """Answer for what a view raised: 503 where the database cannot be used, 500 for the rest.

    Django calls this while it handles the error. Neither page needs a database or a session.
    """
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return away(request)
    return server_error(request)


def away(request: HttpRequest) -> HttpResponse:
    """Ask to come again in a moment."""
    page = loader.get_template("503.html").render()
    headers = {"Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
    return HttpResponse(page, status=503, headers=headers)
