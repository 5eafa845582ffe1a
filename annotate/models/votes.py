"""The ledger of votes, and what was marked with them."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.checks import append_only, choice_check
from annotate.models.comparisons import Comparison, Outcome, Purpose
from annotate.models.exclusions import Exclusion, ExclusionQuerySet
from annotate.models.people import AnnotatorKind
from annotate.models.runs import SelectionRun


class Degree(models.TextChoices):
    """By how much the better one is better."""

    CLEARLY = "clearly", _("clearly")
    SLIGHTLY = "slightly", _("slightly")


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

    def counting(self) -> "VoteQuerySet":
        """Keep those that decide rankings now."""
        return self.standing()._for_ranking(Exclusion.objects.standing())

    def counting_at(self, cutoff: int) -> "VoteQuerySet":
        """Keep those that decided rankings when the ledger had come to number `cutoff`."""
        return self.standing_at(cutoff)._for_ranking(Exclusion.objects.standing_at(cutoff))

    def by_people(self) -> "VoteQuerySet":
        """Leave out those of LLM judges, who are counted apart; simulated annotators stay."""
        return self.exclude(comparison__annotator__kind=AnnotatorKind.JUDGE)

    def _for_ranking(self, exclusions: ExclusionQuerySet) -> "VoteQuerySet":
        """Leave out repeats, known answers, practice, and the annotators excluded."""
        excluded = exclusions.filter(
            run=models.OuterRef("comparison__round__run"),
            annotator=models.OuterRef("comparison__annotator"),
        )
        return self.filter(~models.Exists(excluded), comparison__purpose=Purpose.RANKING)


class Vote(models.Model):
    """One annotator's outcome of one comparison and turn: an entry in an append-only ledger.

    Votes and withdrawals take their numbers (`id`, `withdrawn_number`) from one sequence, so a
    single number says what stood at a moment, whatever any clock says.
    """

    Outcome = Outcome
    Degree = Degree
    WHOLE_CONVERSATION = 0

    comparison = models.ForeignKey(
        Comparison, on_delete=models.PROTECT, related_name="votes", db_index=False
    )
    turn = models.PositiveSmallIntegerField(
        default=WHOLE_CONVERSATION, help_text=_("From 1; 0 is the conversation as a whole.")
    )
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    degree = models.CharField(
        max_length=8, choices=Degree.choices, blank=True, default="", db_default=""
    )
    reasons_a = ArrayField(
        models.SlugField(),
        default=list,
        db_default=[],
        blank=True,
        help_text=_("Tags of completion a."),
    )
    reasons_b = ArrayField(
        models.SlugField(),
        default=list,
        db_default=[],
        blank=True,
        help_text=_("Tags of completion b."),
    )
    comment = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    withdrawn_number = models.BigIntegerField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = VoteQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["comparison"], name="vote_of_comparison"),
            models.Index(
                fields=["withdrawn_number"],
                name="vote_withdrawn",
                condition=models.Q(withdrawn_number__isnull=False),
            ),
            # Votes come in the order of their times: a few kilobytes find those of the last day.
            BrinIndex(fields=["created_at"], autosummarize=True, name="vote_by_time"),
        ]
        constraints = [
            choice_check("vote", "outcome", Outcome),
            models.CheckConstraint(
                name="vote_degree_of_a_better_one",
                condition=models.Q(degree="")
                | models.Q(degree__in=Degree.values, outcome__in=[Outcome.A, Outcome.B]),
            ),
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
                name="only_withdrawn",
                fields=[
                    "id",
                    "comparison",
                    "turn",
                    "outcome",
                    "degree",
                    "reasons_a",
                    "reasons_b",
                    "comment",
                    "created_at",
                ],
            ),
            pgtrigger.Protect(
                name="withdrawn_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__withdrawn_number__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.comparison_id}: {self.outcome}"


class Which(models.TextChoices):
    """One of a comparison's two completions."""

    A = "a", "a"
    B = "b", "b"


class PassageTag(models.TextChoices):
    """What is wrong with a marked passage."""

    WRONG_LANGUAGE = "wrong_language", _("wrong language")
    WRONG_FACT = "wrong_fact", _("wrong fact")
    UNNATURAL = "unnatural", _("unnatural")


class PassageMark(models.Model):
    """Characters of a stored reply that an annotator marked with a vote."""

    Which = Which
    Tag = PassageTag

    vote = models.ForeignKey(Vote, on_delete=models.PROTECT, related_name="marks")
    which = models.CharField(max_length=1, choices=Which.choices)
    turn = models.PositiveSmallIntegerField(default=1, help_text=_("Which reply, from 1."))
    start = models.PositiveIntegerField(help_text=_("First character, from 0 (code points)."))
    end = models.PositiveIntegerField(help_text=_("One past the last character."))
    tag = models.CharField(max_length=16, choices=PassageTag.choices)

    class Meta:
        ordering = ["vote", "which", "turn", "start", "end"]
        constraints = [
            choice_check("mark", "which", Which),
            choice_check("mark", "tag", PassageTag),
            models.CheckConstraint(
                name="mark_has_characters", condition=models.Q(start__lt=models.F("end"))
            ),
            models.CheckConstraint(name="mark_turn_from_one", condition=models.Q(turn__gte=1)),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.vote_id} {self.which} {self.start}-{self.end}"
