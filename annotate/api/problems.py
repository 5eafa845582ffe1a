"""What went wrong, as RFC 9457 says it: application/problem+json."""

import json
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from annotate.services.errors import PlanRefused, Refused

# Names of the kinds of problems that a program may want to tell apart.
PLAN_REFUSED = "urn:kurabe:problem:plan-refused"
REFUSED = "urn:kurabe:problem:refused"
NOT_READ = "urn:kurabe:problem:not-read"


class BodyNotRead(Exception):
    """What was sent is not JSON; the text says where it ends to be."""


def problem(status: int, detail: str, *, type_: str = "about:blank", **more: Any) -> HttpResponse:
    """Answer with a problem; `more` are members of its kind."""
    title = HTTPStatus(status).phrase
    content = {"type": type_, "title": title, "status": status, "detail": detail, **more}
    response = HttpResponse(
        json.dumps(content), status=status, content_type="application/problem+json"
    )
    response["Cache-Control"] = "no-store"
    return response


def add_handlers(api: NinjaAPI) -> None:
    """Let every error of an operation become a problem."""
    for kind, handler in _HANDLERS.items():
        api.add_exception_handler(kind, handler)


def no_such_address(request: HttpRequest, address: str) -> HttpResponse:
    """Refuse an address that the API does not have."""
    return problem(404, _("The API has no address /%(address)s.") % {"address": address})


def _say_refused(request: HttpRequest, error: Refused) -> HttpResponse:
    field = getattr(error, "field", "")
    more = {"field": field} if field else {}
    return problem(409, str(error), type_=REFUSED, reason=type(error).__name__, **more)


def _say_plan(request: HttpRequest, error: PlanRefused) -> HttpResponse:
    faults = [{"path": each.path, "message": each.message, "kind": each.kind}
              for each in error.faults]  # fmt: skip
    detail = _("The plan cannot be launched; “faults” says where and what would be right.")
    return problem(422, detail, type_=PLAN_REFUSED, faults=faults)


def _say_parameters(request: HttpRequest, error: ValidationError) -> HttpResponse:
    faults = [{"path": ".".join(map(str, each["loc"])), "message": each["msg"],
               "kind": each["type"]} for each in error.errors]  # fmt: skip
    is_body = any(each["path"].startswith("body.") for each in faults)
    detail = (
        _("A part of what was sent cannot be read; “faults” says which.")
        if is_body
        else _("A part of the address cannot be read; “faults” says which.")
    )
    return problem(422, detail, type_=NOT_READ, faults=faults)


def _say_http(request: HttpRequest, error: HttpError) -> HttpResponse:
    type_ = NOT_READ if error.status_code == HTTPStatus.BAD_REQUEST else "about:blank"
    return problem(error.status_code, str(error), type_=type_)


def say_stranger(request: HttpRequest, error: AuthenticationError | None = None) -> HttpResponse:
    """Ask for a token."""
    response = problem(401, _("Send a token that holds: Authorization: Bearer kurabe_..."))
    response["WWW-Authenticate"] = "Bearer"
    return response


def _say_missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem(404, str(error) or _("There is nothing of this name."))


def _say_too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return problem(413, _("More was sent than is read at once."), type_=NOT_READ)


def _say_not_read(request: HttpRequest, error: BodyNotRead) -> HttpResponse:
    return problem(400, str(error), type_=NOT_READ)


_HANDLERS: dict[type[Exception], Any] = {
    Refused: _say_refused,
    PlanRefused: _say_plan,
    ValidationError: _say_parameters,
    HttpError: _say_http,
    AuthenticationError: say_stranger,
    Http404: _say_missing,
    RequestDataTooBig: _say_too_big,
    BodyNotRead: _say_not_read,
}
