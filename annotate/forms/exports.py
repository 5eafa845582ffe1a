"""The export form: fields that become a recipe, and a recipe that becomes fields.

What fits is said by the recipe's one schema (`services.exporting.recipe`), whose faults come back
to the fields here. What a form of rows has no use for is hidden, and is not sent on.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.db.models import Count
from django.http import QueryDict
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from annotate.forms.decision import ShareField
from annotate.forms.models import RowForm, change_rows, list_sent
from annotate.models import PreferenceSet, SelectionRun
from annotate.models.datasets import DatasetForm
from annotate.services.errors import Fault
from annotate.services.exporting import Recipe

Config = dict[str, Any]
RUN, PAIRS = "run", "pairs"
FORMS_OF_VOTES = (DatasetForm.VOTES, DatasetForm.ARENA)
VOTERS = [
    ("people", _("people, and simulated annotators, who stand for people")),
    ("judges", _("LLM judges")),
    ("together", _("both as one crowd")),
]
METHODS = [
    (
        "majority",
        _("Majority: the reply that more of the votes on the two prefer. The plainest."),
    ),
    (
        "reliability",
        _(
            "Reliability: votes count by how well each annotator agrees with the others. Needs"
            " several annotators who judged the same pairs."
        ),
    ),
    (
        "strength",
        _(
            "Strength: by the strength of each reply, fitted to all votes on its prompt. It also"
            " gives pairs that nobody compared directly."
        ),
    ),
]
ENDINGS = [
    (".jsonl", _("JSONL: one JSON object a line, what trainings here read")),
    (".parquet", _("Parquet: small, with typed columns")),
    (".csv", _("CSV: for spreadsheets; lists are JSON in their cells")),
    (".zip", _("ZIP: a folder that load_dataset opens, with the card")),
]
BALANCE = [
    ("language", _("language: as many rows of each")),
    ("category", _("category: as many rows of each")),
    ("length", _("length: the chosen reply is the longer one as often as the shorter one")),
]
WEIGHT = {"min": 0, "max": 1000, "step": "any"}
OWN = ("voters", "round", "weight", "max_pairs")


def _number(label: Any, *, least: int = 0, step: str = "1", **options: Any) -> forms.CharField:
    """Make a field whose number the recipe's schema reads: a text here."""
    widget = forms.NumberInput(attrs={"min": least, "step": step})
    return forms.CharField(label=label, required=False, widget=widget, **options)


def _weight() -> forms.CharField:
    return forms.CharField(
        label=_("Weight of each row"), required=False, widget=forms.NumberInput(attrs=WEIGHT)
    )


class MixForm(RowForm):
    """A further source: votes of a run, or imported pairs."""

    kind = "mix"
    source = forms.ChoiceField(label=_("Source"), required=False)
    voters = forms.ChoiceField(
        label=_("Whose votes"), choices=VOTERS, required=False,
        help_text=_("Imported pairs have no votes."),
    )  # fmt: skip
    weight = _weight()
    max_pairs = _number(_("Rows, at most"), least=1, help_text=_("Empty: all."))

    def __init__(
        self, data: Mapping[str, str] | None, *, choices: Iterable[Any], **options: Any
    ) -> None:
        super().__init__(data, **options)
        field = self.fields["source"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(choices)

    def read(self) -> Config:
        """Give the source as a recipe holds it; nothing where none is chosen."""
        row = super().read()
        kind, _colon, slug = row.pop("source", "").partition(":")
        voters = row.pop("voters", "people")
        if not slug:
            return {}
        if kind == PAIRS:
            return {"preference_set": slug, **row}
        return {"run": slug, "voters": voters, **row}

    def refuse(self, name: str, message: str) -> None:
        """Put a fault to its field; what a source is called by is chosen in one."""
        super().refuse("source" if name in ("run", "preference_set") else name, message)


class ChoicesForm(forms.Form):
    """All that a recipe says beside the sources that are mixed in."""

    # Not "form": a control of that name hides the form of its form from scripts.
    row_form = forms.ChoiceField(
        label=_("What a row is"), choices=DatasetForm.choices, widget=forms.RadioSelect
    )
    base = forms.ChoiceField(
        label=_("Candidate whose prompt format renders the texts"), required=False
    )
    voters = forms.ChoiceField(label=_("Whose votes"), choices=VOTERS, widget=forms.RadioSelect)
    round = forms.ChoiceField(label=_("Votes of"), required=False)
    method = forms.ChoiceField(
        label=_("How votes become pairs"), choices=METHODS, widget=forms.RadioSelect, required=False
    )
    min_votes = _number(
        _("Votes for either side that a pair needs"), least=1,
        help_text=_("Draws and “both bad” are none of them, and never make a pair."),
    )  # fmt: skip
    margin = _number(_("By how many of them one side must lead"), least=1)
    min_probability = ShareField(
        label=_("Chance that the chosen reply is the better one, in percent at least"),
        low=0.5, high=1, required=False,
    )  # fmt: skip
    weight = _weight()
    max_pairs = _number(_("Rows, at most"), least=1, help_text=_("Empty: all."))
    max_pairs_per_prompt = _number(
        _("Pairs of one prompt, at most"), least=1,
        help_text=_("The surest stay. Empty: all."),
    )  # fmt: skip
    leave_out_leaked = forms.BooleanField(
        label=_("Leave out replies that slip into another language"), required=False
    )
    leave_out_flagged = forms.BooleanField(
        label=_("Leave out replies that name their maker, or were reported"), required=False
    )
    near_equal = ShareField(
        label=_("Leave out texts that are nearly equal, from a similarity in percent of"),
        low=0.01, high=1, required=False,
        help_text=_("95 is usual. Empty: only texts that are equal are left out."),
    )  # fmt: skip
    balance = forms.MultipleChoiceField(
        label=_("Balance by"), choices=BALANCE, required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    test_share = ShareField(
        label=_("Prompts kept to test on, in percent"), low=0, high=0.99, required=False,
        help_text=_("A prompt is in one part alone, with every row on it."),
    )  # fmt: skip
    test_annotator_share = ShareField(
        label=_("Annotators kept to test on, in percent"), low=0, high=0.99, required=False,
        help_text=_("Their votes are never behind rows to train on."),
    )  # fmt: skip
    seed = _number(_("Seed"), help_text=_("The same seed draws the same prompts and rows."))
    ending = forms.ChoiceField(
        label=_("Kind of file"), choices=ENDINGS, widget=forms.RadioSelect, required=False,
        help_text=_("The others can be had later from the dataset’s page."),
    )  # fmt: skip

    # What the forms of votes have no use for, by section of the page.
    PAIRS_ALONE = (
        "method", "min_votes", "margin", "min_probability", "max_pairs", "max_pairs_per_prompt",
        "leave_out_leaked", "leave_out_flagged", "near_equal", "balance", "weight",
    )  # fmt: skip

    def __init__(self, data: Any, *, run: SelectionRun, told: Mapping[str, Any]) -> None:
        super().__init__(data, initial=_initial(told))
        self.use_required_attribute = False
        bases = run.candidates.competing().exclude(prompt_format="").order_by("pk")
        names = list(bases.values_list("name", flat=True))
        self._choose("base", [("", "–"), *((name, name) for name in names)])
        numbers = run.rounds.order_by("number").values_list("number", flat=True)
        one = gettext("round %(n)s alone")
        self._choose(
            "round", [("", gettext("all rounds")), *((str(n), one % {"n": n}) for n in numbers)]
        )

    def _choose(self, name: str, choices: Iterable[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(choices)

    def read(self) -> Config:
        """Give what was chosen; what is empty, refused or of no use to the form stays out."""
        self.is_valid()
        kept = {n: v for n, v in self.cleaned_data.items() if v not in (None, "", False, [])}
        idle: set[str] = {"ending"}
        if "row_form" in kept:
            kept["form"] = kept.pop("row_form")
        form = kept.get("form")
        if form in FORMS_OF_VOTES:
            idle.update(self.PAIRS_ALONE)
        if form == DatasetForm.RANKING:
            idle.add("method")
        if form != DatasetForm.DPO_STANDARD:
            idle.add("base")
        return {name: value for name, value in kept.items() if name not in idle}


class ExportForm:
    """Every choice of an export: filled from a recipe, or as it was sent."""

    def __init__(
        self,
        sent: QueryDict | None,
        *,
        run: SelectionRun,
        told: Mapping[str, Any] | None = None,
        rows: list[dict[str, str]] | None = None,
    ) -> None:
        self.run = run
        told = told or Recipe.model_validate({"sources": [{"run": run.slug}]}).to_filters()
        self.choices = ChoicesForm(sent, run=run, told=told)
        offered = _offer_sources(run)
        if rows is None:
            rows = [_row_of(source) for source in told["sources"][1:]]
        self.mix = [
            MixForm(row or {"weight": "1"}, number=number, choices=offered)
            for number, row in enumerate(rows)
        ]
        self.faults: list[str] = []

    @classmethod
    def of_sent(cls, sent: QueryDict, *, run: SelectionRun, deed: str = "") -> "ExportForm":
        """Make the form as it was sent, with a source added or removed.

        Args:
            deed: such as `mix.add` or `mix.remove.2`.
        """
        rows = list_sent(MixForm, sent.dict())
        kind, _dot, what = deed.partition(".")
        what, _dot, number = what.partition(".")
        if kind == MixForm.kind:
            change_rows(rows, deed=what, number=int(number) if number.isdecimal() else 0)
        return cls(sent, run=run, rows=rows)

    @property
    def ending(self) -> str:
        """Give the kind of file that is wanted."""
        return self.choices.cleaned_data.get("ending") or ".jsonl"

    def read(self) -> Config:
        """Give what was filled in as `read_recipe` takes it."""
        chosen = self.choices.read()
        home = {"run": self.run.slug}
        home |= {name: chosen.pop(name) for name in OWN if name in chosen}
        mixed = [] if chosen.get("form") in FORMS_OF_VOTES else self._filled
        return {**chosen, "sources": [home, *(row.read() for row in mixed)]}

    @property
    def _filled(self) -> list[MixForm]:
        return [row for row in self.mix if row.read()]

    @property
    def has_faults(self) -> bool:
        """Tell whether anything is wrong."""
        return bool(self.faults) or any(form.errors for form in (self.choices, *self.mix))

    def refuse(self, faults: Iterable[Fault]) -> None:
        """Put every fault of a recipe to its field."""
        for fault in faults:
            first, *rest = fault.path.split(".")
            first = "row_form" if first == "form" else first
            if first == "sources" and rest:
                self._refuse_source(int(rest[0]), rest[1] if rest[1:] else "", fault)
            elif first in self.choices.fields:
                self._refuse_choice(first, fault.message)
            else:
                self.faults.append(str(fault))

    def _refuse_source(self, number: int, name: str, fault: Fault) -> None:
        if number > 0:
            self._filled[number - 1].refuse(name, fault.message)
        elif name in OWN:
            self._refuse_choice(name, fault.message)
        else:
            self.faults.append(fault.message)

    def _refuse_choice(self, name: str, message: str) -> None:
        if name not in self.choices.errors:
            self.choices.add_error(name, message)

    def list_faults(self) -> list[tuple[str, str]]:
        """List every fault with the label of its field, for a page that shows no fields."""
        told = [("", fault) for fault in self.faults]
        for form in (self.choices, *self.mix):
            for name, errors in form.errors.items():
                label = str(form.fields[name].label) if name in form.fields else ""
                told += [(label, str(error)) for error in errors]
        return told


def _initial(told: Mapping[str, Any]) -> Config:
    home = told["sources"][0]
    own = {name: home.get(name) for name in OWN}
    own["weight"] = f"{home['weight']:g}"
    return {"ending": ".jsonl", "row_form": told["form"], **told, **own}


def _row_of(source: Mapping[str, Any]) -> dict[str, str]:
    is_pairs = "preference_set" in source
    return {
        "source": f"{PAIRS}:{source['preference_set']}" if is_pairs else f"{RUN}:{source['run']}",
        "voters": source.get("voters", ""),
        "weight": f"{source['weight']:g}",
        "max_pairs": str(source["max_pairs"] or ""),
    }


def _offer_sources(run: SelectionRun) -> list[Any]:
    """Offer imported pairs first, then this run (for its judges), then the others."""
    sets = PreferenceSet.objects.annotate(n=Count("pairs")).order_by("slug")
    said = [
        (f"{PAIRS}:{each.slug}",
         ngettext("%(name)s (%(n)s pair)", "%(name)s (%(n)s pairs)", each.n)
         % {"name": each, "n": each.n})
        for each in sets
    ]  # fmt: skip
    others = SelectionRun.objects.exclude(pk=run.pk).order_by("-pk")
    runs = [(f"{RUN}:{each.slug}", str(each)) for each in (run, *others)]
    offered: list[Any] = [("", "–")]
    if said:
        offered.append((gettext("Imported pairs"), said))
    return [*offered, (gettext("Votes"), runs)]
