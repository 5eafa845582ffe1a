"""What was exported, and preferences that were imported: to look at."""

from django.contrib import admin

from annotate.admin.base import ReadOnlyAdmin
from annotate.models import DatasetFile, DatasetSource, Export, PreferencePair, PreferenceSet


@admin.register(PreferenceSet)
class PreferenceSetAdmin(ReadOnlyAdmin):
    """Imported collections of preference pairs."""

    list_display = ("slug", "title", "licence", "origin", "created_at")
    search_fields = ("slug", "title")


@admin.register(PreferencePair)
class PreferencePairAdmin(ReadOnlyAdmin):
    """Imported pairs of a chosen and a rejected reply."""

    list_display = ("key", "preference_set", "language", "category", "margin")
    list_filter = ("preference_set", "language")
    search_fields = ("key",)


@admin.register(DatasetSource)
class DatasetSourceAdmin(ReadOnlyAdmin):
    """What datasets were made of."""

    list_display = ("dataset", "name", "run", "cutoff", "preference_set", "weight", "n_rows")
    list_select_related = ("dataset__run", "run", "preference_set")


@admin.register(DatasetFile)
class DatasetFileAdmin(ReadOnlyAdmin):
    """Files of datasets."""

    list_display = ("path", "dataset", "split", "ending", "n_rows", "n_bytes", "created_at")
    list_select_related = ("dataset__run",)


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    """Exports that were asked for."""

    list_display = (
        "id",
        "run",
        "state",
        "n_done",
        "n_total",
        "dataset",
        "created_by",
        "created_at",
    )
    list_filter = ("state",)
    list_select_related = ("run", "dataset__run", "created_by")
