"""Read a plan from a form, a file or the API: all that is wrong in it is said at once."""

import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, get_args

from django.utils.translation import gettext as _
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from annotate.models import SelectionRun
from annotate.services.errors import Fault, PlanRefused, names_like
from annotate.services.launching.faults import find_faults
from annotate.services.plans import Plan

MAX_SHOWN_CHARS = 80
MAX_DEPTH = 50
MAX_SHOWN_DEPTH = 5
Loc = tuple[int | str, ...]


def read_plan(data: Mapping[str, Any], *, draft: SelectionRun | None = None) -> Plan:
    """Check a plan by its schema and by what is there to be asked, judged and named.

    Args:
        data: as TOML or JSON hold it; `annotate.services.plans.Plan` says what fits.
        draft: the draft that the plan is of, whose slug is not taken by itself.

    Raises:
        PlanRefused: with every fault, those of the schema first.
    """
    plan, faults = _read_fields(data)
    if plan is not None:
        known = {fault.path for fault in faults}
        faults += [fault for fault in find_faults(plan, draft=draft) if fault.path not in known]
    if plan is None or faults:
        raise PlanRefused(faults)
    return plan


def _read_fields(data: Mapping[str, Any]) -> tuple[Plan | None, list[Fault]]:
    """Read what can be read; None where what is wrong cannot be left out for the rest's sake."""
    found = {path_of(loc): fault for loc, fault in _refused_fields(data)}
    faults = list(found.values())
    if not faults:
        return Plan.model_validate(data), []
    rest = deepcopy(dict(data))
    for loc, _fault in _refused_fields(data):
        _leave_out(rest, loc)
    # Any name will do where there is none to be read: what else is wrong does not hang on it.
    rest.setdefault("slug", "unnamed")
    try:
        return Plan.model_validate(rest), faults
    except ValidationError:
        return None, faults


def _refused_fields(data: Mapping[str, Any]) -> list[tuple[Loc, Fault]]:
    """List what the schema or the database's texts and numbers cannot hold, by its place."""
    found = [(loc, Fault(path_of(loc), message)) for loc, message in _unstorable(data)]
    try:
        Plan.model_validate(data)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            loc = _place(data, each)
            context = each.get("ctx", {})
            found.append((loc, Fault(path_of(loc), _say(each, loc), each["type"], context)))
    return found


def path_of(loc: Loc) -> str:
    """Write a place as `models.0.sampling.temperature`."""
    return ".".join(map(str, loc))


def _unstorable(data: Mapping[str, Any]) -> Iterator[tuple[Loc, str]]:
    """Find texts and numbers that are no JSON for PostgreSQL, however deep they stand.

    Raises:
        PlanRefused: something stands too deep.
    """
    waiting: list[tuple[Loc, Any]] = [((), data)]
    while waiting:
        loc, value = waiting.pop()
        if len(loc) > MAX_DEPTH:  # more than can be copied and written
            place = path_of(loc[:MAX_SHOWN_DEPTH])
            raise PlanRefused([Fault(place, _("It is nested too deep."))])
        if isinstance(value, Mapping):
            waiting += [((*loc, str(key)), part) for key, part in value.items()]
            # Names of fields are asked at the place of the whole, for they cannot be shown.
            waiting += [(loc, str(key)) for key in value if not _is_text(str(key))]
        elif isinstance(value, list):
            waiting += [((*loc, number), part) for number, part in enumerate(value)]
        elif isinstance(value, str) and not _is_text(value):
            yield loc, _("It holds a character that cannot be stored.")
        elif isinstance(value, float) and not math.isfinite(value):
            yield loc, _("%(value)s is not a number that can be stored.") % {"value": value}


def _is_text(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write
        return False


def _place(data: Any, error: ErrorDetails) -> Loc:
    """Give where the error is, without pydantic's words for the alternatives that it tried."""
    place: list[int | str] = []
    for step in error["loc"]:
        is_there = (isinstance(data, Mapping) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        )
        if not is_there:
            return (*place, step) if error["type"] == "missing" else tuple(place)
        data = data[step]
        place.append(step)
    return tuple(place)


def _leave_out(data: Any, loc: Loc) -> None:
    """Remove the innermost named part that holds the place; lists keep their numbers."""
    names = [depth for depth, step in enumerate(loc) if isinstance(step, str)]
    for step in loc[: names[-1]] if names else ():
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return
    if names and isinstance(data, dict):
        data.pop(loc[names[-1]], None)


def _say(error: ErrorDetails, loc: Loc) -> str:
    """Say a schema's error in words for whoever wrote the plan, and what would be right."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        known = names_like(str(loc[-1]), _fields_beside(loc))
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
        "list_type": _("A list belongs here."),
        "dict_type": table, "model_type": table, "model_attributes_type": table,
        "too_short": _("At least %(min_length)s is needed here."),
        "string_too_short": _("It is empty."),
        "string_too_long": _("It is longer than %(max_length)s characters."),
        "string_pattern_mismatch": _(
            "%(value)s must be made of letters, digits, hyphens and underscores, at most 100."
        ),
    }  # fmt: skip


def _show(value: object) -> str:
    shown = f"“{value}”" if isinstance(value, str) else str(value)
    return shown if len(shown) <= MAX_SHOWN_CHARS else f"{shown[:MAX_SHOWN_CHARS]}…"


def _fields_beside(loc: Loc) -> list[str]:
    """List the fields that can stand where an unknown one stands."""
    part: Any = Plan
    for step in loc[:-1]:
        if isinstance(step, str):
            kind = part.model_fields[step].annotation
            kinds = [kind, *get_args(kind)]
            part = next(k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel))
    return list(part.model_fields)
