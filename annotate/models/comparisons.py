"""Comparisons drawn for annotators, and those of them whose right answer is known."""

import uuid
from datetime import datetime

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from annotate.models.candidates import Candidate, Completion
from annotate.models.checks import choice_check
from annotate.models.people import Annotator, AnnotatorKind
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


class Purpose(models.TextChoices):
    """What a comparison is for; votes on any but the first kind decide no ranking."""

    RANKING = "ranking", _("to rank candidates")
    REPEAT = "repeat", _("to see whether a vote is repeated")
    GOLD = "gold", _("to see whether a known answer is found")
    PRACTICE = "practice", _("to practise")


class SkipReason(models.TextChoices):
    """Why an annotator passed over a comparison."""

    CANNOT_JUDGE = "cannot_judge", _("I can't judge this")
    NOT_MY_LANGUAGE = "not_my_language", _("Not my language")
    BROKEN_TEXT = "broken_text", _("The text is broken")


# As in comparisons, so that a known answer says the same there.
TWO_IN_ORDER = """
IF NOT EXISTS (
  SELECT FROM annotate_completion AS a JOIN annotate_completion AS b USING (prompt_id)
  WHERE a.id = NEW.completion_a_id AND b.id = NEW.completion_b_id
  AND a.candidate_id < b.candidate_id
) THEN
  RAISE EXCEPTION 'a pair with a known answer breaks "gold_two_in_order"'
  USING ERRCODE = 'check_violation';
END IF;
RETURN NEW;
"""


class GoldPair(models.Model):
    """Two completions of one prompt whose right answer is known, and why it is right.

    a is always the completion of the candidate with the lower id.
    """

    run = models.ForeignKey(SelectionRun, on_delete=models.PROTECT, related_name="gold_pairs")
    use = models.CharField(
        max_length=16,
        choices=[(each.value, each.label) for each in (Purpose.GOLD, Purpose.PRACTICE)],
    )
    completion_a = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="+")
    completion_b = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    explanation_en = models.TextField(blank=True)
    explanation_ja = models.TextField(blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    retired_at = models.DateTimeField(null=True, blank=True, help_text=_("Since then not shown."))

    class Meta:
        ordering = ["run", "position", "id"]
        constraints = [
            choice_check("gold", "outcome", Outcome),
            models.CheckConstraint(
                name="gold_use_known",
                condition=models.Q(use__in=[Purpose.GOLD, Purpose.PRACTICE]),
            ),
        ]
        # Answers are right or wrong by what was known when they were given.
        triggers = [
            pgtrigger.ReadOnly(
                name="answer_stays",
                fields=["run", "use", "completion_a", "completion_b", "outcome"],
            ),
            pgtrigger.Trigger(
                name="two_in_order",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func=TWO_IN_ORDER,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run}: {self.use} {self.pk}"

    @property
    def explanation(self) -> str:
        """Say why the answer is right, in the reader's language where it is told in that."""
        english, japanese = self.explanation_en, self.explanation_ja
        return japanese or english if get_language() == "ja" else english or japanese


_JUDGED = models.Q(answered_at__isnull=False) & ~models.Q(purpose=Purpose.PRACTICE)


class ComparisonQuerySet(models.QuerySet["Comparison"]):
    """Comparisons as the voting services ask for them."""

    def unanswered(self) -> "ComparisonQuerySet":
        """Keep those that wait for an answer: neither skipped nor dropped."""
        return self.filter(
            answered_at__isnull=True, skipped_at__isnull=True, dropped_at__isnull=True
        )

    def judged(self) -> "ComparisonQuerySet":
        """Keep those with a vote, to the last turn; practice is none."""
        return self.filter(_JUDGED)

    def by_people(self) -> "ComparisonQuerySet":
        """Leave out those of LLM judges, who are counted apart; simulated annotators stay."""
        return self.exclude(annotator__kind=AnnotatorKind.JUDGE)

    def taken(self, now: datetime) -> "ComparisonQuerySet":
        """Keep those that are answered, or leased to somebody who may still answer."""
        is_leased = models.Q(
            lease_expires_at__gt=now, skipped_at__isnull=True, dropped_at__isnull=True
        )
        return self.filter(models.Q(answered_at__isnull=False) | is_leased)


class Comparison(models.Model):
    """Two completions of one prompt, drawn for one annotator.

    a is always the completion of the candidate with the lower id: a pair of candidates has one
    orientation in the whole database. What the screen showed is `side_a`.
    """

    Side = Side
    Purpose = Purpose
    SkipReason = SkipReason

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
    purpose = models.CharField(
        max_length=16, choices=Purpose.choices, default=Purpose.RANKING, db_default=Purpose.RANKING
    )
    gold = models.ForeignKey(
        GoldPair, null=True, blank=True, on_delete=models.PROTECT, related_name="comparisons"
    )
    repeats = models.OneToOneField(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="repeated_as",
        help_text=_("The earlier comparison, which this shows with its sides swapped."),
    )
    propensity = models.FloatField(
        null=True,
        blank=True,
        help_text=_(
            "Chance that the policy gave this pair of candidates; empty where no policy drew it."
        ),
    )
    created_at = models.DateTimeField(auto_now_add=True)
    shown_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When it first stood before the annotator.")
    )
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the last of its turns was judged.")
    )
    skipped_at = models.DateTimeField(null=True, blank=True)
    skip_reason = models.CharField(
        max_length=16, choices=SkipReason.choices, blank=True, default="", db_default=""
    )
    dropped_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("When it was taken from the annotator, who may not see it any more."),
    )
    import_key = models.CharField(  # noqa: DJ001  the unique constraint passes over nulls
        max_length=200,
        null=True,
        blank=True,
        help_text=_("What names it in the file it came from."),
    )

    objects = ComparisonQuerySet.as_manager()

    # False where it was just drawn, or read together with the fact that nobody voted on it.
    may_have_votes = True
    # How many annotators may be given these two completions in the round; None: any number.
    given_at_most: int | None = None

    class Meta:
        indexes = [
            # With the id, so that what was drawn since some comparison is found by itself.
            models.Index(fields=["annotator", "round", "id"], name="comparison_by_annotator"),
            models.Index(
                fields=["round", "candidate_a", "candidate_b", "id"],
                name="comparison_by_candidates",
            ),
            # A line of one or two, however many its annotator has judged.
            models.Index(
                fields=["annotator", "round"],
                name="comparison_waiting",
                condition=models.Q(
                    answered_at__isnull=True, skipped_at__isnull=True, dropped_at__isnull=True
                ),
            ),
            # Counted from these alone, without a look at the comparisons.
            models.Index(
                fields=["annotator", "answered_at"],
                name="comparison_judged_by",
                condition=_JUDGED,
            ),
            models.Index(
                fields=["round", "answered_at"],
                include=["annotator"],
                name="comparison_judged_in",
                condition=_JUDGED,
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
            choice_check("comparison", "purpose", Purpose),
            models.CheckConstraint(
                name="comparison_gold_where_known",
                condition=models.Q(gold__isnull=False, purpose__in=[Purpose.GOLD, Purpose.PRACTICE])
                | ~models.Q(purpose__in=[Purpose.GOLD, Purpose.PRACTICE])
                & models.Q(gold__isnull=True),
            ),
            models.CheckConstraint(
                name="comparison_repeats_an_earlier_one",
                condition=models.Q(repeats__isnull=False, purpose=Purpose.REPEAT)
                | ~models.Q(purpose=Purpose.REPEAT) & models.Q(repeats__isnull=True),
            ),
            models.CheckConstraint(
                name="comparison_propensity_of_a_drawn_pair",
                condition=models.Q(propensity__isnull=True)
                | models.Q(propensity__gt=0, propensity__lte=1, purpose=Purpose.RANKING),
            ),
            models.CheckConstraint(
                name="comparison_skip_has_a_reason",
                condition=models.Q(skipped_at__isnull=True, skip_reason="")
                | models.Q(skipped_at__isnull=False, skip_reason__in=SkipReason.values),
            ),
            models.CheckConstraint(
                name="comparison_skipped_or_answered",
                condition=models.Q(skipped_at__isnull=True) | models.Q(answered_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return str(self.token)
