"""LLM judges: what they are, what they read, and what they wrote."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.candidates import Completion, Engine, PromptFormat
from annotate.models.checks import append_only, choice_check, not_blank
from annotate.models.comparisons import Comparison
from annotate.models.people import Annotator
from annotate.models.runs import Round, SelectionRun
from annotate.models.shards import ShardState


class TemplateUse(models.TextChoices):
    """What a judge is asked."""

    PAIR = "pair", _("which of two replies is better")
    SCORE = "score", _("how good one reply is, from 1 to 10")


class JudgeTemplate(models.Model):
    """What a judge reads, in each language; another wording is another version."""

    Use = TemplateUse

    name = models.SlugField(max_length=100)
    version = models.PositiveSmallIntegerField(default=1)
    use = models.CharField(max_length=8, choices=TemplateUse.choices)
    texts = models.JSONField(help_text=_("By language tag: system and user text, with fields."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "version"]
        constraints = [
            choice_check("template", "use", TemplateUse),
            not_blank("template", "name"),
            models.UniqueConstraint(fields=["name", "version"], name="template_version_unique"),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Judge(models.Model):
    """A model that judges by a template. It never changes: other settings are another judge."""

    slug = models.SlugField(max_length=100, unique=True)
    annotator = models.OneToOneField(Annotator, on_delete=models.PROTECT, related_name="judge")
    template = models.ForeignKey(JudgeTemplate, on_delete=models.PROTECT, related_name="judges")
    model = models.CharField(max_length=500, help_text=_("A folder, or an id on a hub."))
    revision = models.CharField(max_length=100, blank=True)
    engine = models.CharField(max_length=16, choices=Engine.choices)
    engine_options = models.JSONField(default=dict, blank=True)
    prompt_format = models.CharField(max_length=16, choices=PromptFormat.choices)
    sampling = models.JSONField(default=dict, blank=True)
    tokenizer = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    runs = models.ManyToManyField(
        SelectionRun, related_name="judges", blank=True, help_text=_("The runs that it judges in.")
    )

    class Meta:
        ordering = ["slug"]
        constraints = [
            not_blank("judge", "slug"),
            not_blank("judge", "model"),
            models.CheckConstraint(
                name="judge_engine_known",
                condition=models.Q(engine__in=[e for e in Engine.values if e != Engine.IMPORTED]),
            ),
            choice_check("judge", "prompt_format", PromptFormat),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return self.slug


class JudgeSitting(models.Model):
    """How many comparisons a judge is to make in a round, and how far the work has come."""

    State = ShardState

    judge = models.ForeignKey(Judge, on_delete=models.PROTECT, related_name="sittings")
    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="sittings")
    n_wanted = models.PositiveIntegerField(
        help_text=_("Comparisons, each read in both orders; or scores, where it gives scores.")
    )
    choices = models.PositiveSmallIntegerField(
        default=1, help_text=_("How often each reply is scored, where it gives scores.")
    )
    state = models.CharField(max_length=16, choices=ShardState.choices, default=ShardState.WAITING)
    failure = models.TextField(blank=True, default="")
    log = models.TextField(blank=True, default="", help_text=_("The last lines of its log."))
    started_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When its worker last said that it runs.")
    )
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["round", "judge"]
        constraints = [
            choice_check("sitting", "state", ShardState),
            models.UniqueConstraint(fields=["judge", "round"], name="sitting_once_in_a_round"),
            models.CheckConstraint(
                name="sitting_choices_from_one", condition=models.Q(choices__gte=1)
            ),
            models.CheckConstraint(
                name="sitting_failure_said",
                condition=models.Q(state=ShardState.FAILED) & ~models.Q(failure="")
                | ~models.Q(state=ShardState.FAILED) & models.Q(failure=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.judge}: {self.round}"


class ReadingOrder(models.TextChoices):
    """Which of a comparison's completions a judge read first."""

    AB = "ab", "a, b"
    BA = "ba", "b, a"


class JudgeVerdict(models.TextChoices):
    """What a judge wrote, in terms of the comparison's a and b."""

    A = "a", "a"
    B = "b", "b"
    TIE = "tie", _("draw")
    BOTH_BAD = "both_bad", _("both bad")
    UNREADABLE = "unreadable", _("could not be read")


class JudgeReading(models.Model):
    """One look of a judge at a comparison, in one order. Its vote follows from both."""

    Order = ReadingOrder
    Verdict = JudgeVerdict

    judge = models.ForeignKey(Judge, on_delete=models.PROTECT, related_name="readings")
    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="readings")
    order = models.CharField(max_length=2, choices=ReadingOrder.choices)
    verdict = models.CharField(max_length=16, choices=JudgeVerdict.choices)
    reply = models.TextField(blank=True, help_text=_("What the judge wrote."))
    seed = models.BigIntegerField()
    prompt_tokens = models.PositiveIntegerField(null=True, blank=True)
    completion_tokens = models.PositiveIntegerField(null=True, blank=True)
    engine_version = models.CharField(max_length=100, blank=True)
    rendered_prompt_sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            choice_check("reading", "order", ReadingOrder),
            choice_check("reading", "verdict", JudgeVerdict),
            models.UniqueConstraint(fields=["comparison", "order"], name="reading_order_unique"),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.judge}: {self.verdict}"


class JudgeScore(models.Model):
    """How good a judge found one turn of a completion, from 1 to 10, in one of several choices."""

    judge = models.ForeignKey(Judge, on_delete=models.PROTECT, related_name="scores")
    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="scores")
    turn = models.PositiveSmallIntegerField(help_text=_("From 1."))
    choice = models.PositiveSmallIntegerField(help_text=_("Which of the repeats, from 0."))
    score = models.FloatField(
        null=True, blank=True, help_text=_("1 to 10; empty where the reply could not be read.")
    )
    reply = models.TextField(blank=True, help_text=_("What the judge wrote."))
    had_reference = models.BooleanField(default=False)
    seed = models.BigIntegerField()
    engine_version = models.CharField(max_length=100, blank=True)
    rendered_prompt_sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["judge", "completion", "turn", "choice"], name="score_choice_unique"
            ),
            models.CheckConstraint(
                name="score_from_1_to_10",
                condition=models.Q(score__isnull=True) | models.Q(score__gte=1, score__lte=10),
            ),
            models.CheckConstraint(name="score_turn_from_one", condition=models.Q(turn__gte=1)),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.judge}: {self.score}"
