"""The launch form: fields that become a plan's parts, and a plan that becomes fields.

The fields say what they are about; what fits is said by the plan's one schema alone
(`services.launching.read_plan`), whose faults come back to the fields here.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.db.models import Count
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from annotate.forms.admin import DOORS, PercentField
from annotate.forms.decision import POLICIES, ShareField
from annotate.generation.sampling import Sampling
from annotate.models import Judge, PromptSet, Round
from annotate.models.judges import TemplateUse
from annotate.services.decisions import LARGEST_ALPHA, SMALLEST_ALPHA, SMALLEST_EPSILON

Config = dict[str, Any]
GRID_PARAMETERS = (*Sampling.FLOAT_RANGES, *Sampling.INTEGER_LOWEST)
LEAVING = [
    ("beaten", _("whoever is beaten by proof, at the chance of an error set above")),
    ("top", _("all but the strongest, so many as stand below")),
    ("none", _("nobody")),
]
SCOPES = [
    (Round.Scope.ALL, _("on all prompts")),
    (Round.Scope.TRAINING, _("on prompts that are not held out")),
    (Round.Scope.HELD_OUT, _("on held-out prompts alone")),
]


class SettingsRefused(ValueError):
    """A text of settings cannot be read; the text says which line and why."""


def read_settings(text: str) -> Config:
    """Read `name = value` lines, or one JSON object; a value is JSON, or else a plain text.

    Raises:
        SettingsRefused: a line has no equals sign, a name stands twice, or the JSON is broken.
    """
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise SettingsRefused(gettext("This is not JSON: %(why)s") % {"why": error}) from error
    settings: Config = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, sign, value = (part.strip() for part in line.partition("="))
        if not sign or not name:
            message = gettext("Line %(n)s: “%(line)s” is not name = value.")
            raise SettingsRefused(message % {"n": number, "line": line.strip()})
        if name in settings:
            message = gettext("Line %(n)s: “%(name)s” stands twice.")
            raise SettingsRefused(message % {"n": number, "name": name})
        settings[name] = _read_value(value)
    return settings


def _read_value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def write_settings(settings: Mapping[str, Any]) -> str:
    """Write settings as lines that `read_settings` reads as the same."""
    return "\n".join(f"{name} = {_write_value(value)}" for name, value in settings.items())


def _write_value(value: Any) -> str:
    is_plain = isinstance(value, str) and value == value.strip() and value.isprintable()
    if is_plain and value and _read_value(value) == value:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


class SettingsField(forms.CharField):
    """Settings of any names, a line each."""

    def __init__(self, **options: Any) -> None:
        attrs = {"rows": 3, "spellcheck": "false", "class": "code-lines"}
        super().__init__(required=False, widget=forms.Textarea(attrs=attrs), **options)

    def clean(self, value: Any) -> Any:
        """Read the lines; none are None."""
        try:
            return read_settings(super().clean(value)) or None
        except SettingsRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal

    def prepare_value(self, value: Any) -> Any:
        """Write settings as lines; what somebody typed stays as it was typed."""
        return write_settings(value) if isinstance(value, Mapping) else value


def _whole(label: Any, *, least: int = 0, **options: Any) -> forms.CharField:
    """Make a field whose number the plan's schema reads: a text here."""
    widget = forms.NumberInput(attrs={"min": least, "step": 1})
    return forms.CharField(label=label, required=False, widget=widget, **options)


class PartForm(forms.Form):
    """A part of the plan. A field that is empty or refused stays out, and has its default."""

    part = ""

    def __init__(self, data: Any = None, *, plan: Mapping[str, Any], **options: Any) -> None:
        self.told = plan.get(self.part, {}) if self.part else plan
        initial = {name: self.told[name] for name in self.base_fields if name in self.told}
        super().__init__(data, prefix=self.part or None, initial=initial, **options)
        self.use_required_attribute = False

    def read(self) -> Config:
        """Give the part as a plan holds it."""
        self.is_valid()
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if value is not None and value != ""
        }

    def refuse(self, path: Sequence[str], message: str) -> bool:
        """Put a fault to its field; False where there is no such field."""
        name = path[0] if path else ""
        if name not in self.fields:
            return False
        if name not in self.errors:
            self.add_error(name, message)
        return True


class RunForm(PartForm):
    """What the run is called."""

    slug = forms.CharField(
        label=_("Name in addresses and commands"),
        required=False,
        help_text=_("Letters, digits, hyphens and underscores, such as shisa-7b-release."),
    )
    title = forms.CharField(label=_("Title"), required=False)
    seed = _whole(
        _("Seed"),
        help_text=_("The same seed makes the same completions and holds out the same prompts."),
    )


class PromptsForm(PartForm):
    """What the candidates are asked."""

    part = "prompts"
    sets = forms.MultipleChoiceField(
        label=_("Prompt sets"), required=False, widget=forms.CheckboxSelectMultiple
    )
    samples = _whole(
        _("Samples per prompt"),
        least=1,
        help_text=_("Completions that each candidate makes to each prompt."),
    )
    held_out_share = PercentField(
        label=_("Held-out prompts, in percent at least"),
        required=False,
        help_text=_("Votes on these never train a model, so that progress is measured fairly."),
    )
    scope = forms.ChoiceField(label=_("The first round compares"), choices=SCOPES, required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        sets = PromptSet.objects.annotate(n=Count("prompts")).order_by("slug")
        told = [(each.slug, _tell_set(each.slug, each.n)) for each in sets]
        # A set that a draft names and that is gone by now can still be seen and left out.
        gone = [slug for slug in self.told.get("sets", []) if slug not in dict(told)]
        self.fields["sets"].choices = told + [(slug, slug) for slug in gone]
        self.has_sets = bool(told)

    def read(self) -> Config:
        """Give the part; no set chosen is a fault of the plan's, not of the form's."""
        return {"sets": [], **super().read()}


def _tell_set(slug: str, n_prompts: int) -> str:
    said = ngettext("%(slug)s (%(n)s prompt)", "%(slug)s (%(n)s prompts)", n_prompts)
    return said % {"slug": slug, "n": n_prompts}


class PairingForm(PartForm):
    """Which pair is compared next."""

    part = "pairing"
    policy = forms.ChoiceField(
        label=_("Which two candidates"), choices=POLICIES, widget=forms.RadioSelect, required=False
    )
    epsilon = ShareField(
        label=_("Pairs that are drawn blindly all the same, in percent"),
        low=SMALLEST_EPSILON,
        high=1,
        required=False,
        help_text=_("For the adaptive policy alone. 20 is usual."),
    )
    warm_up = _whole(
        _("Comparisons of every candidate before the policy adapts"),
        help_text=_("For the adaptive policy alone. 5 to 10 is usual."),
    )
    votes_per_pair = _whole(_("People who judge the same two answers"), least=1)


class StoppingForm(PartForm):
    """When a round has its answer, and what it may cost."""

    part = "stopping"
    stops_early = forms.BooleanField(
        label=_("Stop a round as soon as its answer is there"), required=False
    )
    alpha = ShareField(
        label=_("Chance of a wrong answer that you accept, in percent"),
        low=SMALLEST_ALPHA,
        high=LARGEST_ALPHA,
        required=False,
        help_text=_("5 is usual. A smaller chance of an error takes more votes."),
    )
    delta = forms.CharField(
        label=_("Difference that does not matter, in log strength"),
        required=False,
        widget=forms.NumberInput(attrs={"min": 0, "step": "any"}),
        help_text=_("Empty: the one best candidate is looked for. 0.2 is a win rate of 55 %."),
    )
    votes_per_language = _whole(
        _("Votes in each language, at least"), help_text=_("0: no minimum.")
    )
    votes = _whole(
        _("Budget: votes of a round, at most"),
        least=1,
        help_text=_("Empty: a round goes on until it stops or is closed."),
    )


class RoundsForm(PartForm):
    """How many rounds there are, and who leaves."""

    part = "rounds"
    at_most = _whole(
        _("Rounds, at most"), least=1, help_text=_("The last one decides who has won.")
    )
    leave = forms.ChoiceField(label=_("After each round leaves"), choices=LEAVING, required=False)
    keep = _whole(_("Candidates that stay, where the strongest stay"), least=2)
    anchors_only = forms.BooleanField(
        label=_("Candidates meet anchors alone"),
        required=False,
        help_text=_("As in a benchmark: every comparison has an anchor on one side."),
    )


class JudgesForm(PartForm):
    """Which LLM judges compare, too."""

    part = "judges"
    slugs = forms.MultipleChoiceField(
        label=_("LLM judges"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Their votes never count among people’s; rankings show them apart."),
    )
    comparisons = _whole(_("Comparisons of each judge in a round"))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        judges = Judge.objects.filter(template__use=TemplateUse.PAIR).order_by("slug")
        there = [(judge.slug, f"{judge.slug} ({judge.model})") for judge in judges]
        gone = [slug for slug in self.told.get("slugs", []) if slug not in dict(there)]
        self.fields["slugs"].choices = there + [(slug, slug) for slug in gone]
        self.has_judges = bool(there)


class RatingForm(PartForm):
    """How volunteers come in."""

    part = "rating"
    door = forms.ChoiceField(
        label=_("Door"), choices=DOORS, widget=forms.RadioSelect, required=False
    )
    leaves_out_maker_names = forms.BooleanField(
        label=_("Leave out answers that say who made them"), required=False
    )
    judges_each_turn = forms.BooleanField(
        label=_("Ask about each turn of a conversation"), required=False
    )


class GenerationForm(PartForm):
    """How the work is cut."""

    part = "generation"
    shards = _whole(
        _("Parts of each candidate’s work"),
        least=1,
        help_text=_("Each part is one job on one worker; several workers share a candidate."),
    )


PARTS: tuple[type[PartForm], ...] = (
    RunForm, PromptsForm, PairingForm, StoppingForm, RoundsForm, JudgesForm, RatingForm,
    GenerationForm,
)  # fmt: skip
