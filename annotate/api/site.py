"""The API as a whole: its routers, its errors, its description."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Router
from ninja.errors import AuthorizationError
from ninja.openapi.schema import OpenAPISchema

from annotate.api import runs, steering, trainings
from annotate.api.bearer import Bearer
from annotate.api.bodies import plan_schemas
from annotate.api.problems import add_handlers, no_such_address, problem, say_stranger
from annotate.models.people import Role
from annotate.models.tokens import TokenScope
from annotate.permissions import has_role

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class KurabeApi(NinjaAPI):
    """An API whose answers stay out of every cache, and whose description knows plans."""

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """Begin an answer."""
        response = super().create_temporal_response(request)
        response["Cache-Control"] = "no-store"
        return response

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """Describe the API by OpenAPI 3.1."""
        schema = super().get_openapi_schema(**options)
        schema["components"]["schemas"] |= plan_schemas()
        return schema


def for_researchers(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Show the description to whoever may use the API, by token or as a signed-in researcher."""

    def guarded(request: HttpRequest, **options: Any) -> HttpResponse:
        try:
            may_read = Bearer(TokenScope.READ)(request) or has_role(request.user, Role.RESEARCHER)
        except AuthorizationError as error:
            return problem(403, str(error))
        return view(request, **options) if may_read else say_stranger(request)

    return guarded


# No page with documentation: those that ninja has load their scripts from other hosts.
api = KurabeApi(
    title="Kurabe",
    version="1",
    description="Launch, watch and steer candidate selection runs. docs/api.md has examples.",
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
# The last one: whatever has no address is refused as everything else is.
elsewhere = Router()
elsewhere.api_operation(METHODS, "/{path:address}", include_in_schema=False)(no_such_address)
api.add_router("", elsewhere)
