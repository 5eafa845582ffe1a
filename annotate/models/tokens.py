"""Keys with which programs use the API in an account's name."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.checks import choice_check, not_blank


class TokenScope(models.TextChoices):
    """What a token allows; each scope allows all that the one before it does."""

    READ = "read", _("read")
    EXPORT = "export", _("export")
    WRITE = "write", _("write")
    ADMIN = "admin", _("launch and steer runs")


class ApiToken(models.Model):
    """A token: only its digest is kept, so that it is shown once, when it is made."""

    Scope = TokenScope

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens"
    )
    name = models.CharField(max_length=100, help_text=_("What it is for."))
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scope = models.CharField(max_length=8, choices=TokenScope.choices, default=TokenScope.READ)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            choice_check("token", "scope", TokenScope),
            not_blank("token", "name"),
            models.CheckConstraint(
                name="token_digest_is_sha256",
                condition=models.Q(digest__regex="^[0-9a-f]{64}$"),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def has_ended(self, now: datetime) -> bool:
        """Tell whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now
