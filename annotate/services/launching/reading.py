"""Read a plan from a form, a file or the API: all that is wrong in it is said at once."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from annotate.models import SelectionRun
from annotate.services.errors import Fault, PlanRefused
from annotate.services.launching.faults import find_faults
from annotate.services.plans import Plan
from annotate.services.schema_faults import Loc, is_too_deep, path_of, refused_fields


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
    refused = refused_fields(Plan, data)
    faults = list({path_of(loc): fault for loc, fault in refused}.values())
    if is_too_deep(faults):
        raise PlanRefused(faults)
    if not faults:
        return Plan.model_validate(data), []
    rest = deepcopy(dict(data))
    for loc, _fault in refused:
        _leave_out(rest, loc)
    # Any name will do where there is none to be read: what else is wrong does not hang on it.
    rest.setdefault("slug", "unnamed")
    try:
        return Plan.model_validate(rest), faults
    except ValidationError:
        return None, faults


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
