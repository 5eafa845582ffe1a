"""What every request goes through: it gets an id, a line in the log, and is counted."""

import logging
import re
import secrets
import time
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from annotate.logs import REQUEST_ID
from annotate.services.request_counts import count_request

HEADER = "X-Request-ID"
# Of a proxy: letters, digits and a few signs; anything else is not believed, and replaced.
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{7,63}")
# Asked every few seconds by machines; a line says so only when something is wrong.
PROBES = frozenset({"healthz", "readyz", "metrics"})

logger = logging.getLogger("annotate.requests")


class RequestMiddleware:
    """Outermost, so that its time is the whole and its id stands in every line.

    Nothing here touches the database.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request, count it, and say so; the answer of a stream ends after that."""
        told = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = told if _WELL_FORMED.fullmatch(told) else secrets.token_hex(8)
        mark = REQUEST_ID.set(request_id)
        started = time.perf_counter()
        try:
            response = self.get_response(request)
            seconds = time.perf_counter() - started
            view = _view_of(request)
            count_request(view, request.method or "", response.status_code, seconds)
            _write_line(request, view, response.status_code, seconds)
        finally:
            REQUEST_ID.reset(mark)
        response[HEADER] = request_id
        return response


def _view_of(request: HttpRequest) -> str:
    """Give the name of the page that was asked for: never its address, which may hold names."""
    match = request.resolver_match
    if match is not None:
        return match.view_name or "unnamed"
    return "static" if request.path_info.startswith("/static/") else "none"


def _write_line(request: HttpRequest, view: str, status: int, seconds: float) -> None:
    is_quiet = status < 400 and (view == "static" or view in PROBES)
    level = logging.ERROR if status >= 500 else logging.DEBUG if is_quiet else logging.INFO
    if logger.isEnabledFor(level):
        ms = round(1000 * seconds, 1)
        said = {"method": request.method, "view": view, "path": request.path, "status": status}
        logger.log(
            level, "%s %s %s %s ms", request.method, status, view, ms, extra={**said, "ms": ms}
        )
