"""Who signs in, and who votes."""

import secrets
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.checks import choice_check, not_blank


class Role(models.TextChoices):
    """What an account may do; each role may do all that the one before it may."""

    VOLUNTEER = "volunteer", _("Volunteer")
    RESEARCHER = "researcher", _("Researcher")
    ADMIN = "admin", _("Admin")


class AccountManager(UserManager["User"]):
    """Makes accounts whose flags for Django's admin agree with their role."""

    def create_user(self, username: str, *args: Any, **fields: Any) -> "User":
        """Make an account; an admin gets Django's flags by its role."""
        is_admin = fields.get("role") == Role.ADMIN
        fields |= {"is_staff": is_admin, "is_superuser": is_admin}
        return super().create_user(username, *args, **fields)

    def create_superuser(self, username: str, *args: Any, **fields: Any) -> "User":
        """Make an admin, as `manage.py createsuperuser` does."""
        return super().create_superuser(username, *args, **fields | {"role": Role.ADMIN})


class User(AbstractUser):
    """An account that signs in."""

    Role = Role

    role = models.CharField(_("role"), max_length=16, choices=Role.choices, default=Role.VOLUNTEER)

    objects: ClassVar[AccountManager] = AccountManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            choice_check("user", "role", Role),
            models.CheckConstraint(
                name="user_admin_is_superuser",
                condition=models.Q(role=Role.ADMIN, is_superuser=True, is_staff=True)
                | ~models.Q(role=Role.ADMIN) & models.Q(is_superuser=False, is_staff=False),
            ),
        ]


class AnnotatorKind(models.TextChoices):
    """What an annotator is; the kinds are never mixed unsaid."""

    PERSON = "person", _("person")
    JUDGE = "judge", _("LLM judge")
    SIMULATED = "simulated", _("simulated")


def new_pseudonym() -> str:
    """Draw a name for exports that tells nothing of the annotator."""
    return f"annotator-{secrets.token_hex(6)}"


class Annotator(models.Model):
    """A person, an LLM judge or a simulation that votes."""

    Kind = AnnotatorKind

    kind = models.CharField(max_length=16, choices=AnnotatorKind.choices)
    name = models.CharField(max_length=200)
    source = models.CharField(
        max_length=100,
        blank=True,
        default="",
        help_text=_("The run whose imported votes brought it; empty for one who votes here."),
    )
    pseudonym = models.CharField(max_length=32, unique=True, default=new_pseudonym, editable=False)
    user = models.OneToOneField(
        User,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="annotator",
        help_text=_("Empty for one known by a signed cookie alone, and for imported ones."),
    )
    languages = ArrayField(
        models.CharField(max_length=16),
        default=list,
        db_default=[],
        blank=True,
        help_text=_("The languages that they read, as tags such as ja or en; empty: not asked."),
    )
    board_name = models.CharField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text=_("The name on the board of volunteers; empty: not on it."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            choice_check("annotator", "kind", AnnotatorKind),
            not_blank("annotator", "name"),
            models.UniqueConstraint(
                fields=["source", "name"],
                condition=~models.Q(source=""),
                name="annotator_name_unique_in_source",
            ),
            models.UniqueConstraint(
                fields=["board_name"],
                condition=~models.Q(board_name=""),
                name="annotator_board_name_unique",
            ),
        ]
        # A vote asks who are LLM judges, and not what all others are.
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(kind=AnnotatorKind.JUDGE),
                name="annotator_judges",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_kind_display()})"
