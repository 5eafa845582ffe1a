"""A candidate selection run and its rounds."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.checks import choice_check, not_blank
from annotate.models.prompts import Prompt, PromptQuerySet, PromptSet

if TYPE_CHECKING:
    from annotate.models.candidates import Candidate


class RunState(models.TextChoices):
    """How far a run has come."""

    DRAFT = "draft", _("draft")
    GENERATING = "generating", _("generating")
    VOTING = "voting", _("voting")
    DECIDED = "decided", _("decided")
    CLOSED = "closed", _("closed")


class SelectionRun(models.Model):
    """The search for the best candidate on some prompts, in rounds of votes."""

    State = RunState

    slug = models.SlugField(max_length=100, unique=True)
    title = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=16, choices=RunState.choices, default=RunState.DRAFT)
    prompt_sets = models.ManyToManyField(PromptSet, related_name="runs")
    samples_per_prompt = models.PositiveSmallIntegerField(default=1)
    seed = models.BigIntegerField(
        default=0, help_text=_("The seed of every completion follows from it.")
    )
    paused_at = models.DateTimeField(
        null=True, blank=True, help_text=_("Since when nothing is made and nobody votes.")
    )
    cancelled_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When it was given up; such a run decides nothing.")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            choice_check("run", "state", RunState),
            models.CheckConstraint(
                name="run_cancelled_is_closed",
                condition=models.Q(cancelled_at__isnull=True) | models.Q(state=RunState.CLOSED),
            ),
            models.CheckConstraint(
                name="run_closed_is_not_paused",
                condition=models.Q(paused_at__isnull=True) | ~models.Q(state=RunState.CLOSED),
            ),
            not_blank("run", "slug"),
            models.CheckConstraint(
                name="run_samples_at_least_one", condition=models.Q(samples_per_prompt__gte=1)
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.slug

    @property
    def is_active(self) -> bool:
        """Tell whether completions are made and votes are taken where its state says so."""
        return self.paused_at is None and self.state != RunState.CLOSED

    def prompts(self) -> PromptQuerySet:
        """Give the prompts of all sets that the run asks."""
        return Prompt.objects.filter(prompt_set__runs=self)


class PromptScope(models.TextChoices):
    """Which of a run's prompts a round compares on."""

    ALL = "all", _("all prompts")
    TRAINING = "training", _("training prompts only")
    HELD_OUT = "held_out", _("held-out prompts only")


class RoundQuerySet(models.QuerySet["Round"]):
    """Rounds as pages and services ask for them."""

    def open(self) -> "RoundQuerySet":
        """Keep those that take votes now."""
        return self.filter(opened_at__isnull=False, closed_at__isnull=True)

    def decided(self) -> "RoundQuerySet":
        """Keep those that draw no more pairs: they have their answer, and the run stops early."""
        return self.filter(stop__isnull=False, run__stored_decision__stops_early=True)

    def undecided(self) -> "RoundQuerySet":
        """Keep those that `decided` leaves out."""
        return self.exclude(stop__isnull=False, run__stored_decision__stops_early=True)


class Round(models.Model):
    """One sitting of votes over some of a run's candidates; waits for completions until opened."""

    Scope = PromptScope

    run = models.ForeignKey(SelectionRun, on_delete=models.PROTECT, related_name="rounds")
    number = models.PositiveSmallIntegerField()
    candidates: "models.ManyToManyField[Candidate, Any]" = models.ManyToManyField(
        "Candidate", related_name="rounds"
    )
    prompt_scope = models.CharField(
        max_length=16, choices=PromptScope.choices, default=PromptScope.ALL
    )
    votes_wanted = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text=_("The round takes no more votes than this; empty: any number."),
    )
    anchors_only = models.BooleanField(
        default=False,
        help_text=_("Newcomers meet the run's anchors alone, and anchors do not meet each other."),
    )
    created_at = models.DateTimeField(auto_now_add=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = RoundQuerySet.as_manager()

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            choice_check("round", "prompt_scope", PromptScope),
            models.UniqueConstraint(fields=["run", "number"], name="round_number_unique_in_run"),
            models.UniqueConstraint(
                fields=["run"],
                condition=models.Q(closed_at__isnull=True),
                name="round_one_unclosed_in_run",
            ),
            models.CheckConstraint(name="round_number_from_one", condition=models.Q(number__gte=1)),
            models.CheckConstraint(
                name="round_opened_before_closed",
                condition=models.Q(closed_at__isnull=True)
                | models.Q(opened_at__isnull=False, closed_at__gte=models.F("opened_at")),
            ),
        ]

    def __str__(self) -> str:
        return _("%(run)s, round %(number)s") % {"run": self.run, "number": self.number}

    @property
    def has_opened(self) -> bool:
        """Tell whether its completions were all there at some time."""
        return self.opened_at is not None

    @property
    def is_open(self) -> bool:
        """Tell whether it takes votes now."""
        return self.has_opened and self.closed_at is None

    def prompts(self) -> PromptQuerySet:
        """Give the prompts that this round compares on."""
        prompts = self.run.prompts()
        if self.prompt_scope == PromptScope.HELD_OUT:
            return prompts.held_out()
        if self.prompt_scope == PromptScope.TRAINING:
            return prompts.for_training()
        return prompts
