"""How volunteers rate in a run: who may, what they are asked, and how their care is checked."""

import secrets
from functools import cached_property

from django.conf import settings
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from annotate.models.checks import choice_check, not_blank
from annotate.models.people import Annotator
from annotate.models.runs import SelectionRun


class Door(models.TextChoices):
    """How volunteers come in."""

    OPEN = "open", _("open: anybody, known by a signed cookie")
    INVITATION = "invitation", _("invitation: whoever has a link")
    ACCOUNT = "account", _("account: whoever signs in")


class ReasonTag(models.Model):
    """A reason that a volunteer can give for a vote."""

    slug = models.SlugField(max_length=50, unique=True)
    label_en = models.CharField(max_length=100)
    label_ja = models.CharField(max_length=100)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "slug"]
        constraints = [
            not_blank("reason", "slug"),
            not_blank("reason", "label_en"),
            not_blank("reason", "label_ja"),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def label(self) -> str:
        """Give the label in the reader's language."""
        return self.label_ja if get_language() == "ja" else self.label_en


class RatingRules(models.Model):
    """What an admin has set for a run; a run without a row has the defaults."""

    Door = Door

    run = models.OneToOneField(
        SelectionRun, primary_key=True, on_delete=models.CASCADE, related_name="stored_rules"
    )
    door = models.CharField(max_length=16, choices=Door.choices, default=Door.ACCOUNT)
    offers_tie = models.BooleanField(default=True)
    offers_both_bad = models.BooleanField(default=True)
    asks_degree = models.BooleanField(default=False, help_text=_("Clearly better, or slightly?"))
    reasons = models.ManyToManyField(
        ReasonTag, blank=True, related_name="+", help_text=_("None: reasons are not asked for.")
    )
    offers_comment = models.BooleanField(default=False)
    offers_passages = models.BooleanField(
        default=True, help_text=_("Whether passages of a reply can be marked.")
    )
    judges_each_turn = models.BooleanField(
        default=False, help_text=_("One vote for each turn of a conversation, and not one for all.")
    )
    daily_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("Votes of one volunteer in a day; empty: any number.")
    )
    gold_rate = models.FloatField(
        default=0, help_text=_("Share of comparisons whose right answer is known, 0 to .5.")
    )
    repeat_rate = models.FloatField(
        default=0, help_text=_("Share of comparisons shown again, sides swapped, 0 to .5.")
    )
    max_characters_per_s = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text=_("A vote faster than this reading speed is not taken; empty: any speed."),
    )
    practice_needed = models.PositiveSmallIntegerField(
        default=0, help_text=_("How many practice comparisons must be answered right.")
    )
    leaves_out_maker_names = models.BooleanField(
        default=False, help_text=_("Whether texts that name their maker are kept out.")
    )
    instructions_en = models.TextField(blank=True, help_text=_("Markdown; empty: the house's own."))
    instructions_ja = models.TextField(blank=True, help_text=_("Markdown; empty: the house's own."))

    class Meta:
        verbose_name_plural = "rating rules"
        constraints = [
            choice_check("rules", "door", Door),
            models.CheckConstraint(
                name="rules_gold_rate_in_range",
                condition=models.Q(gold_rate__gte=0, gold_rate__lte=0.5),
            ),
            models.CheckConstraint(
                name="rules_repeat_rate_in_range",
                condition=models.Q(repeat_rate__gte=0, repeat_rate__lte=0.5),
            ),
            models.CheckConstraint(
                name="rules_daily_limit_at_least_one",
                condition=models.Q(daily_limit__isnull=True) | models.Q(daily_limit__gte=1),
            ),
            models.CheckConstraint(
                name="rules_reading_speed_at_least_one",
                condition=models.Q(max_characters_per_s__isnull=True)
                | models.Q(max_characters_per_s__gte=1),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run}"

    @cached_property
    def offered_reasons(self) -> list[ReasonTag]:
        """List the reasons that the run offers, in their order, as they were when first asked."""
        return list(self.reasons.all())

    @classmethod
    def of(cls, run: SelectionRun) -> "RatingRules":
        """Give the run's rules, or the defaults where nobody has set any."""
        return cls.objects.filter(run=run).first() or cls(run=run)


def new_invitation_token() -> str:
    """Draw what stands in an invitation's address."""
    return secrets.token_urlsafe(16)


class Invitation(models.Model):
    """A link that lets volunteers into one run. Revoking it keeps newcomers out."""

    run = models.ForeignKey(SelectionRun, on_delete=models.CASCADE, related_name="invitations")
    token = models.CharField(
        max_length=32, unique=True, default=new_invitation_token, editable=False
    )
    label = models.CharField(max_length=100, blank=True, help_text=_("Whom it is for."))
    admits_at_most = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("Volunteers it lets in; empty: any number.")
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            not_blank("invitation", "token"),
            models.CheckConstraint(
                name="invitation_admits_somebody",
                condition=models.Q(admits_at_most__isnull=True) | models.Q(admits_at_most__gte=1),
            ),
        ]

    def __str__(self) -> str:
        return self.label or self.token


class Participation(models.Model):
    """How far an annotator has come in a run before the first vote that counts."""

    run = models.ForeignKey(SelectionRun, on_delete=models.PROTECT, related_name="participations")
    annotator = models.ForeignKey(
        Annotator, on_delete=models.PROTECT, related_name="participations"
    )
    invitation = models.ForeignKey(
        Invitation, null=True, blank=True, on_delete=models.PROTECT, related_name="participations"
    )
    instructed_at = models.DateTimeField(null=True, blank=True)
    practised_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "annotator"], name="participation_once_in_run")
        ]

    def __str__(self) -> str:
        return f"{self.annotator}: {self.run}"
