"""What volunteers agree to, and who agreed to it."""

from django.db import models
from django.utils.translation import get_language

from annotate.models.checks import append_only, not_blank
from annotate.models.people import Annotator


class ConsentText(models.Model):
    """What becomes of votes, in words; a change of the words is a new version."""

    version = models.PositiveIntegerField(unique=True)
    text_en = models.TextField()
    text_ja = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]
        constraints = [
            not_blank("consent_text", "text_en"),
            not_blank("consent_text", "text_ja"),
            models.CheckConstraint(
                name="consent_text_version_from_one", condition=models.Q(version__gte=1)
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.version}"

    @property
    def text(self) -> str:
        """Give the words in the reader's language."""
        return self.text_ja if get_language() == "ja" else self.text_en


class Consent(models.Model):
    """That an annotator agreed to a text, and perhaps took it back, with all votes."""

    annotator = models.ForeignKey(Annotator, on_delete=models.PROTECT, related_name="consents")
    text = models.ForeignKey(ConsentText, on_delete=models.PROTECT, related_name="consents")
    given_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["annotator", "text"],
                condition=models.Q(withdrawn_at__isnull=True),
                name="consent_stands_once",
            ),
            models.CheckConstraint(
                name="consent_given_before_withdrawn",
                condition=models.Q(withdrawn_at__isnull=True)
                | models.Q(withdrawn_at__gte=models.F("given_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.annotator}: {self.text}"
