"""Stored rankings."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.checks import append_only, choice_check
from annotate.models.runs import SelectionRun


class Ranking(models.Model):
    """A snapshot of strengths, with all that is needed to compute it again to the byte."""

    run = models.ForeignKey(SelectionRun, on_delete=models.PROTECT, related_name="rankings")
    cutoff = models.BigIntegerField(help_text="Number in the vote ledger up to which votes count.")
    filters = models.JSONField(
        default=dict, blank=True, help_text="Which votes count, such as a round or a language."
    )
    settings = models.JSONField(help_text="Prior, level, resamples and seed.")
    versions = models.JSONField(help_text="Versions of the libraries that computed it.")
    n_votes = models.PositiveIntegerField()
    standings = models.JSONField(help_text="Candidates in order, with strengths and intervals.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["run", "-id"], name="ranking_newest_of_run")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.run} #{self.pk}"


class FigureKind(models.TextChoices):
    """What a figure of a ranking shows."""

    HEAD_TO_HEAD = "head-to-head", _("Win rates")
    CATEGORIES = "categories", _("Strengths by category")
    GROWTH = "growth", _("Strengths over votes")
    CALIBRATION = "calibration", _("Predicted and observed win rates")
    TEMPERATURES = "temperatures", _("Checkpoint × temperature")
    JUDGES = "judges", _("People and judges")
    SIDES = "sides", _("Side bias by annotator")
    ADJUSTED = "adjusted", _("Adjusted views")


class RankingFigure(models.Model):
    """The numbers of one figure of a ranking, computed when first asked for, and kept.

    Every one follows from the ranking's cut-off, filters and settings.
    """

    Kind = FigureKind

    ranking = models.ForeignKey(Ranking, on_delete=models.PROTECT, related_name="figures")
    kind = models.CharField(max_length=16, choices=FigureKind.choices)
    content = models.JSONField()
    versions = models.JSONField(help_text="Versions of the libraries that computed it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            choice_check("figure", "kind", FigureKind),
            models.UniqueConstraint(fields=["ranking", "kind"], name="figure_kept_once"),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.ranking}: {self.kind}"
