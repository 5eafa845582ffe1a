"""The tables of a run's launch and of what follows from it."""

from django.contrib import admin

from annotate.admin.base import ReadOnlyAdmin
from annotate.models import (
    ApiToken,
    CompletionMeasure,
    GenerationShard,
    RoundCut,
    RunDecision,
    RunEvent,
    RunPlan,
)


@admin.register(RunPlan)
class RunPlanAdmin(ReadOnlyAdmin):
    """What runs were launched with."""

    list_display = ("run", "launched_at", "launched_by", "sha256")
    list_select_related = ("run", "launched_by")
    search_fields = ("run__slug", "sha256")


@admin.register(RunEvent)
class RunEventAdmin(ReadOnlyAdmin):
    """What was done to runs; a run's own page shows it more kindly."""

    list_display = ("run", "kind", "at", "by")
    list_filter = ("kind",)
    list_select_related = ("run", "by")
    search_fields = ("run__slug",)


@admin.register(GenerationShard)
class GenerationShardAdmin(ReadOnlyAdmin):
    """Jobs that make completions."""

    list_display = (
        "round", "candidate", "number", "n_shards", "state", "n_stored", "n_wanted", "worker",
    )  # fmt: skip
    list_filter = ("state",)
    list_select_related = ("round__run", "candidate")
    search_fields = ("candidate__name", "worker", "failure")


@admin.register(CompletionMeasure)
class CompletionMeasureAdmin(ReadOnlyAdmin):
    """What was counted in completions."""

    list_display = (
        "completion", "n_characters", "leakage", "repetition", "is_empty", "refusal", "version",
    )  # fmt: skip
    list_filter = ("is_empty", ("refusal", admin.EmptyFieldListFilter), "version")
    list_select_related = ("completion__candidate", "completion__prompt")
    search_fields = ("completion__candidate__name", "refusal")


@admin.register(RoundCut)
class RoundCutAdmin(ReadOnlyAdmin):
    """Who left after a round."""

    list_display = ("round", "rule", "error", "created_at")
    list_filter = ("rule",)
    list_select_related = ("round__run",)
    search_fields = ("round__run__slug",)


@admin.register(RunDecision)
class RunDecisionAdmin(ReadOnlyAdmin):
    """What runs decided."""

    list_display = ("run", "number", "made_at", "made_by", "sha256")
    list_select_related = ("run", "made_by")
    search_fields = ("run__slug",)


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Keys to the API: who has which, never the keys themselves."""

    list_display = ("name", "user", "scope", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("scope",)
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    exclude = ("digest",)
