"""Chosen and rejected replies, as files with a lineage."""

from django.conf import settings
from django.db import models

from annotate.models.checks import append_only
from annotate.models.runs import SelectionRun


class PreferenceDataset(models.Model):
    """An immutable file of preference pairs, and how to make the same bytes again."""

    run = models.ForeignKey(SelectionRun, on_delete=models.PROTECT, related_name="datasets")
    cutoff = models.BigIntegerField(help_text="Number in the vote ledger up to which votes count.")
    filters = models.JSONField(help_text="How votes became pairs.")
    counts = models.JSONField(help_text="Pairs, and what was left out and why.")
    n_pairs = models.PositiveIntegerField()
    path = models.CharField(max_length=500, help_text="Under KURABE_HOME.")
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            # What a page serves as a dataset can be nothing else that lies under KURABE_HOME.
            models.CheckConstraint(
                name="dataset_path_in_its_folder",
                condition=models.Q(path__regex=r"^datasets/[^/]+$"),
            ),
            models.CheckConstraint(
                name="dataset_sha256_whole", condition=models.Q(sha256__regex=r"^[0-9a-f]{64}$")
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.run} dataset {self.pk}"
