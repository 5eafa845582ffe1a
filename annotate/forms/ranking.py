"""What researchers ask a ranking of."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotate.models import Annotator, SelectionRun
from annotate.services.languages import language_name
from annotate.services.slices import SLICES, TOGETHER, known_values

SLICE_NAMES = {
    "language": _("Language"),
    "category": _("Category"),
    "turn": _("Turn"),
    "kind": _("Judged by"),
    "round": _("Round"),
}


class RankNow(forms.Form):
    """Of which votes a ranking is made, and whether each part of them gets its own."""

    def __init__(self, *args: Any, run: SelectionRun, **options: Any) -> None:
        super().__init__(*args, **options)
        self.run = run
        together = ("", _("no: one ranking of them all"))
        self.fields["by"] = forms.ChoiceField(
            label=_("A ranking for each"),
            choices=[together, *((name, SLICE_NAMES[name]) for name in SLICES)],
            required=False,
        )
        for name in SLICES:
            self.fields[name] = self._field(name)

    def _field(self, name: str) -> forms.TypedChoiceField:
        """Offer the values of a slice; an equals sign tells the empty category from no wish."""
        values = {f"={value}": value for value in known_values(run=self.run, name=name)}
        labels = [(key, label_of(name, value)) for key, value in values.items()]
        unasked = _("people, simulated ones too") if name == "kind" else _("any")
        return forms.TypedChoiceField(
            label=SLICE_NAMES[name],
            choices=[("", unasked), *labels],
            coerce=values.__getitem__,
            empty_value=None,
            required=False,
        )

    @property
    def by(self) -> str | None:
        """Give the slice of which each value gets a ranking."""
        return self.cleaned_data["by"] or None

    @property
    def filters(self) -> dict[str, Any]:
        """Give what votes must have to count."""
        wished = {name: self.cleaned_data[name] for name in SLICES}
        return {name: value for name, value in wished.items() if value is not None}


def label_of(name: str, value: Any) -> Any:
    """Name a value of a slice as people read it."""
    if name == "language":
        return language_name(value)
    if name == "kind" and value == TOGETHER:
        return _("people and LLM judges together")
    if name == "kind":
        return Annotator.Kind(value).label
    if name == "turn" and value == "overall":
        return _("the whole conversation")
    return str(value) or "–"
