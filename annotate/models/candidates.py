"""Who answers, and what was answered."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.checks import append_only, choice_check, not_blank
from annotate.models.prompts import Prompt
from annotate.models.runs import SelectionRun


class Engine(models.TextChoices):
    """What makes a candidate's completions."""

    VLLM = "vllm", "vLLM"
    OPENAI = "openai", _("OpenAI-compatible endpoints")
    TRANSFORMERS = "transformers", "transformers"
    IMPORTED = "imported", _("imported: made elsewhere")


class PromptFormat(models.TextChoices):
    """How messages become the text that the model reads."""

    CHAT_TEMPLATE = "chat_template", _("the tokenizer's own chat template")
    LLAMA2 = "llama2", "Llama 2 (Shisa 7B)"
    SWALLOW = "swallow", "Swallow-MS"
    RINNA = "rinna", "rinna"
    CHATML = "chatml", "ChatML"
    ALPACA_JA = "alpaca-ja", "Alpaca (ja)"
    ALPACA_EN = "alpaca-en", "Alpaca (en)"


class Origin(models.TextChoices):
    """How a candidate's weights came to be."""

    BASE = "base", _("base model")
    SFT = "sft", _("supervised fine-tuning")
    DPO = "dpo", "DPO"
    MERGE = "merge", _("merge")
    IMPORTED = "imported", _("imported")
    WRITTEN = "written", _("written by hand, for comparisons with a known answer")


class CandidateQuerySet(models.QuerySet["Candidate"]):
    """Candidates as services ask for them."""

    def competing(self) -> "CandidateQuerySet":
        """Keep those that are to be ranked."""
        return self.exclude(origin=Origin.WRITTEN)


class Candidate(models.Model):
    """A model at a revision, with its prompt format and its sampling."""

    Engine = Engine
    PromptFormat = PromptFormat
    Origin = Origin

    run = models.ForeignKey(SelectionRun, on_delete=models.PROTECT, related_name="candidates")
    name = models.CharField(max_length=200)
    model = models.CharField(
        max_length=500, blank=True, help_text=_("A folder, or an id on a hub.")
    )
    revision = models.CharField(max_length=100, blank=True)
    preset = models.CharField(
        max_length=100, blank=True, help_text=_("The preset that its settings came from.")
    )
    engine = models.CharField(max_length=16, choices=Engine.choices, default=Engine.IMPORTED)
    prompt_format = models.CharField(
        max_length=16,
        choices=PromptFormat.choices,
        blank=True,
        help_text=_("Empty where the texts came from elsewhere and nobody said."),
    )
    engine_options = models.JSONField(
        default=dict, blank=True, help_text=_("Such as tensor_parallel_size, or endpoints.")
    )
    system_prompts = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("By language tag: the system text of prompts that have none of their own."),
    )
    sampling = models.JSONField(default=dict, blank=True)
    stop = ArrayField(models.TextField(), default=list, blank=True)
    tokenizer = models.JSONField(
        default=dict, blank=True, help_text=_("Options such as use_fast or add_special_tokens.")
    )
    licence = models.CharField(
        max_length=300, blank=True, help_text=_("Several that hold together are joined by AND.")
    )
    is_anchor = models.BooleanField(
        default=False,
        help_text=_("A frozen point of comparison: it stays in every round and is never cut."),
    )
    parents = models.ManyToManyField("self", symmetrical=False, related_name="children", blank=True)
    origin = models.CharField(max_length=16, choices=Origin.choices, default=Origin.IMPORTED)
    training_run = models.ForeignKey(
        "TrainingRun",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="candidates",
        help_text=_("The training run whose checkpoint this is."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CandidateQuerySet.as_manager()

    class Meta:
        ordering = ["run", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "name"], name="candidate_name_unique_in_run"),
            not_blank("candidate", "name"),
            choice_check("candidate", "engine", Engine),
            models.CheckConstraint(
                name="candidate_prompt_format_known",
                condition=models.Q(prompt_format__in=["", *PromptFormat.values]),
            ),
            choice_check("candidate", "origin", Origin),
            models.CheckConstraint(
                name="candidate_engine_has_a_model",
                condition=models.Q(engine=Engine.IMPORTED)
                | ~models.Q(model="") & ~models.Q(prompt_format=""),
            ),
        ]
        # Completions say by whom they were made, and never by what settings at the time.
        triggers = [
            pgtrigger.ReadOnly(
                name="settings_never_change",
                fields=[
                    "run", "model", "revision", "prompt_format", "system_prompts", "sampling",
                    "stop", "tokenizer",
                ],
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name


class FinishReason(models.TextChoices):
    """Why a completion ended."""

    STOP = "stop", _("it ended by itself")
    LENGTH = "length", _("it was cut at the length limit")


class CompletionQuerySet(models.QuerySet["Completion"]):
    """Completions as services ask for them."""

    def of_run(self, run: SelectionRun) -> "CompletionQuerySet":
        """Keep those of the run's candidates."""
        return self.filter(candidate__run=run)

    def hidden(self) -> "CompletionQuerySet":
        """Keep those reported as harmful, until an admin finds that they are not."""
        unsettled = models.Q(reports__looked_at__isnull=True, reports__isnull=False)
        return self.filter(unsettled | models.Q(reports__is_upheld=True)).distinct()


# White space of every script becomes one space, and none stands at an end of a reply; U+001F
# parts the replies. Most texts have no white space but spaces and line feeds, so one look for
# the rest and plain replacements take a fifth of the time of an expression for each run.
_RARE_SPACE = r"[\t\v\f\r\u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]"
DIGEST_TEXT = f"""
    words = replace(array_to_string(NEW.replies, E'\\x1f'), E'\\n', ' ');
    words = regexp_replace(words, '{_RARE_SPACE}', ' ', 'g');
    WHILE strpos(words, '  ') > 0 LOOP
        words = replace(words, '  ', ' ');
    END LOOP;
    IF strpos(words, E'\\x1f') > 0 THEN
        words = replace(replace(words, E' \\x1f', E'\\x1f'), E'\\x1f ', E'\\x1f');
    END IF;
    NEW.text_digest = md5(btrim(words, ' '));
    RETURN NEW;
"""


class Completion(models.Model):
    """What a candidate answered: one reply for each turn of the prompt. Never changed."""

    FinishReason = FinishReason

    candidate = models.ForeignKey(
        Candidate, on_delete=models.PROTECT, related_name="completions", db_index=False
    )
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="completions")
    sample = models.PositiveSmallIntegerField(default=0)
    replies = ArrayField(models.TextField(blank=True))
    finish_reason = models.CharField(max_length=16, choices=FinishReason.choices, blank=True)
    seed = models.BigIntegerField(null=True, blank=True)
    prompt_tokens = models.PositiveIntegerField(null=True, blank=True)
    completion_tokens = models.PositiveIntegerField(null=True, blank=True)
    engine_version = models.CharField(max_length=100, blank=True)
    sampling = models.JSONField(
        null=True, blank=True, help_text=_("By what it was drawn; empty where nobody said.")
    )
    seconds = models.FloatField(
        null=True, blank=True, help_text=_("Its share of the time that its batch took.")
    )
    rendered_prompt_sha256 = models.CharField(max_length=64, blank=True)
    names_maker = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text=_("The words with which the text says whose it is; empty: none were found."),
    )
    text_digest = models.CharField(
        max_length=32,
        editable=False,
        default="",
        db_default="",
        help_text=_("Equal for texts that differ in white space alone; the database fills it."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CompletionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["candidate", "prompt", "sample"], name="completion_sample_unique"
            ),
            # Lets a comparison point at a completion together with its candidate and prompt, so
            # that the database itself refuses a comparison across prompts.
            models.UniqueConstraint(
                fields=["id", "candidate", "prompt"], name="completion_identity"
            ),
            models.CheckConstraint(
                name="completion_has_a_reply", condition=models.Q(replies__len__gte=1)
            ),
            models.CheckConstraint(
                name="completion_finish_reason_known",
                condition=models.Q(finish_reason__in=["", *FinishReason.values]),
            ),
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="digest_text",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                declare=[("words", "TEXT")],
                func=DIGEST_TEXT,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.candidate}: {self.prompt.key} #{self.sample}"
