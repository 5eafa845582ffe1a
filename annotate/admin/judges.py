"""The tables of LLM judges."""

from django.contrib import admin

from annotate.admin.base import ReadOnlyAdmin
from annotate.models import Judge, JudgeReading, JudgeScore, JudgeSitting, JudgeTemplate


@admin.register(JudgeTemplate)
class JudgeTemplateAdmin(ReadOnlyAdmin):
    """What judges read."""

    list_display = ("name", "version", "use", "created_at")
    list_filter = ("use",)
    search_fields = ("name",)


@admin.register(Judge)
class JudgeAdmin(ReadOnlyAdmin):
    """Models that judge."""

    list_display = ("slug", "model", "engine", "template", "created_at", "created_by")
    list_select_related = ("template", "created_by")
    search_fields = ("slug", "model")


@admin.register(JudgeSitting)
class JudgeSittingAdmin(ReadOnlyAdmin):
    """What judges are to do in rounds."""

    list_display = ("judge", "round", "n_wanted", "state", "started_at", "finished_at")
    list_filter = ("state",)
    list_select_related = ("judge", "round__run")
    search_fields = ("judge__slug", "round__run__slug")


@admin.register(JudgeReading)
class JudgeReadingAdmin(ReadOnlyAdmin):
    """What judges wrote of pairs."""

    list_display = ("judge", "comparison", "order", "verdict", "created_at")
    list_filter = ("verdict", "order")
    list_select_related = ("judge", "comparison")
    search_fields = ("judge__slug", "reply")


@admin.register(JudgeScore)
class JudgeScoreAdmin(ReadOnlyAdmin):
    """What judges wrote of single replies."""

    list_display = ("judge", "completion", "turn", "choice", "score", "created_at")
    list_select_related = ("judge", "completion__candidate", "completion__prompt")
    search_fields = ("judge__slug", "reply")
