"""What a run was launched with, and everything that was done to it."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.checks import append_only, choice_check
from annotate.models.runs import SelectionRun


class RunPlan(models.Model):
    """A run's configuration: free to change until the launch, frozen and hashed by it.

    A run without a row was put together by hand, by imports or from Python.
    """

    run = models.OneToOneField(
        SelectionRun, primary_key=True, on_delete=models.CASCADE, related_name="plan"
    )
    config = models.JSONField(help_text=_("What `manage.py launch_run` reads, as JSON."))
    sha256 = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text=_("Of the configuration as launched, in canonical JSON; empty until then."),
    )
    launched_at = models.DateTimeField(null=True, blank=True)
    launched_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="plan_hashed_when_launched",
                condition=models.Q(launched_at__isnull=True, sha256="", launched_by__isnull=True)
                | models.Q(launched_at__isnull=False, sha256__regex="^[0-9a-f]{64}$"),
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="frozen_by_launch",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__launched_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        digest = self.sha256[:12] or _("not launched")
        return f"{self.run}: {digest}"


class EventKind(models.TextChoices):
    """What was done to a run, or happened in it."""

    CREATED = "created", _("made")
    EDITED = "edited", _("edited")
    LAUNCHED = "launched", _("launched")
    STATE = "state", _("state changed")
    PAUSED = "paused", _("paused")
    RESUMED = "resumed", _("resumed")
    CANCELLED = "cancelled", _("cancelled")
    ROUND_MADE = "round_made", _("round made")
    ROUND_OPENED = "round_opened", _("round opened")
    ROUND_CLOSED = "round_closed", _("round closed")
    CUT = "cut", _("candidates left")
    JOINED = "joined", _("candidate joined")
    FAILED = "failed", _("generation failed")
    RETRIED = "retried", _("generation tried again")
    DECIDED = "decided", _("decided")
    RULES = "rules", _("rules changed")
    JUDGES = "judges", _("judges changed")
    TRAINING = "training", _("training")


class RunEvent(models.Model):
    """One line of a run's log: what was done, when, and by whom. Nobody is Kurabe itself."""

    Kind = EventKind

    run = models.ForeignKey(SelectionRun, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=16, choices=EventKind.choices)
    detail = models.JSONField(
        default=dict, blank=True, help_text=_("Names and numbers, such as from and to.")
    )
    at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["run", "-id"], name="event_newest_of_run")]
        constraints = [choice_check("event", "kind", EventKind)]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.run}: {self.get_kind_display()}"
