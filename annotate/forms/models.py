"""The launch form's rows: models, and the grid of sampling parameters."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotate.forms.launch import GRID_PARAMETERS, Config, SettingsField
from annotate.generation.presets import PRESETS
from annotate.models import Prompt
from annotate.models.candidates import Engine, Origin, PromptFormat
from annotate.services.languages import language_name

MAX_ROWS = 200
OWN = ("", _("none: a model of your own"))
AS_PRESET = ("", _("as the preset says"))
ENGINES = [("", "–"), *((e.value, e.label) for e in Engine if e != Engine.IMPORTED)]
ORIGINS = [o for o in Origin.choices if o[0] != Origin.WRITTEN]
SYSTEM = "system_"


class RowForm(forms.Form):
    """One of several rows that can be added and removed."""

    kind = ""

    def __init__(self, data: Mapping[str, str] | None, *, number: int, **options: Any) -> None:
        prefix = f"{self.kind}-{number}"
        bound = None if data is None else {f"{prefix}-{name}": v for name, v in data.items()}
        super().__init__(bound, prefix=prefix, **options)
        self.use_required_attribute = False
        self.number = number

    @property
    def is_blank(self) -> bool:
        """Tell whether nobody wrote anything here."""
        return not self.read()

    def read(self) -> Config:
        """Give the row as a plan holds it; what is empty or refused stays out."""
        self.is_valid()
        kept = {n: v for n, v in self.cleaned_data.items() if v not in (None, "", False)}
        return {name: value for name, value in kept.items() if not name.startswith(SYSTEM)}

    def refuse(self, name: str, message: str) -> None:
        """Put a fault to its field, or to the row where it has none."""
        where = name if name in self.fields else None
        if where is None or where not in self.errors:
            self.add_error(where, message)


class ModelForm(RowForm):
    """A model. What its preset says holds where a field is empty."""

    kind = "models"
    preset = forms.ChoiceField(
        label=_("Preset"), required=False, choices=[OWN, *((name, name) for name in PRESETS)]
    )
    model = forms.CharField(
        label=_("Model"), required=False, help_text=_("A folder, or an id on a hub.")
    )
    name = forms.CharField(
        label=_("Name of its candidates"),
        required=False,
        help_text=_("Empty: the preset’s or the model’s. Volunteers never see it."),
    )
    engine = forms.ChoiceField(label=_("Engine"), required=False, choices=ENGINES)
    engine_options = SettingsField(
        label=_("Engine options"),
        help_text=_("A line each, such as dtype = bfloat16, or JSON."),
    )
    sampling = SettingsField(
        label=_("Sampling of its own"),
        help_text=_("A line each, such as temperature = 0.7; the grid goes before it."),
    )
    is_anchor = forms.BooleanField(
        label=_("Anchor: stays in every round, and takes no part in the grid"), required=False
    )
    revision = forms.CharField(label=_("Revision"), required=False)
    prompt_format = forms.ChoiceField(
        label=_("Prompt format"), required=False, choices=[AS_PRESET, *PromptFormat.choices]
    )
    tokenizer = SettingsField(
        label=_("Tokenizer"), help_text=_("use_fast and add_special_tokens: true or false.")
    )
    licence = forms.CharField(label=_("Licence"), required=False)
    origin = forms.ChoiceField(label=_("Origin"), required=False, choices=[AS_PRESET, *ORIGINS])
    no_system = forms.BooleanField(label=_("Leave the preset’s system texts out"), required=False)
    basic = ("preset", "model", "name", "engine", "engine_options", "sampling", "is_anchor")

    def __init__(
        self, data: Mapping[str, str] | None, *, told: Config | None = None, **options: Any
    ) -> None:
        told = told or {}
        system = told.get("system")
        initial = {**told, "no_system": system == {}}
        initial |= {f"{SYSTEM}{tag}": text for tag, text in (system or {}).items()}
        super().__init__(data, initial=initial, **options)
        self.fields["preset"].widget.attrs |= _asks_what_it_says(self.number)
        named = [name for name in (data or initial) if name.startswith(SYSTEM)]
        for name in dict.fromkeys([*(f"{SYSTEM}{tag}" for tag in languages_asked()), *named]):
            self.fields[name] = _system_field(name.removeprefix(SYSTEM))

    def read(self) -> Config:
        """Give the model as a plan holds it."""
        row = super().read()
        system = {
            name.removeprefix(SYSTEM): text
            for name, text in self.cleaned_data.items()
            if name.startswith(SYSTEM) and text
        }
        if system or row.pop("no_system", False):
            row["system"] = system
        return row

    def refuse(self, name: str, message: str) -> None:
        """Put a fault to its field; one of `system.ja` to the text of that language."""
        first, _dot, rest = name.partition(".")
        if first == "system":
            super().refuse(f"{SYSTEM}{rest}", message)
        else:
            super().refuse(first, f"{rest}: {message}" if rest else message)

    @property
    def shown(self) -> list[forms.BoundField]:
        """Give the fields that every model wants."""
        return [self[name] for name in self.basic]

    @property
    def more(self) -> list[forms.BoundField]:
        """Give the fields that only some models want."""
        return [self[name] for name in self.fields if name not in self.basic]

    @property
    def has_more(self) -> bool:
        """Tell whether one of those fields says something, or is refused."""
        return any(field.errors or field.value() for field in self.more)

    @property
    def chosen(self) -> Any:
        """Give the preset that stands in the row, if any."""
        return PRESETS.get(str(self["preset"].value() or ""))


def _asks_what_it_says(number: int) -> dict[str, str]:
    """Have htmx fetch what a chosen preset says, and nothing else of the page."""
    place = f"#says-{number}"
    return {
        "hx-post": "", "hx-trigger": "change", "hx-vals": '{"do": "models.look"}',
        "hx-target": place, "hx-select": place, "hx-swap": "outerHTML",
    }  # fmt: skip


def _system_field(tag: str) -> forms.CharField:
    label = gettext("System text, %(language)s") % {"language": language_name(tag)}
    attrs = {"rows": 2, "lang": tag}
    return forms.CharField(
        label=label, required=False, strip=False, widget=forms.Textarea(attrs=attrs)
    )


def languages_asked() -> list[str]:
    """List the languages of all prompts, with the site's two first."""
    tags = Prompt.objects.order_by("language").values_list("language", flat=True).distinct()
    return list(dict.fromkeys(["ja", "en", *tags]))


class GridForm(RowForm):
    """A sampling parameter, and the values that every model is tried with."""

    kind = "grid"
    parameter = forms.ChoiceField(
        label=_("Parameter"), required=False,
        choices=[("", "–"), *((name, name) for name in GRID_PARAMETERS)],
    )  # fmt: skip
    values = forms.CharField(
        label=_("Values"), required=False, help_text=_("Such as 0.1, 0.4, 0.7, 1.0")
    )

    def __init__(
        self, data: Mapping[str, str] | None, *, told: tuple[str, list[Any]] | None = None,
        **options: Any,
    ) -> None:  # fmt: skip
        name, values = told or ("", [])
        initial = {"parameter": name, "values": ", ".join(map(str, values))}
        super().__init__(data, initial=initial, **options)

    def read_values(self) -> list[Any]:
        """Give the values; what is no number stays a text, which the plan refuses."""
        text = self.read().get("values", "").replace("、", ",").replace("，", ",")
        return [_read_number(part.strip()) for part in text.split(",") if part.strip()]


def _read_number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def list_sent(kind: type[RowForm], sent: Mapping[str, str]) -> list[dict[str, str]]:
    """Read what was sent, row by row, by the names of its fields."""
    rows: dict[int, dict[str, str]] = {}
    for key, value in sent.items():
        first, _dash, rest = key.partition("-")
        number, _dash, name = rest.partition("-")
        if first == kind.kind and number.isdecimal() and len(number) < 10 and name:
            rows.setdefault(int(number), {})[name] = value
    return [rows[number] for number in sorted(rows)][:MAX_ROWS]


def change_rows(rows: list[dict[str, str]], *, deed: str, number: int) -> int:
    """Add a row after all, or remove or double one; give the row to look at next."""
    if deed == "add" and len(rows) < MAX_ROWS:
        rows.append({})
        return len(rows) - 1
    if deed == "double" and number < len(rows) < MAX_ROWS:
        rows.insert(number + 1, {**rows[number], "name": ""})
        return number + 1
    if deed == "remove" and number < len(rows):
        del rows[number]
    return max(0, min(number, len(rows) - 1))
