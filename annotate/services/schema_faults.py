"""What a schema refuses, in words for whoever wrote it, each with its place."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from django.utils.translation import gettext as _
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from annotate.services.errors import Fault, names_like

MAX_SHOWN_CHARS = 80
MAX_DEPTH = 50
MAX_SHOWN_DEPTH = 5
Loc = tuple[int | str, ...]
_TOO_DEEP = "too_deep"


def refused_fields(schema: type[BaseModel], data: Mapping[str, Any]) -> list[tuple[Loc, Fault]]:
    """List what the schema or the database's texts and numbers cannot hold, by its place."""
    found = list(_unstorable(data))
    if is_too_deep(fault for _loc, fault in found):
        return found[-1:]
    try:
        schema.model_validate(data)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            loc = _place(data, each)
            context = each.get("ctx", {})
            found.append((loc, Fault(path_of(loc), _say(schema, each, loc), each["type"], context)))
    return found


def is_too_deep(faults: Iterable[Fault]) -> bool:
    """Tell whether the rest could not be read for what stands too deep."""
    return any(fault.kind == _TOO_DEEP for fault in faults)


def path_of(loc: Loc) -> str:
    """Write a place as `models.0.sampling.temperature`."""
    return ".".join(map(str, loc))


def _unstorable(data: Mapping[str, Any]) -> Iterator[tuple[Loc, Fault]]:
    """Find texts and numbers that are no JSON for PostgreSQL; end at what stands too deep."""
    waiting: list[tuple[Loc, Any]] = [((), data)]
    while waiting:
        loc, value = waiting.pop()
        if len(loc) > MAX_DEPTH:  # more than can be copied and written
            place = loc[:MAX_SHOWN_DEPTH]
            yield place, Fault(path_of(place), _("It is nested too deep."), _TOO_DEEP)
            return
        if isinstance(value, Mapping):
            waiting += [((*loc, str(key)), part) for key, part in value.items()]
            # Names of fields are asked at the place of the whole, for they cannot be shown.
            waiting += [(loc, str(key)) for key in value if not _is_text(str(key))]
        elif isinstance(value, list):
            waiting += [((*loc, number), part) for number, part in enumerate(value)]
        elif isinstance(value, str) and not _is_text(value):
            yield loc, Fault(path_of(loc), _("It holds a character that cannot be stored."))
        elif isinstance(value, float) and not math.isfinite(value):
            message = _("%(value)s is not a number that can be stored.")
            yield loc, Fault(path_of(loc), message % {"value": value})


def _is_text(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write
        return False


def _place(data: Any, error: ErrorDetails) -> Loc:
    """Give where the error is, without pydantic's words for the alternatives that it tried."""
    place: list[int | str] = []
    steps = error["loc"]
    for depth, step in enumerate(steps):
        is_there = (isinstance(data, Mapping) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        )
        if not is_there and depth < len(steps) - 1:
            continue
        if not is_there:
            return (*place, step) if error["type"] == "missing" else tuple(place)
        data = data[step]
        place.append(step)
    return tuple(place)


def _say(schema: type[BaseModel], error: ErrorDetails, loc: Loc) -> str:
    """Say a schema's error in words for whoever wrote it, and what would be right."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        known = names_like(str(loc[-1]), _fields_beside(schema, loc))
        return _("There is no such field here; there are %(known)s.") % {"known": known}
    if kind == "string_pattern_mismatch" and "a-zA-Z0-9_" not in context["pattern"]:
        message = _("%(value)s is not a language tag such as ja or en.")
    else:
        message = _words().get(kind, "")
    if not message:
        return error["msg"]
    return message % {"value": _show(error["input"]), **context}


def _words() -> dict[str, str]:
    """Give what pydantic's errors mean, by their names, in the reader's language."""
    whole, number = _("%(value)s is not a whole number."), _("%(value)s is not a number.")
    a_list = _("A list belongs here.")
    switch, table = _("%(value)s is neither true nor false."), _("A table of fields belongs here.")
    return {
        "missing": _("This is missing."),
        "greater_than_equal": _("%(value)s is too small: at least %(ge)s is right."),
        "greater_than": _("%(value)s is too small: more than %(gt)s is right."),
        "less_than_equal": _("%(value)s is too large: at most %(le)s is right."),
        "less_than": _("%(value)s is too large: less than %(lt)s is right."),
        "literal_error": _("%(value)s is not known here; right are: %(expected)s."),
        "int_type": whole, "int_parsing": whole, "int_from_float": whole,
        "int_parsing_size": whole, "float_type": number, "float_parsing": number,
        "bool_type": switch, "bool_parsing": switch,
        "string_type": _("%(value)s is not a text."),
        "list_type": a_list, "tuple_type": a_list,
        "dict_type": table, "model_type": table, "model_attributes_type": table,
        "too_short": _("At least %(min_length)s is needed here."),
        "too_long": _("At most %(max_length)s can stand here."),
        "string_too_short": _("It is empty."),
        "string_too_long": _("It is longer than %(max_length)s characters."),
        "string_pattern_mismatch": _(
            "%(value)s must be made of letters, digits, hyphens and underscores, at most 100."
        ),
    }  # fmt: skip


def _show(value: object) -> str:
    shown = f"“{value}”" if isinstance(value, str) else str(value)
    return shown if len(shown) <= MAX_SHOWN_CHARS else f"{shown[:MAX_SHOWN_CHARS]}…"


def _fields_beside(schema: type[BaseModel], loc: Loc) -> list[str]:
    """List the fields that can stand where an unknown one stands."""
    parts = [schema]
    for step in loc[:-1]:
        if isinstance(step, str):
            fields = [part.model_fields[step] for part in parts if step in part.model_fields]
            parts = [part for field in fields for part in _parts_in(field.annotation)]
    return list(dict.fromkeys(name for part in parts for name in part.model_fields))


def _parts_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the schemas that a field is made of, in a list or one of several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for kind in get_args(annotation):
        yield from _parts_in(kind)
