"""What admins ask of a run's LLM judges."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotate.models import Judge, SelectionRun

MOST = 100_000


class AddJudge(forms.Form):
    """Which judge is to judge in a run that does not have it yet."""

    judge = forms.ModelChoiceField(
        label=_("Judge"), queryset=Judge.objects.none(), to_field_name="slug", empty_label=None
    )

    def __init__(self, *args: Any, run: SelectionRun, **options: Any) -> None:
        super().__init__(*args, **options)
        others = Judge.objects.exclude(runs=run).order_by("slug")
        self.fields["judge"].queryset = others  # type: ignore[attr-defined]
        self.has_choices = others.exists()


class AskJudge(forms.Form):
    """How many more comparisons a judge is to make."""

    comparisons = forms.IntegerField(label=_("Comparisons"), min_value=1, max_value=MOST)
