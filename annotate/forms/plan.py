"""The launch form as a whole: parts and rows that make one plan, and take its faults back."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from annotate.forms.launch import PARTS, Config, PartForm
from annotate.forms.models import GridForm, ModelForm, change_rows, list_sent
from annotate.models import SelectionRun
from annotate.services import errors
from annotate.services.launching import read_plan
from annotate.services.plans import Plan

RUN = "run"
Rows = list[dict[str, str]]


def fresh_config() -> Config:
    """Give what a new run's form begins with: every default of the plan, and nothing chosen."""
    plan = Plan.model_validate({"slug": "new", "prompts": {"sets": ["any"]}, "models": [{}]})
    config = plan.to_config()
    return {**config, "slug": "", "prompts": {**config["prompts"], "sets": []}, "models": [{}, {}]}


class PlanForm:
    """Every field of a plan: filled from one, or as it was sent."""

    def __init__(
        self,
        sent: QueryDict | None,
        *,
        plan: Config,
        models: Rows | None = None,
        grid: Rows | None = None,
    ) -> None:
        self.parts: dict[str, PartForm] = {
            kind.part or RUN: kind(sent, plan=plan) for kind in PARTS
        }
        if sent is None:
            told = enumerate(plan["models"])
            self.models = [ModelForm(None, number=n, told=model) for n, model in told]
            points = enumerate(plan["grid"].items() or [("", [])])
            self.grid = [GridForm(None, number=n, told=point) for n, point in points]
        else:
            self.models = [ModelForm(row, number=n) for n, row in enumerate(models or [])]
            self.grid = [GridForm(row, number=n) for n, row in enumerate(grid or [])]
        self.faults: dict[str, list[str]] = {"plan": [], "models": [], "grid": []}

    @classmethod
    def of_sent(cls, sent: QueryDict, *, deed: str = "") -> "PlanForm":
        """Make the form as it was sent, with a row added, doubled or removed.

        Args:
            deed: such as `models.add` or `grid.remove.2`.
        """
        rows = {kind.kind: list_sent(kind, sent.dict()) for kind in (ModelForm, GridForm)}
        kind, _dot, what = deed.partition(".")
        what, _dot, number = what.partition(".")
        looked_at = None
        if kind in rows:
            place = int(number) if number.isdecimal() else 0
            looked_at = change_rows(rows[kind], deed=what, number=place)
        form = cls(sent, plan={}, **rows)
        if kind in rows and what in ("add", "double") and looked_at is not None:
            row = (form.models if kind == ModelForm.kind else form.grid)[looked_at]
            next(iter(row.fields.values())).widget.attrs["autofocus"] = True
        return form

    def read(self) -> Config:
        """Give the plan as it was filled in; what is empty or refused by its field stays out."""
        config = dict(self.parts[RUN].read())
        for name, part in self.parts.items():
            if name != RUN:
                config[name] = part.read()
        config["models"] = [row.read() for row in self._filled_models]
        config["grid"] = self._read_grid()
        return config

    @property
    def _filled_models(self) -> list[ModelForm]:
        return [row for row in self.models if not row.is_blank]

    def _read_grid(self) -> dict[str, list[Any]]:
        grid: dict[str, list[Any]] = {}
        for row in self.grid:
            name, values = row.read().get("parameter", ""), row.read_values()
            if name in grid:
                row.refuse("parameter", _("This parameter stands twice."))
            elif name:
                grid[name] = values
            elif values:
                row.refuse("parameter", _("Choose the parameter that has these values."))
        return grid

    def check(self, *, draft: SelectionRun | None = None) -> Plan | None:
        """Give the plan, or None: then every fault stands at its field."""
        try:
            plan = read_plan(self.read(), draft=draft)
        except errors.PlanRefused as refusal:
            self.refuse(refusal)
            return None
        return None if self.has_faults else plan

    def refuse(self, refusal: errors.PlanRefused) -> None:
        """Put every fault to its field."""
        filled = self._filled_models  # a field that was refused counts as blank from then on
        for fault in refusal.faults:
            self._refuse(fault, filled)

    def _refuse(self, fault: errors.Fault, filled: list[ModelForm]) -> None:
        first, *rest = fault.path.split(".")
        if first == ModelForm.kind and rest:
            filled[int(rest[0])].refuse(".".join(rest[1:]), fault.message)
        elif first == GridForm.kind and rest:
            self._refuse_in_grid(rest[0], fault.message)
        elif first in self.faults:
            self.faults[first].append(fault.message)
        else:
            path = rest if first in self.parts else [first]
            if not self.parts.get(first, self.parts[RUN]).refuse(path, fault.message):
                self.faults["plan"].append(str(fault))

    def _refuse_in_grid(self, name: str, message: str) -> None:
        for row in self.grid:
            if row.read().get("parameter") == name:
                row.refuse("values", message)
                return

    @property
    def has_faults(self) -> bool:
        """Tell whether anything is wrong."""
        every = [*self.parts.values(), *self.models, *self.grid]
        return any(self.faults.values()) or any(form.errors for form in every)


def config_like(config: Mapping[str, Any]) -> Config:
    """Give a plan's configuration as the beginning of another run's, which wants its own name."""
    return {**config, "slug": ""}
