"""The tables of the loop."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from annotate.admin.base import ReadOnlyAdmin
from annotate.models import (
    Annotator,
    Candidate,
    Comparison,
    Completion,
    PreferenceDataset,
    Prompt,
    PromptSet,
    Ranking,
    Round,
    SelectionRun,
    TrainingMetric,
    TrainingRun,
    Vote,
)

# What a candidate is; a trigger keeps most of it from changing. Its name stands in every seed.
SETTLED = (
    "run", "name", "model", "revision", "preset", "prompt_format", "system_prompts", "sampling",
    "stop", "tokenizer", "is_anchor",
)  # fmt: skip


@admin.register(Annotator)
class AnnotatorAdmin(admin.ModelAdmin):
    """Who votes: people, LLM judges, simulations."""

    list_display = ("name", "kind", "source", "pseudonym", "user", "languages", "created_at")
    list_filter = ("kind", "source")
    list_select_related = ("user",)
    search_fields = ("name", "pseudonym", "user__username")
    readonly_fields = ("pseudonym", "created_at")
    autocomplete_fields = ("user",)


@admin.register(PromptSet)
class PromptSetAdmin(admin.ModelAdmin):
    """Named collections of prompts."""

    list_display = ("slug", "title", "created_at")
    search_fields = ("slug", "title")

    def get_readonly_fields(
        self, request: HttpRequest, obj: PromptSet | None = None
    ) -> tuple[str, ...]:
        """Let nobody change the slug, which stands in seeds and plans."""
        return ("slug",) if obj else ()


@admin.register(Prompt)
class PromptAdmin(admin.ModelAdmin):
    """What candidates are asked."""

    list_display = ("key", "prompt_set", "language", "category", "is_held_out", "opening")
    list_filter = ("prompt_set", "language", "category", "is_held_out")
    list_select_related = ("prompt_set",)
    search_fields = ("key", "turns")
    # Completions answer the prompt as it was put, and its mark decides what may train.
    readonly_fields = (
        "prompt_set", "key", "system", "turns", "references", "language", "category",
        "is_held_out",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse new rows: imports write them, and a form has no field of them."""
        return False

    @admin.display(description=_("begins with"))
    def opening(self, prompt: Prompt) -> str:
        """Give the first words of the first turn."""
        return prompt.turns[0][:80]


@admin.register(Candidate)
class CandidateAdmin(admin.ModelAdmin):
    """Models with their sampling."""

    list_display = ("name", "run", "origin", "engine", "model", "revision", "created_at")
    list_filter = ("run", "origin", "engine")
    list_select_related = ("run",)
    search_fields = ("name", "model")
    autocomplete_fields = ("run", "parents", "training_run")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Candidate | None = None
    ) -> tuple[str, ...]:
        """Let nobody change what completions were made by; the database refuses it too."""
        return SETTLED if obj else ()


@admin.register(Completion)
class CompletionAdmin(ReadOnlyAdmin):
    """What candidates answered."""

    list_display = (
        "id", "candidate", "prompt", "sample", "finish_reason", "names_maker", "created_at",
    )  # fmt: skip
    list_filter = (
        "candidate__run", "finish_reason", ("names_maker", admin.EmptyFieldListFilter),
    )  # fmt: skip
    list_select_related = ("candidate", "prompt__prompt_set")
    search_fields = ("candidate__name", "prompt__key", "replies")


@admin.register(SelectionRun)
class SelectionRunAdmin(admin.ModelAdmin):
    """Runs; their state is changed by what happens in them."""

    list_display = ("slug", "title", "state", "samples_per_prompt", "created_at", "created_by")
    list_filter = ("state",)
    list_select_related = ("created_by",)
    search_fields = ("slug", "title")
    filter_horizontal = ("prompt_sets",)

    def get_readonly_fields(
        self, request: HttpRequest, obj: SelectionRun | None = None
    ) -> tuple[str, ...]:
        """Let nobody go past what keeps the log, or change what a plan fixed."""
        fixed = ("slug", "prompt_sets", "samples_per_prompt", "seed") if obj else ()
        return ("state", "paused_at", "cancelled_at", "created_at", "created_by", *fixed)


@admin.register(Round)
class RoundAdmin(admin.ModelAdmin):
    """Rounds; when each opened and closed is history."""

    list_display = ("run", "number", "prompt_scope", "votes_wanted", "opened_at", "closed_at")
    list_display_links = ("run", "number")
    list_filter = ("run", "prompt_scope")
    list_select_related = ("run",)
    autocomplete_fields = ("candidates",)
    readonly_fields = ("run", "number", "created_at", "opened_at", "closed_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: a round begins together with the work that its candidates need."""
        return False


@admin.register(Comparison)
class ComparisonAdmin(ReadOnlyAdmin):
    """What was drawn for whom."""

    list_display = (
        "token", "round", "annotator", "prompt", "purpose", "side_a", "created_at", "answered_at",
        "skip_reason",
    )  # fmt: skip
    list_filter = ("round__run", "annotator__kind", "purpose", "side_a", "skip_reason")
    list_select_related = ("round__run", "annotator", "prompt__prompt_set")
    search_fields = ("=token", "annotator__name", "import_key")


@admin.register(Vote)
class VoteAdmin(ReadOnlyAdmin):
    """The ledger."""

    list_display = (
        "id",
        "comparison",
        "annotator",
        "turn",
        "outcome",
        "degree",
        "created_at",
        "withdrawn_at",
    )
    list_filter = (
        "comparison__round__run",
        "comparison__annotator__kind",
        "comparison__purpose",
        "outcome",
        ("withdrawn_number", admin.EmptyFieldListFilter),
    )
    list_select_related = ("comparison__annotator",)
    search_fields = ("=comparison__token", "comparison__annotator__name")
    date_hierarchy = "created_at"

    @admin.display(description=_("annotator"))
    def annotator(self, vote: Vote) -> Annotator:
        """Give who cast it, with the kind."""
        return vote.comparison.annotator


@admin.register(Ranking)
class RankingAdmin(ReadOnlyAdmin):
    """Stored rankings."""

    list_display = ("id", "run", "n_votes", "filters", "cutoff", "created_at")
    list_filter = ("run",)
    list_select_related = ("run",)


@admin.register(PreferenceDataset)
class PreferenceDatasetAdmin(ReadOnlyAdmin):
    """Files of chosen and rejected replies."""

    list_display = ("id", "run", "n_pairs", "sha256", "path", "created_at", "created_by")
    list_filter = ("run",)
    list_select_related = ("run", "created_by")
    search_fields = ("=sha256", "path")


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    """Training runs."""

    list_display = ("child_name", "base", "dataset", "state", "created_at", "finished_at")
    list_filter = ("state", "base__run")
    list_select_related = ("base", "dataset__run")
    search_fields = ("child_name", "base__name")


@admin.register(TrainingMetric)
class TrainingMetricAdmin(ReadOnlyAdmin):
    """What training runs measured."""

    list_display = ("training_run", "step", "values")
    list_filter = ("training_run",)
    list_select_related = ("training_run",)
