"""What candidates are asked."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.checks import not_blank


class PromptSet(models.Model):
    """A named collection of prompts; several runs may share it."""

    slug = models.SlugField(max_length=100, unique=True)
    title = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [not_blank("promptset", "slug")]

    def __str__(self) -> str:
        return self.title or self.slug


class PromptQuerySet(models.QuerySet["Prompt"]):
    """Prompts as the loop asks for them."""

    def held_out(self) -> "PromptQuerySet":
        """Keep those that measure a trained candidate and never train one."""
        return self.filter(is_held_out=True)

    def for_training(self) -> "PromptQuerySet":
        """Keep those whose votes may become chosen and rejected replies."""
        return self.filter(is_held_out=False)


class Prompt(models.Model):
    """A conversation to be answered: one or several user turns, perhaps under a system prompt."""

    prompt_set = models.ForeignKey(PromptSet, on_delete=models.PROTECT, related_name="prompts")
    key = models.CharField(max_length=200, help_text=_("Names the prompt within its set."))
    system = models.TextField(blank=True)
    turns = ArrayField(models.TextField(), help_text=_("What the user says, turn by turn."))
    references = ArrayField(
        models.TextField(blank=True),
        default=list,
        db_default=[],
        blank=True,
        help_text=_("A right answer to each turn, for judges; empty where there is none."),
    )
    language = models.CharField(max_length=16, help_text=_("A language tag such as ja or en."))
    category = models.CharField(max_length=100, blank=True)
    is_held_out = models.BooleanField(
        default=False, help_text=_("Votes on it count for rankings and never reach a training set.")
    )

    objects = PromptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["prompt_set", "key"], name="prompt_key_unique_in_set"),
            not_blank("prompt", "key"),
            models.CheckConstraint(name="prompt_has_a_turn", condition=models.Q(turns__len__gte=1)),
            models.CheckConstraint(
                name="prompt_language_is_a_tag",
                condition=models.Q(language__regex=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"),
            ),
        ]
        # Completions answer the prompt as it was put, and rankings are sliced by what it was.
        triggers = [
            pgtrigger.ReadOnly(
                name="never_reworded",
                fields=[
                    "prompt_set",
                    "key",
                    "system",
                    "turns",
                    "references",
                    "language",
                    "category",
                ],
            ),
            pgtrigger.Protect(
                name="held_out_for_good",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__is_held_out=True, new__is_held_out=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prompt_set}: {self.key}"
