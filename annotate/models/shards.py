"""Generation work: which part of a candidate's completions one engine process makes."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.candidates import Candidate
from annotate.models.checks import choice_check
from annotate.models.runs import Round


class ShardState(models.TextChoices):
    """How far a shard has come."""

    WAITING = "waiting", _("waiting for a worker")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    STOPPED = "stopped", _("stopped")


class GenerationShard(models.Model):
    """A part of what a round wants of a candidate: one job, which any worker may take.

    Counts of this attempt are zero again when another begins; completions that stand stay.
    """

    State = ShardState

    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="shards")
    candidate = models.ForeignKey(Candidate, on_delete=models.PROTECT, related_name="shards")
    number = models.PositiveSmallIntegerField(default=0, help_text=_("From 0."))
    n_shards = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=16, choices=ShardState.choices, default=ShardState.WAITING)
    failure = models.TextField(blank=True, default="")
    attempt = models.PositiveIntegerField(default=0, help_text=_("Counts the processes begun."))
    n_wanted = models.PositiveIntegerField()
    n_stored = models.PositiveIntegerField(
        default=0, help_text=_("Completions of it that stand, by whichever attempt.")
    )
    n_made = models.PositiveIntegerField(
        default=0, help_text=_("Stored by this attempt after the first batch, for its speed.")
    )
    tokens_made = models.PositiveBigIntegerField(
        default=0, help_text=_("Written by the model in those.")
    )
    worker = models.CharField(max_length=200, blank=True, default="")
    log = models.TextField(blank=True, default="", help_text=_("The last lines of its log."))
    started_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When this attempt's first batch was stored.")
    )
    seen_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When its worker last said that it runs.")
    )
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["round", "candidate", "number"]
        constraints = [
            choice_check("shard", "state", ShardState),
            models.UniqueConstraint(
                fields=["round", "candidate", "number"], name="shard_number_unique"
            ),
            models.CheckConstraint(
                name="shard_number_below_count",
                condition=models.Q(number__lt=models.F("n_shards")),
            ),
            models.CheckConstraint(
                name="shard_failure_said",
                condition=models.Q(state=ShardState.FAILED) & ~models.Q(failure="")
                | ~models.Q(state=ShardState.FAILED) & models.Q(failure=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.round}: {self.candidate} {self.number + 1}/{self.n_shards}"
