"""The description of the API by OpenAPI: what no single operation says of itself."""

from typing import Any

from ninja.openapi.schema import OpenAPISchema

from annotate.api.bodies import schemas_of
from annotate.api.writing import ROWS
from annotate.services.exporting import Recipe
from annotate.services.plans import Plan

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong, as RFC 9457 says it; docs/api.md lists the kinds.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reason": {"type": "string"},
        "field": {"type": "string"},
        "faults": {"type": "array", "items": {"type": "object"}},
        "n_faults": {"type": "integer"},
    },
}
_REFUSED = {
    "description": "It went wrong; the body says what, and what would be right.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_NOT_MODIFIED = {"description": "It is what `If-None-Match` names."}


def complete(schema: OpenAPISchema) -> OpenAPISchema:
    """Describe problems beside every answer, and bodies that have schemas of their own."""
    schema["components"]["schemas"] |= {**schemas_of(Plan, Recipe, *ROWS), "Problem": _PROBLEM}
    for methods in schema["paths"].values():
        for method, operation in methods.items():
            if method == "get":
                operation["responses"].setdefault("304", _NOT_MODIFIED)
            operation["responses"].setdefault("default", _REFUSED)
    return schema
