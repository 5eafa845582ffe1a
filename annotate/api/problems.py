"""What went wrong, as RFC 9457 says it: application/problem+json."""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from annotate.quotas import TooManyRequests
from annotate.services.errors import DraftChanged, Fault, PlanRefused, RecipeRefused, Refused

logger = logging.getLogger(__name__)

AWAY_RETRY_AFTER_S = 10
PROBLEM = "application/problem+json"
# Names of the kinds of problems that a program may want to tell apart.
PLAN_REFUSED = "urn:kurabe:problem:plan-refused"
RECIPE_REFUSED = "urn:kurabe:problem:recipe-refused"
REFUSED = "urn:kurabe:problem:refused"
NOT_READ = "urn:kurabe:problem:not-read"
ROWS_REFUSED = "urn:kurabe:problem:rows-refused"


class BodyNotRead(Exception):
    """What was sent is not JSON; the text says where it ends to be."""


class BodyTooLarge(Exception):
    """More was sent than is read at once; the text says how much that is."""


class NotAsked(Exception):
    """A part of the address cannot be what it is; `path` says which."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class RowsRefused(Exception):
    """Rows that were sent are wrong; `faults` says which, `n` how many there are in all.

    `counts` say what became of the others, before all were taken back; {}: none was looked at.
    """

    def __init__(
        self,
        faults: Sequence[Mapping[str, Any]],
        n: int,
        *,
        counts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(n)
        self.faults = faults
        self.n = n
        self.counts = counts or {}


def problem(status: int, detail: str, *, type_: str = "about:blank", **more: Any) -> HttpResponse:
    """Answer with a problem; `more` are members of its kind."""
    title = HTTPStatus(status).phrase
    content = {"type": type_, "title": title, "status": status, "detail": detail, **more}
    response = HttpResponse(json.dumps(content), status=status, content_type=PROBLEM)
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
    detail = _("The plan cannot be launched; “faults” says where and what would be right.")
    return problem(422, detail, type_=PLAN_REFUSED, faults=_tell(error.faults))


def _say_recipe(request: HttpRequest, error: RecipeRefused) -> HttpResponse:
    detail = _("No dataset can be made so; “faults” says where and what would be right.")
    return problem(422, detail, type_=RECIPE_REFUSED, faults=_tell(error.faults))


def _tell(faults: Sequence[Fault]) -> list[dict[str, str]]:
    return [{"path": each.path, "message": each.message, "kind": each.kind} for each in faults]


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


def say_wrong_method(allowed: Sequence[str]) -> HttpResponse:
    """Refuse a method that an address does not know."""
    message = _("This address knows %(methods)s alone.") % {"methods": ", ".join(allowed)}
    response = problem(405, message)
    response["Allow"] = ", ".join(allowed)
    return response


def say_too_many(request: HttpRequest, error: TooManyRequests) -> HttpResponse:
    standing = error.standing
    request.standing = standing  # type: ignore[attr-defined]
    told = {"quota": standing.quota, "seconds": standing.reset_s}
    if standing.policy == "token":
        message = _(
            "This token has made its %(quota)s requests of a minute; go on in %(seconds)s s."
        )
    else:
        message = _(
            "From this address came %(quota)s tokens in a minute that do not hold; try again in"
            " %(seconds)s s with one that does."
        )
    response = problem(429, message % told)
    response["Retry-After"] = str(standing.reset_s)
    return response


def _say_changed(request: HttpRequest, error: DraftChanged) -> HttpResponse:
    return problem(412, str(error), type_=REFUSED, reason="DraftChanged")


def _say_rows(request: HttpRequest, error: RowsRefused) -> HttpResponse:
    detail = ngettext(
        "%(n)s fault, so nothing was kept; “faults” says where and what would be right.",
        "%(n)s faults, so nothing was kept; “faults” says where and what would be right.",
        error.n,
    )
    return problem(
        422, detail % {"n": error.n}, type_=ROWS_REFUSED, n_faults=error.n, faults=error.faults,
        counts=error.counts,
    )  # fmt: skip


def _say_not_asked(request: HttpRequest, error: NotAsked) -> HttpResponse:
    detail = _("A part of the address cannot be read; “faults” says which.")
    faults = [{"path": error.path, "message": str(error), "kind": "value"}]
    return problem(422, detail, type_=NOT_READ, faults=faults)


def _say_too_large(request: HttpRequest, error: BodyTooLarge) -> HttpResponse:
    return problem(413, str(error), type_=NOT_READ)


def _say_missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem(404, str(error) or _("There is nothing of this name."))


def _say_too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return problem(413, _("More was sent than is read at once."), type_=NOT_READ)


def _say_not_read(request: HttpRequest, error: BodyNotRead) -> HttpResponse:
    return problem(400, str(error), type_=NOT_READ)


def _say_away(request: HttpRequest, error: Exception) -> HttpResponse:
    """Ask to come again: what was sent may be sent once more."""
    logger.warning("%s %s: %s", request.method, request.path, str(error).strip())
    answer = problem(503, _("The database cannot be reached just now; please send this again."))
    answer["Retry-After"] = str(AWAY_RETRY_AFTER_S)
    return answer


_HANDLERS: dict[type[Exception], Any] = {
    Refused: _say_refused,
    PlanRefused: _say_plan,
    RecipeRefused: _say_recipe,
    ValidationError: _say_parameters,
    HttpError: _say_http,
    AuthenticationError: say_stranger,
    Http404: _say_missing,
    RequestDataTooBig: _say_too_big,
    BodyNotRead: _say_not_read,
    BodyTooLarge: _say_too_large,
    NotAsked: _say_not_asked,
    RowsRefused: _say_rows,
    DraftChanged: _say_changed,
    TooManyRequests: say_too_many,
    OperationalError: _say_away,
    InterfaceError: _say_away,
}
