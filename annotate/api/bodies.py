"""Plans and recipes in the bodies of requests: read with all faults, and described by OpenAPI."""

import json
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from pydantic import BaseModel

from annotate.api.problems import BodyNotRead
from annotate.models import SelectionRun
from annotate.services import launching
from annotate.services.errors import Fault, PlanRefused, RecipeRefused
from annotate.services.exporting import Recipe, read_recipe
from annotate.services.plans import Plan

_REF = "#/components/schemas/{model}"


def _takes(model: str) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=model)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


TAKES_PLAN, TAKES_RECIPE = _takes("Plan"), _takes("Recipe")


def read_plan_of(request: HttpRequest, *, draft: SelectionRun | None = None) -> Plan:
    """Read the plan that was sent as JSON.

    Raises:
        BodyNotRead: it is not JSON.
        PlanRefused: it cannot be launched.
    """
    return launching.read_plan(_read_table(request, PlanRefused), draft=draft)


def read_recipe_of(request: HttpRequest) -> Recipe:
    """Read the recipe that was sent as JSON.

    Raises:
        BodyNotRead: it is not JSON.
        RecipeRefused: no dataset can be made so.
    """
    return read_recipe(_read_table(request, RecipeRefused))


def _read_table(
    request: HttpRequest, refused: type[PlanRefused] | type[RecipeRefused]
) -> dict[str, Any]:
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise BodyNotRead(_("This is not JSON: %(error)s") % {"error": error}) from error
    if not isinstance(data, dict):
        raise refused([Fault("", _("A table of fields belongs here."))])
    return data


def schemas_of(*models: type[BaseModel]) -> dict[str, Any]:
    """Describe models and their parts as JSON schemas, by their names."""
    described: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(ref_template=_REF)
        described |= {**schema.pop("$defs", {}), model.__name__: schema}
    return described
