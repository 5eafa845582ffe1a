"""Plans in the bodies of requests: read with all of their faults, and described by OpenAPI."""

import json
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from annotate.api.problems import BodyNotRead
from annotate.models import SelectionRun
from annotate.services import launching
from annotate.services.errors import Fault, PlanRefused
from annotate.services.plans import Plan

_REF = "#/components/schemas/{model}"
TAKES_PLAN: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": _REF.format(model="Plan")}}},
    }
}


def read_plan_of(request: HttpRequest, *, draft: SelectionRun | None = None) -> Plan:
    """Read the plan that was sent as JSON.

    Raises:
        BodyNotRead: it is not JSON.
        PlanRefused: it cannot be launched.
    """
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise BodyNotRead(_("This is not JSON: %(error)s") % {"error": error}) from error
    if not isinstance(data, dict):
        raise PlanRefused([Fault("", _("A table of fields belongs here."))])
    return launching.read_plan(data, draft=draft)


def plan_schemas() -> dict[str, Any]:
    """Describe a plan and its parts as JSON schemas, by their names."""
    schema = Plan.model_json_schema(ref_template=_REF)
    return {**schema.pop("$defs", {}), "Plan": schema}
