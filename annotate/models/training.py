"""Training runs, and what they measured while they ran."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.candidates import Candidate
from annotate.models.checks import choice_check, not_blank
from annotate.models.datasets import PreferenceDataset


class TrainingState(models.TextChoices):
    """How far a training run has come."""

    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    FINISHED = "finished", _("finished")
    STOPPED = "stopped", _("stopped")
    FAILED = "failed", _("failed")


class TrainingRun(models.Model):
    """A base candidate trained on a dataset; its checkpoint becomes the next candidate."""

    State = TrainingState

    dataset = models.ForeignKey(
        PreferenceDataset, on_delete=models.PROTECT, related_name="training_runs"
    )
    base = models.ForeignKey(Candidate, on_delete=models.PROTECT, related_name="training_runs")
    child_name = models.CharField(max_length=200, help_text=_("What the new candidate is called."))
    config = models.JSONField(help_text=_("What `python -m training` was given."))
    opens_round = models.BooleanField(
        default=True, help_text=_("The child meets its parent in a next round by itself.")
    )
    next_round_votes = models.PositiveIntegerField(null=True, blank=True)
    state = models.CharField(
        max_length=16, choices=TrainingState.choices, default=TrainingState.QUEUED
    )
    failure = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            choice_check("training", "state", TrainingState),
            not_blank("training", "child_name"),
            models.CheckConstraint(
                name="training_failure_said",
                condition=models.Q(state=TrainingState.FAILED) & ~models.Q(failure="")
                | ~models.Q(state=TrainingState.FAILED) & models.Q(failure=""),
            ),
        ]

    def __str__(self) -> str:
        return self.child_name

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more will come of it."""
        return self.state not in (TrainingState.QUEUED, TrainingState.RUNNING)


class TrainingMetric(models.Model):
    """What a training run said of itself at one step."""

    training_run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="metrics")
    step = models.PositiveIntegerField()
    values = models.JSONField()

    class Meta:
        ordering = ["training_run", "step"]
        constraints = [
            models.UniqueConstraint(fields=["training_run", "step"], name="metric_step_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.training_run} @ {self.step}"
