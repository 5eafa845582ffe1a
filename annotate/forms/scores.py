"""What admins ask a judge to score."""

from django import forms
from django.utils.translation import gettext_lazy as _

from annotate.models import Judge, JudgeTemplate
from annotate.services.scoring import MOST_CHOICES


class ScoreForm(forms.Form):
    """Which judge scores, and how often each reply."""

    judge = forms.ModelChoiceField(
        label=_("Judge"),
        queryset=Judge.objects.none(),
        to_field_name="slug",
        empty_label=None,
    )
    choices = forms.IntegerField(
        label=_("Scores of each reply"),
        initial=1,
        min_value=1,
        max_value=MOST_CHOICES,
        help_text=_(
            "More than one tells how far the judge agrees with itself, where it draws by chance."
        ),
    )

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        judges = Judge.objects.filter(template__use=JudgeTemplate.Use.SCORE)
        self.fields["judge"].queryset = judges.order_by("slug")  # type: ignore[attr-defined]
