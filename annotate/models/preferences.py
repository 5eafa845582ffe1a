"""Preferences that were made elsewhere: chosen and rejected replies without votes."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.checks import append_only, not_blank


class PreferenceSet(models.Model):
    """A named collection of imported preference pairs, under one licence."""

    slug = models.SlugField(max_length=100, unique=True)
    title = models.CharField(max_length=200, blank=True)
    licence = models.CharField(
        max_length=300, blank=True, help_text=_("Several that hold together are joined by AND.")
    )
    origin = models.CharField(
        max_length=500, blank=True, help_text=_("Where its rows come from, such as an address.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]
        constraints = [not_blank("preferenceset", "slug")]

    def __str__(self) -> str:
        return self.title or self.slug


class PreferencePair(models.Model):
    """A conversation as far as a reply, with a better and a worse one. Never changed.

    `prompt`, `chosen` and `rejected` are lists of messages: objects with `role` and `content`.
    """

    preference_set = models.ForeignKey(
        PreferenceSet, on_delete=models.PROTECT, related_name="pairs", db_index=False
    )
    key = models.CharField(max_length=200, help_text=_("Names the pair within its set."))
    prompt = models.JSONField()
    chosen = models.JSONField()
    rejected = models.JSONField()
    prompt_sha256 = models.CharField(
        max_length=64, help_text=_("Of the prompt's messages: pairs on one prompt stay together.")
    )
    language = models.CharField(max_length=16, help_text=_("A language tag such as ja or en."))
    category = models.CharField(max_length=100, blank=True)
    margin = models.FloatField(
        null=True,
        blank=True,
        help_text=_("By how much the chosen one is better, in the set's own units; empty: unsaid."),
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["preference_set", "key"], name="preference_key_unique_in_set"
            ),
            not_blank("preference", "key"),
            models.CheckConstraint(
                name="preference_sha256_whole",
                condition=models.Q(prompt_sha256__regex=r"^[0-9a-f]{64}$"),
            ),
            models.CheckConstraint(
                name="preference_language_is_a_tag",
                condition=models.Q(language__regex=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"),
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.preference_set}: {self.key}"
