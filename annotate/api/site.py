"""The API as a whole: its routers, its errors, its description."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import register_converter
from ninja import NinjaAPI, Router
from ninja.errors import AuthorizationError
from ninja.openapi.schema import OpenAPISchema

from annotate.api import (
    datasets,
    exports,
    lineage,
    rankings,
    runs,
    steering,
    streams,
    texts,
    trainings,
)
from annotate.api.bearer import Bearer
from annotate.api.description import complete
from annotate.api.methods import answer_every_method
from annotate.api.once import answer_once
from annotate.api.problems import add_handlers, no_such_address, say_stranger
from annotate.api.tags import tag_content
from annotate.models.people import Role
from annotate.models.tokens import TokenScope
from annotate.permissions import has_role
from annotate.quotas import TooManyRequests


class Anything:
    """Whatever stands in an address, line breaks too, which Django's own `path` passes by."""

    regex = r"[\s\S]+"

    def to_python(self, value: str) -> str:
        """Give it as it is."""
        return value

    def to_url(self, value: str) -> str:
        """Give it as it is."""
        return value


register_converter(Anything, "anything")
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class KurabeApi(NinjaAPI):
    """An API whose reads can be asked for again cheaply, and whose description is whole."""

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """Begin an answer, which stays out of every cache where it is not tagged."""
        response = super().create_temporal_response(request)
        response["Cache-Control"] = "no-store"
        return response

    def create_response(self, request: HttpRequest, data: Any, **options: Any) -> HttpResponse:
        """Write an answer: where the next page is, and by what tag it is known again."""
        response = super().create_response(request, data, **options)
        following = getattr(request, "next_page", None)
        if following is not None:
            response["Link"] = f'<{following}>; rel="next"'
        return tag_content(request, response)

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """Describe the API by OpenAPI 3.1."""
        return complete(super().get_openapi_schema(**options))

    def _get_urls(self) -> list[Any]:
        """Let every address answer HEAD, and refuse other methods as all else is refused."""
        urls = super()._get_urls()
        for url in urls:
            url.callback = answer_every_method(answer_once(url.callback))
        return urls


def for_researchers(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Show the description to whoever may use the API, by token or as a signed-in researcher."""

    def guarded(request: HttpRequest, **options: Any) -> HttpResponse:
        try:
            may_read = Bearer(TokenScope.READ)(request) or has_role(request.user, Role.RESEARCHER)
        except (AuthorizationError, TooManyRequests) as error:
            return api.on_exception(request, error)
        return view(request, **options) if may_read else say_stranger(request)

    return guarded


# No page with documentation: those that ninja has load their scripts from other hosts.
api = KurabeApi(
    title="Kurabe",
    version="1",
    description="Runs, votes, rankings and datasets, for programs. docs/api.md has examples.",
    docs_url=None,
    docs_decorator=for_researchers,
    urls_namespace="api",
    auth=Bearer(TokenScope.READ),
)
add_handlers(api)
api.add_router("", runs.router, tags=["runs"])
api.add_router("", steering.router, tags=["steering"])
api.add_router("", trainings.router, tags=["trainings"])
api.add_router("", trainings.steering, tags=["trainings"])
api.add_router("", texts.router, tags=["texts"])
api.add_router("", rankings.router, tags=["rankings"])
api.add_router("", datasets.router, tags=["datasets"])
api.add_router("", exports.router, tags=["exports"])
api.add_router("", streams.router, tags=["exports"])
api.add_router("", lineage.router, tags=["lineage"])
# The last one: whatever has no address is refused as everything else is.
elsewhere = Router()
elsewhere.api_operation(METHODS, "/{anything:address}", include_in_schema=False)(no_such_address)
api.add_router("", elsewhere)
