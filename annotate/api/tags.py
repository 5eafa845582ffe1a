"""ETags: what somebody has already is not sent again, and what changed is not written over."""

import hashlib
from http import HTTPStatus
from typing import TypeVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import parse_etags

Response = TypeVar("Response", bound=HttpResponseBase)
# It may be kept by whoever asked, and has to be asked for again before each use.
ASK_AGAIN = "private, no-cache"


def strong_tag(name: str) -> str:
    """Make the ETag of something whose bytes never change under this name."""
    return f'"{name}"'


def unchanged(request: HttpRequest, tag: str) -> HttpResponse | None:
    """Give the answer 304 where this is what somebody has already; else None."""
    return get_conditional_response(request, etag=tag)


def tag_as(request: HttpRequest, tag: str) -> None:
    """Let the answer to a request have this tag, rather than one of its content."""
    request.tag = tag  # type: ignore[attr-defined]


def tag_content(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Tag what was read, by `tag_as` or by its content; 304 where it has not changed."""
    tag = getattr(request, "tag", None)
    if request.method != "GET" or response.status_code != HTTPStatus.OK:
        if tag is not None:
            response["ETag"] = tag
        return response
    if tag is None:
        tag = f'W/"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    marked(response, tag)
    return get_conditional_response(request, etag=tag, response=response) or response


def tag_meant(if_match: str) -> list[str]:
    """List what `If-Match` names, without quotes; [] where anything is meant.

    A proxy, or our own compression, makes strong tags weak; they name the same plan.
    """
    tags = parse_etags(if_match)
    return [] if tags == ["*"] else [tag.removeprefix("W/").strip('"') for tag in tags]


def marked(response: Response, tag: str) -> Response:
    """Write the tag into an answer."""
    response["ETag"] = tag
    response["Cache-Control"] = ASK_AGAIN
    return response
