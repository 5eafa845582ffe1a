"""What admins may send about how a run decides, in words for whoever knows no statistics."""

import math
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotate.forms.admin import LimitField, PercentField
from annotate.models import DecisionRules, SelectionRun
from annotate.models.decisions import PairingPolicy
from annotate.services.decisions import LARGEST_ALPHA, SMALLEST_ALPHA, SMALLEST_EPSILON
from annotate.services.languages import language_name

POLICIES = [
    (
        PairingPolicy.UNIFORM,
        _(
            "Uniform: every pair of candidates has the same chance. The easiest to explain, and"
            " the slowest to an answer."
        ),
    ),
    (
        PairingPolicy.BALANCED,
        _(
            "Balanced: the two candidates that met least often so far. As fair as uniform, and"
            " more even while there are few votes. A run begins with it."
        ),
    ),
    (
        PairingPolicy.ADAPTIVE,
        _(
            "Adaptive: the two whose vote tells most about which candidate is the best. It needs"
            " fewer votes for that answer. Candidates that are plainly worse are shown less, so"
            " their own places stay less certain."
        ),
    ),
]


class ShareField(PercentField):
    """A share within limits of its own, which people read and write in percent."""

    def __init__(self, *, low: float, high: float, **options: Any) -> None:
        super().__init__(**options)
        least, most = f"{low * 100:g}", f"{high * 100:g}"
        message = format_lazy(_("From {least} to {most} percent."), least=least, most=most)
        self.validators = [MinValueValidator(low, message), MaxValueValidator(high, message)]
        self.widget.attrs |= {"min": least, "max": most}


class DecisionForm(forms.Form):
    """Some of a run's decision rules. The service that stores them checks them too."""

    def __init__(self, *args: Any, run: SelectionRun, **options: Any) -> None:
        self.rules = DecisionRules.of(run)
        initial = {name: getattr(self.rules, name) for name in self.base_fields}
        super().__init__(*args, initial=initial, **options)
        self.run = run


class PairsForm(DecisionForm):
    """Which pair is compared next."""

    policy = forms.ChoiceField(
        label=_("Which two candidates"), choices=POLICIES, widget=forms.RadioSelect
    )
    epsilon = ShareField(
        label=_("Pairs that are drawn blindly all the same, in percent"),
        help_text=_(
            "For the adaptive policy alone. Pairs that follow no plan keep every candidate in"
            " sight, and show whether the plan is right. 20 is usual; more is slower and safer."
        ),
        low=SMALLEST_EPSILON,
        high=1,
    )
    warm_up = forms.IntegerField(
        label=_("Comparisons of every candidate before the policy adapts"),
        help_text=_(
            "For the adaptive policy alone. Until then the two that met least often come next, so"
            " that no early accident decides who is shown. 5 to 10 is usual."
        ),
        min_value=0,
    )
    votes_per_pair = forms.IntegerField(
        label=_("People who judge the same two answers"),
        help_text=_(
            "With 1, every vote is about two new answers: the most to learn from so many votes."
            " With 2 or more, the page of the votes’ quality can tell how far people agree."
        ),
        min_value=1,
    )


class StopForm(DecisionForm):
    """When a round has its answer."""

    stops_early = forms.BooleanField(
        label=_("Stop as soon as the answer is there"),
        required=False,
        help_text=_(
            "A stopped round draws no new comparison. What stands before volunteers by then is"
            " judged, and counts. Switch this off and a round that has stopped goes on; switch it"
            " on again and it stands still again, for a stop stays written down."
        ),
    )
    alpha = ShareField(
        label=_("Chance of a wrong answer that you accept, in percent"),
        help_text=_(
            "Whoever looks after every vote will sooner or later see a lucky streak. So the leader"
            " needs evidence against each rival: with 5 percent 20, with 1 percent 100. Evidence"
            " of 20 means: votes like these come 20 times more readily if the leader is better"
            " than if the two are equally good. A smaller chance of an error takes more votes."
        ),
        low=SMALLEST_ALPHA,
        high=LARGEST_ALPHA,
    )
    delta = forms.FloatField(
        label=_("Difference that does not matter, in log strength"),
        required=False,
        widget=forms.NumberInput(attrs={"min": 0, "step": "any"}),
    )
    votes_per_language = forms.IntegerField(
        label=_("Votes in each language, at least"), min_value=0
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["delta"].help_text = _delta_words(self.rules.delta)
        tags = self.run.prompts().order_by("language").values_list("language", flat=True)
        names = gettext(", ").join(language_name(tag) for tag in tags.distinct())
        self.fields["votes_per_language"].help_text = gettext(
            "The round does not stop before. The run’s languages: %(languages)s. 0: no minimum."
        ) % {"languages": names or "–"}


class BudgetForm(forms.Form):
    """How many votes the open round takes."""

    votes_wanted = LimitField(
        label=_("Votes, at most"),
        help_text=_(
            "With so many the round ends, with or without an answer. Empty: it goes on until it"
            " stops or is closed."
        ),
    )

    def __init__(self, *args: Any, run: SelectionRun, **options: Any) -> None:
        self.round = run.rounds.open().first()
        wanted = self.round.votes_wanted if self.round else None
        super().__init__(*args, initial={"votes_wanted": wanted}, **options)


def win_rate(delta: float) -> float:
    """Give the win rate, 0 to 1, of a candidate that is stronger by `delta`; a draw is half."""
    return 1 / (1 + math.exp(-delta))


def _delta_words(delta: float | None) -> str:
    """Say what the difference means, by win rates of some and of the one that is set."""
    words = gettext(
        "Empty: the round looks for the one best candidate, however close the others are. With a"
        " number it also stops when nobody who is left differs from the leader by more. What it"
        " means: the stronger one of two wins %(small)s %% of their comparisons at a difference of"
        " 0.1, %(middle)s %% at 0.2 and %(large)s %% at 0.5, draws counted as half."
    ) % {
        "small": _percent(0.1), "middle": _percent(0.2), "large": _percent(0.5),
    }  # fmt: skip
    if delta is None:
        return words
    own = gettext("At the %(delta)s that is set: %(rate)s %%.")
    return f"{words} {own % {'delta': f'{delta:g}', 'rate': _percent(delta)}}"


def _percent(delta: float) -> str:
    return f"{100 * win_rate(delta):.1f}"
