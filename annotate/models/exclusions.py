"""Annotators whose votes do not count in a run."""

import pgtrigger
from django.conf import settings
from django.db import models

from annotate.models.checks import not_blank
from annotate.models.people import Annotator
from annotate.models.runs import SelectionRun


class ExclusionQuerySet(models.QuerySet["Exclusion"]):
    """Exclusions as rankings ask for them."""

    def standing(self) -> "ExclusionQuerySet":
        """Keep those not undone."""
        return self.filter(undone_number__isnull=True)

    def standing_at(self, cutoff: int) -> "ExclusionQuerySet":
        """Keep those that stood when the ledger had come to number `cutoff`, then as now."""
        return self.filter(
            models.Q(undone_number__isnull=True) | models.Q(undone_number__gt=cutoff),
            number__lte=cutoff,
        )


class Exclusion(models.Model):
    """That an annotator's votes in a run do not count, and why; undone, it stays in the log.

    Its numbers come from the votes' own sequence, so a cut-off says who was excluded then.
    """

    run = models.ForeignKey(SelectionRun, on_delete=models.PROTECT, related_name="exclusions")
    annotator = models.ForeignKey(Annotator, on_delete=models.PROTECT, related_name="exclusions")
    reason = models.TextField()
    number = models.BigIntegerField(unique=True)
    excluded_at = models.DateTimeField()
    excluded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    undone_reason = models.TextField(blank=True, default="")
    undone_number = models.BigIntegerField(null=True, blank=True, unique=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = ExclusionQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [
            not_blank("exclusion", "reason"),
            models.UniqueConstraint(
                fields=["run", "annotator"],
                condition=models.Q(undone_number__isnull=True),
                name="exclusion_stands_once",
            ),
            models.CheckConstraint(
                name="exclusion_undoing_whole",
                condition=models.Q(
                    undone_number__isnull=True,
                    undone_at__isnull=True,
                    undone_by__isnull=True,
                    undone_reason="",
                )
                | models.Q(undone_number__gt=models.F("number"), undone_at__isnull=False)
                & ~models.Q(undone_reason=""),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="only_undone",
                fields=["run", "annotator", "reason", "number", "excluded_at", "excluded_by"],
            ),
            pgtrigger.Protect(
                name="undone_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__undone_number__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run}: {self.annotator}"
