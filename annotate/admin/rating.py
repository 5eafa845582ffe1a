"""The tables of rating: rules, doors, known answers, consent, exclusions and reports."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from annotate.admin.base import ReadOnlyAdmin
from annotate.models import (
    Consent,
    ConsentText,
    Exclusion,
    GoldPair,
    Invitation,
    Participation,
    PassageMark,
    Prompt,
    RatingRules,
    ReasonTag,
    Report,
)
from annotate.models.people import Role
from annotate.permissions import has_role


@admin.register(PassageMark)
class PassageMarkAdmin(ReadOnlyAdmin):
    """Passages that were marked with votes."""

    list_display = ("vote", "which", "turn", "start", "end", "tag")
    list_filter = ("vote__comparison__round__run", "tag")
    list_select_related = ("vote",)
    search_fields = ("=vote__id",)


@admin.register(GoldPair)
class GoldPairAdmin(ReadOnlyAdmin):
    """Known answers; the run's page adds and retires them."""

    list_display = ("id", "run", "use", "prompt", "outcome", "created_by", "retired_at")
    list_filter = ("run", "use", "outcome", ("retired_at", admin.EmptyFieldListFilter))
    list_select_related = ("run", "completion_a__prompt__prompt_set", "created_by")
    search_fields = ("completion_a__prompt__key",)

    @admin.display(description=_("prompt"))
    def prompt(self, pair: GoldPair) -> Prompt:
        """Give what both completions answer."""
        return pair.completion_a.prompt


@admin.register(RatingRules)
class RatingRulesAdmin(ReadOnlyAdmin):
    """How volunteers rate; the run's page sets it."""

    list_display = ("run", "door", "gold_rate", "repeat_rate", "practice_needed", "daily_limit")
    list_filter = ("door",)
    list_select_related = ("run",)
    search_fields = ("run__slug",)


@admin.register(ReasonTag)
class ReasonTagAdmin(admin.ModelAdmin):
    """Reasons that volunteers can give. Votes name a reason by its slug, which therefore stays."""

    list_display = ("slug", "label_en", "label_ja", "position")
    search_fields = ("slug", "label_en", "label_ja")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the slug of a reason that is there."""
        return ("slug",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse removal: votes may name it."""
        return False


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Links that let volunteers in; the run's page makes and revokes them."""

    list_display = ("label", "run", "admits_at_most", "expires_at", "revoked_at", "created_by")
    list_display_links = ("label", "run")
    list_filter = ("run", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("run", "created_by")
    search_fields = ("label",)


@admin.register(Participation)
class ParticipationAdmin(ReadOnlyAdmin):
    """How far each annotator has come in a run."""

    list_display = ("annotator", "run", "invitation", "instructed_at", "practised_at")
    list_filter = ("run",)
    list_select_related = ("run", "annotator", "invitation")
    search_fields = ("annotator__name",)


class NewConsentText(forms.ModelForm):
    """The words of a new version; the number follows from the versions that are there."""

    class Meta:
        model = ConsentText
        fields = ("text_en", "text_ja")

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        """Begin with the words that stand now."""
        newest = ConsentText.objects.first()
        return (
            getattr(newest, field_name)
            if newest
            else super().get_initial_for_field(field, field_name)
        )


@admin.register(ConsentText)
class ConsentTextAdmin(ReadOnlyAdmin):
    """What volunteers agree to. A change is a new version, to which everybody is asked again."""

    form = NewConsentText
    list_display = ("version", "created_at")
    search_fields = ("text_en", "text_ja")

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Let admins write a new version."""
        return has_role(request.user, Role.ADMIN)

    def save_model(self, request: HttpRequest, obj: ConsentText, form: Any, change: bool) -> None:
        """Give it the number after the newest."""
        newest = ConsentText.objects.first()
        obj.version = newest.version + 1 if newest else 1
        super().save_model(request, obj, form, change)


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    """Who agreed to which text, and who took it back."""

    list_display = ("annotator", "text", "given_at", "withdrawn_at")
    list_filter = ("text", ("withdrawn_at", admin.EmptyFieldListFilter))
    list_select_related = ("annotator", "text")
    search_fields = ("annotator__name",)


@admin.register(Exclusion)
class ExclusionAdmin(ReadOnlyAdmin):
    """Annotators whose votes did or do not count; the page of the votes' quality sets it."""

    list_display = ("annotator", "run", "reason", "excluded_at", "excluded_by", "undone_at")
    list_filter = ("run", ("undone_at", admin.EmptyFieldListFilter))
    list_select_related = ("run", "annotator", "excluded_by")
    search_fields = ("annotator__name", "reason")


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    """What was reported as harmful; the page of reports settles it."""

    list_display = ("id", "completion_id", "text", "created_at", "looked_at", "is_upheld")
    list_filter = ("is_upheld", ("looked_at", admin.EmptyFieldListFilter))
    search_fields = ("text",)
