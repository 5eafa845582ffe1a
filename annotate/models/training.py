"""Training runs, and what they measured while they ran."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.candidates import Candidate
from annotate.models.checks import choice_check, not_blank
from annotate.models.datasets import PreferenceDataset
from annotate.models.runs import Round


class TrainingState(models.TextChoices):
    """How far a training run has come."""

    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    FINISHED = "finished", _("finished")
    STOPPED = "stopped", _("stopped")
    FAILED = "failed", _("failed")


class TrainingWish(models.TextChoices):
    """What an admin wants of a training that runs; the trainer does it after its next step."""

    STOP = "stop", _("to stop, with a checkpoint from which it can go on")
    KEEP = "keep", _("to end now, with the weights as they are")


class TrainingRun(models.Model):
    """A base candidate trained on a dataset; its checkpoint becomes the next candidate."""

    State = TrainingState
    Wish = TrainingWish

    dataset = models.ForeignKey(
        PreferenceDataset, on_delete=models.PROTECT, related_name="training_runs"
    )
    base = models.ForeignKey(Candidate, on_delete=models.PROTECT, related_name="training_runs")
    child_name = models.CharField(max_length=200, help_text=_("What the new candidate is called."))
    config = models.JSONField(help_text=_("What `python -m training` was given."))
    preset = models.CharField(
        max_length=100, blank=True, help_text=_("The preset that its settings began with.")
    )
    licence = models.CharField(
        max_length=300, blank=True, help_text=_("Of the new candidate, as it is inherited.")
    )
    forecast = models.JSONField(
        null=True, blank=True, help_text=_("What the trainer said that it was about to do.")
    )
    opens_round = models.BooleanField(
        default=True, help_text=_("The child meets its parent in a next round by itself.")
    )
    next_round_votes = models.PositiveIntegerField(null=True, blank=True)
    next_round = models.ForeignKey(
        Round,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="trainings",
        help_text=_("In which the child meets its parent."),
    )
    gate_alpha = models.FloatField(
        null=True,
        blank=True,
        help_text=_(
            "The child has to win over its parent in that round, with this chance of an error at"
            " most; empty: it need not."
        ),
    )
    gate_passed = models.BooleanField(
        null=True, blank=True, help_text=_("Whether it did; empty until that round has ended.")
    )
    gate_evidence = models.JSONField(null=True, blank=True)
    state = models.CharField(
        max_length=16, choices=TrainingState.choices, default=TrainingState.QUEUED
    )
    failure = models.TextField(blank=True)
    wish = models.CharField(max_length=8, choices=TrainingWish.choices, blank=True, default="")
    attempt = models.PositiveIntegerField(default=0, help_text=_("Counts the processes begun."))
    seen_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When its worker last said that it runs.")
    )
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
            models.CheckConstraint(
                name="training_wish_known",
                condition=models.Q(wish__in=["", *TrainingWish.values]),
            ),
            models.CheckConstraint(
                name="training_gate_in_range",
                condition=models.Q(gate_alpha__isnull=True)
                | models.Q(gate_alpha__gt=0, gate_alpha__lte=0.5),
            ),
            models.CheckConstraint(
                name="training_gate_opens_round",
                condition=models.Q(gate_alpha__isnull=True) | models.Q(opens_round=True),
            ),
            models.CheckConstraint(
                name="training_gate_settled_once_asked",
                condition=models.Q(gate_passed__isnull=True, gate_evidence__isnull=True)
                | models.Q(
                    gate_passed__isnull=False,
                    gate_evidence__isnull=False,
                    gate_alpha__isnull=False,
                    next_round__isnull=False,
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.child_name

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more will come of it by itself."""
        return self.state not in (TrainingState.QUEUED, TrainingState.RUNNING)

    @property
    def may_resume(self) -> bool:
        """Tell whether it can be queued again: it was stopped, or has failed."""
        return self.state in (TrainingState.STOPPED, TrainingState.FAILED)


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
