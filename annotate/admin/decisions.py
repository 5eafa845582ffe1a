"""The tables of decisions: rules, estimates, stops, and votes added up."""

from django.contrib import admin

from annotate.admin.base import ReadOnlyAdmin
from annotate.models import (
    DecisionRules,
    RankingFigure,
    RoundEstimate,
    Stop,
    Tally,
    TallyMark,
)


@admin.register(DecisionRules)
class DecisionRulesAdmin(ReadOnlyAdmin):
    """How a run decides; the run's page sets it."""

    list_display = ("run", "policy", "epsilon", "votes_per_pair", "stops_early", "alpha", "delta")
    list_filter = ("policy", "stops_early")
    list_select_related = ("run",)
    search_fields = ("run__slug",)


@admin.register(RoundEstimate)
class RoundEstimateAdmin(ReadOnlyAdmin):
    """What each round's votes said when a worker last looked."""

    list_display = ("round", "version", "n_votes", "made_at")
    list_select_related = ("round__run",)
    search_fields = ("round__run__slug",)
    exclude = ("arrays",)


@admin.register(Stop)
class StopAdmin(ReadOnlyAdmin):
    """Rounds that had their answer."""

    list_display = ("round", "reason", "n_votes", "created_at")
    list_filter = ("reason",)
    list_select_related = ("round__run",)
    search_fields = ("round__run__slug",)


@admin.register(TallyMark)
class TallyMarkAdmin(ReadOnlyAdmin):
    """How far each run's votes are added up."""

    list_display = ("run", "through")
    list_select_related = ("run",)
    search_fields = ("run__slug",)


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    """Votes added up."""

    list_display = (
        "round", "language", "annotator", "candidate_a", "candidate_b", "outcome", "votes",
    )  # fmt: skip
    list_filter = ("round__run", "outcome")
    list_select_related = ("round__run", "annotator", "candidate_a", "candidate_b")
    search_fields = ("annotator__name",)


@admin.register(RankingFigure)
class RankingFigureAdmin(ReadOnlyAdmin):
    """Numbers of figures that were asked for."""

    list_display = ("ranking", "kind", "created_at")
    list_filter = ("kind",)
    list_select_related = ("ranking__run",)
    search_fields = ("ranking__run__slug",)
