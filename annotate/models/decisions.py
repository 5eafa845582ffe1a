"""How a run comes to its decision: which pair is compared next, and when that may stop."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.checks import append_only, choice_check
from annotate.models.runs import Round, SelectionRun


class PairingPolicy(models.TextChoices):
    """How the next pair of candidates is drawn."""

    UNIFORM = "uniform", _("uniform: every pair of candidates with the same chance")
    BALANCED = "balanced", _("balanced: the pair that met least often")
    ADAPTIVE = "adaptive", _("adaptive: the pair that tells most about which candidate is best")


class DecisionRules(models.Model):
    """What an admin has set for a run; a run without a row has the defaults."""

    Policy = PairingPolicy

    run = models.OneToOneField(
        SelectionRun, primary_key=True, on_delete=models.CASCADE, related_name="stored_decision"
    )
    policy = models.CharField(
        max_length=16, choices=PairingPolicy.choices, default=PairingPolicy.BALANCED
    )
    epsilon = models.FloatField(
        default=0.2, help_text=_("Share of pairs that the adaptive policy draws uniformly.")
    )
    warm_up = models.PositiveSmallIntegerField(
        default=5, help_text=_("Comparisons of every candidate before the policy adapts.")
    )
    votes_per_pair = models.PositiveSmallIntegerField(
        default=1, help_text=_("Annotators who judge the same two completions.")
    )
    stops_early = models.BooleanField(
        default=False, help_text=_("Whether a round draws no more pairs once it has its answer.")
    )
    alpha = models.FloatField(
        default=0.05, help_text=_("Chance of a wrong answer that stopping may have, above 0 to .5.")
    )
    delta = models.FloatField(
        null=True,
        blank=True,
        help_text=_("Difference of strengths that does not matter; empty: any difference does."),
    )
    votes_per_language = models.PositiveIntegerField(
        default=0, help_text=_("Votes in each language before a round may stop.")
    )

    class Meta:
        verbose_name_plural = "decision rules"
        constraints = [
            choice_check("decision", "policy", PairingPolicy),
            models.CheckConstraint(
                name="decision_epsilon_in_range",
                condition=models.Q(epsilon__gt=0, epsilon__lte=1),
            ),
            models.CheckConstraint(
                name="decision_votes_per_pair_at_least_one",
                condition=models.Q(votes_per_pair__gte=1),
            ),
            models.CheckConstraint(
                name="decision_alpha_in_range",
                condition=models.Q(alpha__gt=0, alpha__lte=0.5),
            ),
            models.CheckConstraint(
                name="decision_delta_above_zero",
                condition=models.Q(delta__isnull=True) | models.Q(delta__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run}"

    @classmethod
    def of(cls, run: SelectionRun) -> "DecisionRules":
        """Give the run's rules, or the defaults where nobody has set any."""
        return cls.objects.filter(run=run).first() or cls(run=run)


class RoundEstimate(models.Model):
    """What the votes of a round said when it was last looked at: one row, refreshed as votes come.

    Pairs are drawn by it, and the run's page shows it; a ranking is a snapshot, this is none.
    """

    round = models.OneToOneField(
        Round, primary_key=True, on_delete=models.CASCADE, related_name="estimate"
    )
    version = models.PositiveIntegerField(
        default=1, help_text=_("Counts the refreshes; whoever holds an older one reads again.")
    )
    through = models.BigIntegerField(
        help_text=_("Number in the vote ledger up to which votes are in it.")
    )
    last_comparison = models.BigIntegerField(
        default=0, help_text=_("Id up to which drawn comparisons are in it.")
    )
    n_votes = models.PositiveIntegerField()
    n_judged = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text="Comparisons of any purpose but practice that people had judged by `judged_by`.",
    )
    judged_by = models.DateTimeField(null=True, blank=True)
    made_at = models.DateTimeField()
    candidates = ArrayField(
        models.BigIntegerField(), help_text=_("Ids, in the order of all its arrays.")
    )
    standings = models.JSONField(help_text=_("Of each candidate: strength, interval, P(best)."))
    evidence = models.JSONField(help_text=_("How far the round is from its answer."))
    arrays = models.BinaryField(help_text=_("What pairs are drawn by, as numpy's npz."))

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="estimate_version_from_one", condition=models.Q(version__gte=1)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.round} @ {self.version}"


class StopReason(models.TextChoices):
    """What a round had found out when it stopped."""

    BEST = "best", _("one candidate is the best")
    EQUIVALENT = (
        "equivalent",
        _("the best ones cannot be told apart by the difference that matters"),
    )


class Stop(models.Model):
    """That a round had its answer, by which votes and on what evidence.

    Pairs that are before annotators by then are judged and count; no more are drawn.
    """

    Reason = StopReason

    round = models.OneToOneField(Round, on_delete=models.PROTECT, related_name="stop")
    reason = models.CharField(max_length=16, choices=StopReason.choices)
    cutoff = models.BigIntegerField(help_text=_("Number in the vote ledger up to which it looked."))
    n_votes = models.PositiveIntegerField()
    evidence = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [choice_check("stop", "reason", StopReason)]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.round}: {self.reason}"


class CutRule(models.TextChoices):
    """Which candidates leave after a round."""

    BEATEN = (
        "beaten",
        _("those beaten by proof: the best one leaves with chance α at most"),
    )
    TOP = "top", _("all but the strongest few: how likely the best one left is said")
    NONE = "none", _("nobody")


class RoundCut(models.Model):
    """Who left after a round, by which rule, and with which chance that the best one did."""

    Rule = CutRule

    round = models.OneToOneField(Round, on_delete=models.PROTECT, related_name="cut")
    rule = models.CharField(max_length=16, choices=CutRule.choices)
    error = models.FloatField(help_text=_("Chance that the best one is among those who left."))
    kept = ArrayField(models.BigIntegerField(), help_text=_("Ids of candidates that stay."))
    left = ArrayField(models.BigIntegerField(), help_text=_("Ids of candidates that leave."))
    cutoff = models.BigIntegerField(help_text=_("Number in the vote ledger up to which it looked."))
    evidence = models.JSONField(help_text=_("Of each candidate: strength, interval, P(best)."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            choice_check("cut", "rule", CutRule),
            models.CheckConstraint(
                name="cut_error_is_a_chance",
                condition=models.Q(error__gte=0, error__lte=1),
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.round}: {len(self.left)} left"


class RunDecision(models.Model):
    """Which candidate a run chose, and on what evidence; a run that goes on may decide again."""

    run = models.ForeignKey(SelectionRun, on_delete=models.PROTECT, related_name="decisions")
    number = models.PositiveSmallIntegerField()
    cutoff = models.BigIntegerField(help_text=_("Number in the vote ledger up to which it counts."))
    content = models.JSONField(help_text=_("All that the decision's page and file say."))
    sha256 = models.CharField(max_length=64, help_text=_("Of the content, in canonical JSON."))
    made_at = models.DateTimeField(auto_now_add=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="decision_number_unique"),
            models.CheckConstraint(
                name="decision_number_from_one", condition=models.Q(number__gte=1)
            ),
            models.CheckConstraint(
                name="decision_has_a_hash", condition=models.Q(sha256__regex="^[0-9a-f]{64}$")
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.run}: #{self.number}"
