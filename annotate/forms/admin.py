"""What admins may send about how volunteers rate, checked before any service sees it."""

from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from annotate.models import (
    Completion,
    GoldPair,
    Invitation,
    RatingRules,
    ReasonTag,
    Report,
    SelectionRun,
)
from annotate.models.comparisons import Outcome, Purpose
from annotate.models.rules import Door
from annotate.services import rules
from annotate.services.languages import language_name

# The longest text that a person writes by hand: a very long answer.
MAX_CHARACTERS = 40_000
DOORS = [
    (
        Door.OPEN,
        _(
            "Open: anybody who has the address. Nobody signs in; a signed cookie in the browser"
            " is the annotator, so votes from another browser are somebody else’s."
        ),
    ),
    (
        Door.INVITATION,
        _(
            "Invitation: whoever has one of the links below. A link can be limited, can expire"
            " and can be revoked."
        ),
    ),
    (Door.ACCOUNT, _("Account: whoever signs in, so that votes follow the person.")),
]
USES = [
    (Purpose.GOLD, _("Gold: mixed unmarked among the others, to see who reads with care")),
    (Purpose.PRACTICE, _("Practice: before the first vote, with the explanation after it")),
]
ONE_OF_EACH = {"required": _("Choose one answer as the better and another as the other one.")}
BETTER = "better"
RIGHTS = [
    (BETTER, _("the better one is better")),
    (Outcome.TIE, _("a draw: they are equally good")),
    (Outcome.BOTH_BAD, _("both are bad")),
]


class ReasonsField(forms.ModelMultipleChoiceField):
    """Reasons, called as volunteers of the reader's language see them."""

    def label_from_instance(self, obj: ReasonTag) -> str:
        """Give the label in the reader's language."""
        return obj.label


class PercentField(forms.FloatField):
    """A share from 0 to .5, which people read and write in percent."""

    def __init__(self, **options: Any) -> None:
        validators = [
            MinValueValidator(0, _("A share begins at 0.")),
            MaxValueValidator(0.5, _("More than half would leave too few comparisons that count.")),
        ]
        widget = forms.NumberInput(attrs={"min": 0, "max": 50, "step": "any"})
        super().__init__(validators=validators, widget=widget, **options)

    def to_python(self, value: Any) -> float | None:
        """Read percent as a share."""
        percent = super().to_python(value)
        return None if percent is None else percent / 100

    def prepare_value(self, value: Any) -> Any:
        """Write a share as percent; what somebody typed stays as it was typed."""
        return f"{value * 100:g}" if isinstance(value, float | int) else value


class LimitField(forms.IntegerField):
    """A whole number from 1, or none."""

    def __init__(self, **options: Any) -> None:
        messages = {"min_value": _("At least 1; empty for no limit.")}
        # The largest that the database's integers hold.
        limits = {"min_value": 1, "max_value": 2**31 - 1}
        super().__init__(required=False, error_messages=messages, **limits, **options)


class RunForm(forms.Form):
    """About one run."""

    def __init__(self, *args: Any, run: SelectionRun, **options: Any) -> None:
        super().__init__(*args, **options)
        self.run = run


class RulesForm(forms.ModelForm):
    """Some of a run's rules. Services store what it has read; it stores nothing itself."""

    def __init__(self, *args: Any, run: SelectionRun, **options: Any) -> None:
        super().__init__(*args, instance=RatingRules.of(run), **options)
        self.run = run


def _text(label: Any, *, rows: int = 3, lang: str = "", **options: Any) -> forms.CharField:
    """Make a field for a text of several lines, kept as it was typed."""
    attrs: dict[str, Any] = {"rows": rows} | ({"lang": lang} if lang else {})
    return forms.CharField(
        label=label,
        max_length=MAX_CHARACTERS,
        strip=False,
        widget=forms.Textarea(attrs=attrs),
        **options,
    )


class DoorForm(RulesForm):
    """Who may rate."""

    door = forms.ChoiceField(label=_("Door"), choices=DOORS, widget=forms.RadioSelect)

    class Meta:
        model = RatingRules
        fields = ["door"]


class QuestionsForm(RulesForm):
    """What a volunteer is asked in each comparison."""

    reasons = ReasonsField(
        label=_("Reasons to choose from"),
        queryset=ReasonTag.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: reasons are not asked for."),
    )

    class Meta:
        model = RatingRules
        fields = [
            "offers_tie", "offers_both_bad", "asks_degree", "judges_each_turn",
            "offers_passages", "offers_comment", "reasons",
        ]  # fmt: skip
        labels = {
            "offers_tie": _("Offer “Draw”"),
            "offers_both_bad": _("Offer “Both bad”"),
            "asks_degree": _("Ask whether it is clearly or slightly better"),
            "judges_each_turn": _("Ask about each turn of a conversation"),
            "offers_passages": _("Let passages be marked"),
            "offers_comment": _("Offer a comment"),
        }
        help_texts = {
            "asks_degree": _("Then A and B have two buttons each."),
            "judges_each_turn": _("One vote for each turn, and not one for the whole."),
            "offers_passages": _("Wrong language, wrong fact, unnatural: with their places."),
            "offers_comment": _("Kept with the vote; files of votes have it as it was written."),
        }


class ReasonForm(RunForm):
    """A reason of an admin's own."""

    label_en = forms.CharField(label=_("In English"), max_length=100)
    label_ja = forms.CharField(label=_("In Japanese"), max_length=100)


class CareForm(RulesForm):
    """How the volunteers' care is checked."""

    gold_rate = PercentField(
        label=_("Known answers, in percent of comparisons"),
        help_text=_("Each tells how often a volunteer is right. 5 is usual; 0 switches it off."),
    )
    repeat_rate = PercentField(
        label=_("Repeats, in percent of comparisons"),
        help_text=_(
            "The same pair later, with its sides swapped: does a volunteer agree with themself?"
            " 5 is usual; 0 switches it off."
        ),
    )
    max_characters_per_s = LimitField(
        label=_("Fastest reading that is believed, in characters a second"),
        help_text=_(
            "A vote that comes faster is not taken, and the page asks to read on. Silent reading"
            " is roughly 8 to 17 characters a second in Japanese and 20 to 25 in English; who"
            " compares also skims, so take several times that. With 100, two answers of 500"
            " characters take at least 10 seconds. Empty: any speed."
        ),
    )
    daily_limit = LimitField(
        label=_("Votes of one volunteer in a day, at most"), help_text=_("Empty: any number.")
    )

    class Meta:
        model = RatingRules
        fields = [
            "gold_rate", "repeat_rate", "max_characters_per_s", "practice_needed", "daily_limit",
            "leaves_out_maker_names",
        ]  # fmt: skip
        labels = {
            "practice_needed": _("Practice answers that must be right"),
            "leaves_out_maker_names": _("Leave out answers that say who made them"),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        there = rules.count_practice(run=self.run)
        self.fields["practice_needed"].help_text = _(
            "Of %(there)s practice comparisons that the run has, or of those in a volunteer’s"
            " languages; with 0, everybody goes on after them."
        ) % {"there": there}
        n_naming = Completion.objects.of_run(self.run).exclude(names_maker="").count()
        self.fields["leaves_out_maker_names"].help_text = ngettext(
            "“I am … by …” and the like: %(n)s answer of this run.",
            "“I am … by …” and the like: %(n)s answers of this run.",
            n_naming,
        ) % {"n": n_naming}


class InstructionsForm(RulesForm):
    """What volunteers read before they begin, in Markdown."""

    class Meta:
        model = RatingRules
        fields = ["instructions_en", "instructions_ja"]
        labels = {
            "instructions_en": _("Instructions in English"),
            "instructions_ja": _("Instructions in Japanese"),
        }
        help_texts = dict.fromkeys(fields, _("Markdown. Empty: the text below stands."))
        widgets = {
            "instructions_en": forms.Textarea(attrs={"lang": "en", "rows": 8}),
            "instructions_ja": forms.Textarea(attrs={"lang": "ja", "rows": 8}),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.validators.append(MaxLengthValidator(MAX_CHARACTERS))


class InvitationForm(RunForm):
    """A new link."""

    label = forms.CharField(
        label=_("For whom"), help_text=_("Only admins see it."), max_length=100, required=False
    )
    admits_at_most = LimitField(
        label=_("Volunteers it lets in, at most"), help_text=_("Empty: any number.")
    )
    expires_at = forms.DateTimeField(
        label=_("Open until"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["expires_at"].help_text = _(
            "In the time of %(zone)s. Empty: until it is revoked."
        ) % {"zone": timezone.get_current_timezone_name()}


class RevokeForm(RunForm):
    """Which link is to be revoked."""

    invitation = forms.ModelChoiceField(Invitation.objects.none())

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["invitation"].queryset = self.run.invitations.all()


class KnownForm(RunForm):
    """What every known answer has, wherever its texts come from."""

    right = forms.ChoiceField(label=_("Right is"), choices=RIGHTS)
    use = forms.ChoiceField(label=_("Use"), choices=USES, widget=forms.RadioSelect)
    explanation_en = _text(
        _("Why, in English"), lang="en", required=False, help_text=_("Practice needs both.")
    )
    explanation_ja = _text(_("Why, in Japanese"), lang="ja", required=False)


class WrittenForm(KnownForm):
    """A known answer whose texts are written by hand."""

    language = forms.ChoiceField(label=_("Language"))
    question = _text(_("Question"))
    better = _text(_("Better answer"), rows=6)
    worse = _text(_("Other answer"), rows=6)
    field_order = ("language", "question", "better", "worse")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        asked = self.run.prompts().order_by("language").values_list("language", flat=True)
        tags = list(asked.distinct()) or ["en", "ja"]
        self.fields["language"].choices = [(tag, language_name(tag)) for tag in tags]


class ChosenForm(KnownForm):
    """A known answer whose texts are two of the run's own."""

    better = forms.ModelChoiceField(Completion.objects.none(), error_messages=ONE_OF_EACH)
    other = forms.ModelChoiceField(Completion.objects.none(), error_messages=ONE_OF_EACH)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("better", "other"):
            self.fields[name].queryset = Completion.objects.of_run(self.run)


class RetireForm(RunForm):
    """Which known answer is not to be shown any more."""

    pair = forms.ModelChoiceField(GoldPair.objects.none())

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["pair"].queryset = self.run.gold_pairs.all()


class VerdictForm(forms.Form):
    """What an admin found of a reported completion."""

    HIDE = "hide"
    SHOW = "show"

    report = forms.ModelChoiceField(Report.objects.all())
    verdict = forms.ChoiceField(choices=[(HIDE, HIDE), (SHOW, SHOW)])
