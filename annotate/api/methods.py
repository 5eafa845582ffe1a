"""What every address does, whatever it is of: HEAD, methods that it does not know, and quotas."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from ninja.errors import AuthorizationError

from annotate.api.bearer import Bearer
from annotate.api.problems import (
    NOT_READ,
    PROBLEM,
    no_such_address,
    problem,
    say_stranger,
    say_too_many,
    say_wrong_method,
)
from annotate.models.tokens import TokenScope
from annotate.quotas import TooManyRequests

View = Callable[..., HttpResponseBase]
# What a library answers without words.
_WORDS: dict[int, Callable[[], str]] = {
    412: lambda: _("This is not what “If-Match” names any more; read it again."),
    416: lambda: _("The file has no bytes in this range; “Content-Range” says how many it has."),
}


def answer_every_method(view: View) -> View:
    """Answer HEAD as GET without a body, and every error as a problem."""

    @wraps(view)
    def answer(request: HttpRequest, **options: Any) -> HttpResponseBase:
        is_head = request.method == "HEAD"
        if is_head:
            request.method = "GET"
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            # PostgreSQL has no text with it, so nothing has such a name.
            message = _("An address holds no NUL.")
            response: HttpResponseBase = problem(400, message, type_=NOT_READ)
        else:
            response = _as_problem(request, _call(view, request, options))
        standing = getattr(request, "standing", None)
        if standing is not None:
            for header, value in standing.headers().items():
                response[header] = value
        if is_head:
            request.method = "HEAD"
            return _without_body(response)
        return response

    return answer


def _call(view: View, request: HttpRequest, options: dict[str, Any]) -> HttpResponseBase:
    try:
        return view(request, **options)
    except Http404:  # of the one address that is no operation: the API's own
        return ask_for_a_token(request) or no_such_address(request, "")


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Say in words what a library answers without any."""
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = response["Allow"].split(", ")
        if "GET" in allowed:
            allowed.append("HEAD")
        return ask_for_a_token(request) or say_wrong_method(sorted(allowed))
    words = _WORDS.get(response.status_code)
    if words is None or response["Content-Type"] == PROBLEM:
        return response
    refused = problem(response.status_code, words())
    for header in ("ETag", "Accept-Ranges", "Content-Range"):
        if header in response:
            refused[header] = response[header]
    return refused


def ask_for_a_token(request: HttpRequest) -> HttpResponse | None:
    """Tell strangers nothing, methods included."""
    try:
        return None if Bearer(TokenScope.READ)(request) else say_stranger(request)
    except AuthorizationError as error:
        return problem(403, str(error))
    except TooManyRequests as error:
        return say_too_many(request, error)


def _without_body(response: HttpResponseBase) -> HttpResponseBase:
    """Keep an answer's status and headers alone."""
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = []
    elif isinstance(response, HttpResponse):
        response["Content-Length"] = str(len(response.content))
        response.content = b""
    return response
