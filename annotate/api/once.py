"""A request that is sent again because its answer was lost: `Idempotency-Key` gives that answer.

The answer is kept in the transaction in which the request did its work, so that a kill leaves both
or neither; whoever sends the key meanwhile waits for it. A training exports votes first, which in a
transaction would hold voting up: there the answer is kept right after the work.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.core.cache import cache
from django.db import InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from annotate.api.methods import ask_for_a_token
from annotate.api.problems import NOT_READ, problem

View = Callable[..., HttpResponseBase]
KEY_HEADER = "Idempotency-Key"
MAX_KEY_CHARS = 200
KEPT_S = 24 * 60 * 60
# What says nothing of the request's work, and may be otherwise a moment later.
PASSING = {401, 403, 408, 429}
HOLD_IN_ONE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
HOLD = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"
RELEASE = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"


@dataclass(frozen=True)
class Kept:
    """An answer, and what was asked."""

    asked: str
    status: int
    headers: dict[str, str]
    content: bytes


def answer_once(view: View) -> View:
    """Do the work of a POST with an `Idempotency-Key` once in 24 hours, for each token."""

    @wraps(view)
    def answer(request: HttpRequest, **options: Any) -> HttpResponseBase:
        key = request.headers.get(KEY_HEADER, "")
        if request.method != "POST" or not key:
            return view(request, **options)
        if len(key) > MAX_KEY_CHARS:
            message = _("An “Idempotency-Key” has %(n)s characters at most.")
            return problem(400, message % {"n": MAX_KEY_CHARS}, type_=NOT_READ)
        return _answer_once(view, request, key, options)

    return answer


def _answer_once(
    view: View, request: HttpRequest, key: str, options: dict[str, Any]
) -> HttpResponseBase:
    # By the token, so that nobody gets what somebody else was told.
    token = request.headers.get("Authorization", "")
    name = hashlib.sha256(f"{token}\n{key}".encode()).hexdigest()
    asked = f"{request.get_full_path()} {request.headers.get('Content-Length', '')}"
    is_long = request.path.endswith("/trainings")
    with _in_turn(name) if is_long else _in_one(name):
        kept: Kept | None = cache.get(f"once:{name}")
        if kept is not None:
            return ask_for_a_token(request) or _again(kept, asked)
        response = view(request, **options)
        if response.status_code >= 500:
            if not is_long:
                transaction.set_rollback(True)
        elif response.status_code not in PASSING and isinstance(response, HttpResponse):
            headers = dict(response.items())
            kept = Kept(asked, response.status_code, headers, response.content)
            cache.set(f"once:{name}", kept, KEPT_S)
    return response


def _again(kept: Kept, asked: str) -> HttpResponse:
    if kept.asked != asked:
        message = _("This “Idempotency-Key” came with another request; take a new one for each.")
        return problem(422, message, type_=NOT_READ)
    response = HttpResponse(kept.content, status=kept.status)
    for header, value in kept.headers.items():
        response[header] = value
    return response


@contextmanager
def _in_one(name: str) -> Iterator[None]:
    """Let requests with one key take turns, each in one transaction."""
    with transaction.atomic():
        _call(HOLD_IN_ONE, name)
        yield


@contextmanager
def _in_turn(name: str) -> Iterator[None]:
    """Let requests with one key take turns, without a transaction."""
    _call(HOLD, name)
    try:
        yield
    finally:
        with suppress(OperationalError, InterfaceError):  # whose lock has gone with the connection
            _call(RELEASE, name)


def _call(statement: str, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [f"once:{name}"])
