"""The form that plans a training: whom, on what, by which settings, and what follows.

The settings are `DpoRun`'s own fields: what fits is said by it alone, and comes back to the fields
here.
"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from annotate.forms.decision import ShareField
from annotate.models import Candidate, PreferenceDataset, SelectionRun
from annotate.services import errors
from annotate.services.exporting import Recipe, votes_of
from annotate.services.training_settings import CHOICES, FIELDS, NONE, shape_of, write_setting
from annotate.services.training_words import PRESETS, WORDS

# Settings that most trainings choose; the others are folded away.
BASIC = ("epochs", "learning_rate", "beta", "batch_size", "max_length", "lora_rank", "eval_share")
ADVANCED = tuple(name for name in WORDS if name not in BASIC)
VOTERS = [
    ("people", _("people’s, and simulated annotators’, who stand for people")),
    ("judges", _("LLM judges’")),
    ("together", _("both kinds’ together")),
]


class SettingField(forms.CharField):
    """A number, a text or a list of such; empty is as the preset says, and `none` is none."""

    def __init__(self, name: str) -> None:
        self.shape = shape_of(name)
        words = WORDS[name]
        attrs = {
            "placeholder": write_setting(FIELDS[name].default),
            "autocomplete": "off",
            "spellcheck": "false",
        }
        if self.shape.kind in (int, float) and not self.shape.is_list:
            attrs["class"] = "short"
        super().__init__(
            label=words.label, help_text=words.hint, required=False,
            widget=forms.TextInput(attrs=attrs),
        )  # fmt: skip

    def clean(self, value: Any) -> Any:
        """Read the value; None where it is empty."""
        text = super().clean(value)
        if text == "" or (text == NONE and self.shape.may_be_none):
            return text or None
        if not self.shape.is_list:
            return self._read(text)
        return tuple(self._read(part) for part in text.replace("、", ",").replace(",", " ").split())

    def _read(self, text: str) -> Any:
        try:
            return self.shape.kind(text)
        except ValueError as error:
            whole = self.shape.kind is int
            message = _("A whole number belongs here.") if whole else _("A number belongs here.")
            raise forms.ValidationError(message) from error


class TrainingForm(forms.Form):
    """Plan a training of one of a run's candidates."""

    base = forms.ChoiceField(label=_("Candidate to train"))
    dataset = forms.ChoiceField(
        label=_("Pairs"), required=False,
        help_text=_("Held-out prompts are never among them."),
    )  # fmt: skip
    voters = forms.ChoiceField(
        label=_("Whose votes"), choices=VOTERS, required=False, initial="people",
        help_text=_("For the votes of now alone."),
    )  # fmt: skip
    child_name = forms.CharField(
        label=_("Name of the new candidate"), required=False, max_length=200,
        help_text=_("Empty: the candidate’s, with a number. Volunteers never see it."),
    )  # fmt: skip
    preset = forms.ChoiceField(label=_("Preset"), required=False)
    opens_round = forms.BooleanField(
        label=_("Let the new candidate meet its parent in a next round"), required=False,
        initial=True,
        help_text=_("On held-out prompts where there are any, and with the run’s anchors."),
    )  # fmt: skip
    next_round_votes = forms.IntegerField(
        label=_("Votes of that round"), required=False, min_value=1,
        help_text=_("Empty: any number."),
    )  # fmt: skip
    gate_alpha = ShareField(
        label=_("It must win over its parent there: chance of an error, in percent at most"),
        low=0.0001, high=0.5, required=False,
        help_text=_(
            "5 is usual. A candidate that does not win takes part in no further round. Empty: it"
            " need not win."
        ),
    )  # fmt: skip

    def __init__(self, *args: Any, run: SelectionRun, **options: Any) -> None:
        super().__init__(*args, **options)
        self.use_required_attribute = False
        self.run = run
        self.bases = {str(each.pk): each for each in trainable(run)}
        self.datasets = {
            str(each.pk): each for each in run.datasets.filter(form=PreferenceDataset.Form.DPO)
        }
        _choose(self.fields["base"], [(pk, each.name) for pk, each in self.bases.items()])
        _choose(
            self.fields["dataset"],
            [("", gettext("the votes of now, exported anew")),
             *((pk, _tell_dataset(each)) for pk, each in self.datasets.items())],
        )  # fmt: skip
        presets = [(name, words.label) for name, words in PRESETS.items()]
        _choose(self.fields["preset"], [("", gettext("none")), *presets])
        for name in (*BASIC, *ADVANCED):
            self.fields[name] = _field_of(name)

    @property
    def basic(self) -> list[forms.BoundField]:
        """Give the settings that most trainings choose."""
        return [self[name] for name in BASIC]

    @property
    def advanced(self) -> list[forms.BoundField]:
        """Give the others."""
        return [self[name] for name in ADVANCED]

    @property
    def has_advanced(self) -> bool:
        """Tell whether one of those says something, or is refused."""
        return any(field.errors or field.value() for field in self.advanced)

    def read_plan(self) -> dict[str, Any]:
        """Give what `services.training` takes; the settings that are empty stay out."""
        given = self.cleaned_data
        wishes = {name: given[name] for name in FIELDS if given.get(name) not in (None, "")}
        return {
            "base": self.bases[given["base"]],
            "child_name": given["child_name"],
            "preset": given["preset"],
            "opens_round": given["opens_round"],
            "next_round_votes": given["next_round_votes"],
            "gate_alpha": given["gate_alpha"],
            **{name: None if value == NONE else value for name, value in wishes.items()},
        }

    @property
    def chosen_dataset(self) -> PreferenceDataset | None:
        """Give the dataset that was chosen; None is the votes of now."""
        return self.datasets.get(self.cleaned_data["dataset"])

    @property
    def recipe(self) -> Recipe:
        """Say how the votes of now become pairs."""
        return votes_of(self.run.slug, voters=self.cleaned_data["voters"] or "people")

    def refuse(self, refusal: errors.Refused) -> None:
        """Put a refusal to its field, or to the form where it has none."""
        field = getattr(refusal, "field", "")
        message = str(refusal)
        if field in self.fields:
            # It stands beside its field, whose own name says more than the setting's.
            message = message.removeprefix(f"{field}: ")
        self.add_error(field if field in self.fields else None, message)


def trainable(run: SelectionRun) -> list[Candidate]:
    """List the candidates of a run that have weights here."""
    with_weights = run.candidates.competing().exclude(engine=Candidate.Engine.IMPORTED)
    return list(with_weights.exclude(model="").order_by("-pk"))


def _choose(field: forms.Field, choices: Iterable[tuple[str, Any]]) -> None:
    assert isinstance(field, forms.ChoiceField)
    field.choices = list(choices)


def _field_of(name: str) -> forms.Field:
    words, shape = WORDS[name], shape_of(name)
    default = FIELDS[name].default
    if shape.kind is bool:
        yes, no = gettext("yes"), gettext("no")
        as_default = gettext("as the preset says, else %(default)s")
        return forms.TypedChoiceField(
            label=words.label, help_text=words.hint, required=False,
            choices=[("", as_default % {"default": yes if default else no}), ("1", yes), ("0", no)],
            coerce=lambda value: value == "1", empty_value=None,
        )  # fmt: skip
    if name in CHOICES and not shape.is_list:
        as_default = gettext("as the preset says, else %(default)s")
        told = write_setting(FIELDS[name].default)
        none = [(NONE, gettext("none"))] if shape.may_be_none else []
        return forms.ChoiceField(
            label=words.label, help_text=words.hint, required=False,
            choices=[("", as_default % {"default": gettext("none") if told == NONE else told}),
                     *none, *((value, value) for value in CHOICES[name])],
        )  # fmt: skip
    return SettingField(name)


def _tell_dataset(dataset: PreferenceDataset) -> str:
    said = ngettext(
        "#%(pk)s: %(n)s pair, made %(at)s", "#%(pk)s: %(n)s pairs, made %(at)s", dataset.n_pairs
    )
    at = date_format(dataset.created_at, "Y-m-d H:i")
    return said % {"pk": dataset.pk, "n": number_format(dataset.n_pairs), "at": at}
