"""Stored rankings."""

from django.db import models

from annotate.models.checks import append_only
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
