"""What can be counted in a completion without a reader."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.candidates import Completion


def share(name: str) -> models.CheckConstraint:
    """Keep a measure from 0 to 1."""
    return models.CheckConstraint(
        name=f"measure_{name}_is_a_share",
        condition=models.Q(**{f"{name}__gte": 0, f"{name}__lte": 1}),
    )


class CompletionMeasure(models.Model):
    """One completion's measures, all replies taken together; made anew where they count better."""

    completion = models.OneToOneField(
        Completion, primary_key=True, on_delete=models.PROTECT, related_name="measure"
    )
    version = models.PositiveSmallIntegerField(help_text=_("Of the code that counted."))
    n_characters = models.PositiveIntegerField(help_text=_("Code points."))
    leakage = models.FloatField(help_text=_("Share of letters outside the prompt's language."))
    other_language = models.FloatField(
        default=0,
        db_default=0,
        help_text=_("Share of letters in whole runs of text in another language; of the leakage."),
    )
    languages = ArrayField(
        models.CharField(max_length=16),
        default=list,
        db_default=[],
        blank=True,
        help_text=_("The other languages of those runs, by tag."),
    )
    repetition = models.FloatField(help_text=_("Share of characters that say again what was said."))
    is_empty = models.BooleanField(default=False)
    refusal = models.CharField(
        max_length=200,
        blank=True,
        default="",
        help_text=_("The words with which it declines to answer; empty: none were found."),
    )

    class Meta:
        indexes = [models.Index(fields=["version"], name="measure_version")]
        constraints = [share("leakage"), share("other_language"), share("repetition")]

    def __str__(self) -> str:
        return f"{self.completion}"
