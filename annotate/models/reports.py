"""Completions that somebody found harmful."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.candidates import Completion
from annotate.models.comparisons import Comparison


class Report(models.Model):
    """That a completion is harmful: it is shown to nobody until an admin has looked."""

    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="reports")
    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="reports")
    text = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    looked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    is_upheld = models.BooleanField(
        null=True, blank=True, help_text=_("Whether the completion stays hidden.")
    )

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["comparison", "completion"], name="report_once_in_comparison"
            ),
            models.CheckConstraint(
                name="report_look_whole",
                condition=models.Q(
                    looked_at__isnull=True, looked_by__isnull=True, is_upheld__isnull=True
                )
                | models.Q(
                    looked_at__isnull=False, looked_by__isnull=False, is_upheld__isnull=False
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.completion_id}"
