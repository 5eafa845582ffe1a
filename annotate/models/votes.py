"""Comparisons drawn for annotators, and the ledger of their votes."""

import uuid
from datetime import datetime

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.candidates import Candidate, Completion
from annotate.models.checks import choice_check
from annotate.models.people import Annotator
from annotate.models.prompts import Prompt
from annotate.models.runs import Round, SelectionRun


class Side(models.TextChoices):
    """Where a completion stood on the screen."""

    LEFT = "left", _("left")
    RIGHT = "right", _("right")


class Outcome(models.TextChoices):
    """What an annotator found, in terms of completions a and b."""

    A = "a", _("A better")
    B = "b", _("B better")
    TIE = "tie", _("Draw")
    BOTH_BAD = "both_bad", _("Both bad")


class ComparisonQuerySet(models.QuerySet["Comparison"]):
    """Comparisons as the voting services ask for them."""

    def unanswered(self) -> "ComparisonQuerySet":
        """Keep those without a vote."""
        return self.filter(answered_at__isnull=True)

    def taken(self, now: datetime) -> "ComparisonQuerySet":
        """Keep those that are answered, or leased to somebody who may still answer."""
        return self.filter(models.Q(answered_at__isnull=False) | models.Q(lease_expires_at__gt=now))


class Comparison(models.Model):
    """Two completions of one prompt, drawn for one annotator.

    a is always the completion of the candidate with the lower id: a pair of candidates has one
    orientation in the whole database. What the screen showed is `side_a`.
    """

    Side = Side

    token = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    round = models.ForeignKey(
        Round, on_delete=models.PROTECT, related_name="comparisons", db_index=False
    )
    annotator = models.ForeignKey(
        Annotator, on_delete=models.PROTECT, related_name="comparisons", db_index=False
    )
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="+", db_index=False)
    candidate_a = models.ForeignKey(
        Candidate, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    candidate_b = models.ForeignKey(
        Candidate, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    completion_a = models.ForeignKey(
        Completion, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    completion_b = models.ForeignKey(
        Completion, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    side_a = models.CharField(max_length=8, choices=Side.choices, null=True, blank=True)  # noqa: DJ001  unknown in some imports
    created_at = models.DateTimeField(auto_now_add=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    import_key = models.CharField(  # noqa: DJ001  the unique constraint passes over nulls
        max_length=200,
        null=True,
        blank=True,
        help_text=_("What names it in the file it came from."),
    )

    objects = ComparisonQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["annotator", "round"], name="comparison_of_annotator"),
            models.Index(
                fields=["round", "candidate_a", "candidate_b"], name="comparison_of_candidates"
            ),
            models.Index(fields=["completion_a", "completion_b"], name="comparison_of_completions"),
        ]
        constraints = [
            models.CheckConstraint(
                name="comparison_candidates_in_order",
                condition=models.Q(candidate_a__lt=models.F("candidate_b")),
            ),
            models.CheckConstraint(
                name="comparison_side_a_known",
                # The null is named, for a check that comes to null lets the row pass.
                condition=models.Q(side_a__isnull=False, side_a__in=Side.values)
                | models.Q(side_a__isnull=True, import_key__isnull=False),
            ),
            models.CheckConstraint(
                name="comparison_drawn_here_has_a_lease",
                condition=models.Q(lease_expires_at__isnull=False)
                | models.Q(import_key__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["annotator", "import_key"], name="comparison_import_key_unique"
            ),
        ]

    def __str__(self) -> str:
        return str(self.token)


class VoteQuerySet(models.QuerySet["Vote"]):
    """The ledger, as rankings and exports read it."""

    def of_run(self, run: SelectionRun) -> "VoteQuerySet":
        """Keep those cast in any round of the run."""
        return self.filter(comparison__round__run=run)

    def standing(self) -> "VoteQuerySet":
        """Keep those not withdrawn."""
        return self.filter(withdrawn_number__isnull=True)

    def standing_at(self, cutoff: int) -> "VoteQuerySet":
        """Keep those that stood when the ledger had come to number `cutoff`, then as now."""
        return self.filter(
            models.Q(withdrawn_number__isnull=True) | models.Q(withdrawn_number__gt=cutoff),
            id__lte=cutoff,
        )


class Vote(models.Model):
    """One annotator's outcome of one comparison and turn: an entry in an append-only ledger.

    Votes and withdrawals take their numbers (`id`, `withdrawn_number`) from one sequence, so a
    single number says what stood at a moment, whatever any clock says.
    """

    Outcome = Outcome
    WHOLE_CONVERSATION = 0

    comparison = models.ForeignKey(
        Comparison, on_delete=models.PROTECT, related_name="votes", db_index=False
    )
    turn = models.PositiveSmallIntegerField(
        default=WHOLE_CONVERSATION, help_text=_("From 1; 0 is the conversation as a whole.")
    )
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    created_at = models.DateTimeField()
    withdrawn_number = models.BigIntegerField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = VoteQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["comparison"], name="vote_of_comparison")]
        constraints = [
            choice_check("vote", "outcome", Outcome),
            models.UniqueConstraint(
                fields=["comparison", "turn"],
                condition=models.Q(withdrawn_number__isnull=True),
                name="vote_stands_once",
            ),
            models.CheckConstraint(
                name="vote_withdrawal_whole",
                condition=models.Q(
                    withdrawn_number__isnull=True,
                    withdrawn_at__isnull=True,
                    withdrawn_by__isnull=True,
                )
                | models.Q(withdrawn_number__gt=models.F("id"), withdrawn_at__isnull=False),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="only_withdrawn", fields=["id", "comparison", "turn", "outcome", "created_at"]
            ),
            pgtrigger.Protect(
                name="withdrawn_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__withdrawn_number__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.comparison_id}: {self.outcome}"
