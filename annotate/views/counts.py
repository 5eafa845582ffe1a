"""The numbers that pages show, each read in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, Func, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from annotate.models import (
    Annotator,
    Candidate,
    Comparison,
    Completion,
    Prompt,
    PromptSet,
    Round,
    SelectionRun,
    Vote,
)

KindCounts = Mapping[str, int]
"""Kind of annotator → votes."""


@dataclass(frozen=True)
class Progress:
    """How many comparisons an annotator has judged."""

    today: int
    total: int


@dataclass(frozen=True)
class RunRow:
    """A run, with its votes."""

    run: SelectionRun
    kinds: KindCounts


@dataclass(frozen=True)
class RoundRow:
    """A round, with its votes."""

    round: Round
    kinds: KindCounts


@dataclass(frozen=True)
class CandidateRow:
    """A candidate, with the completions that its rounds need."""

    candidate: Candidate
    n_expected: int


def progress_of(annotator: Annotator) -> Progress:
    """Count an annotator's votes that stand."""
    is_today = Q(answered_at__gte=_midnight())
    counts = annotator.comparisons.aggregate(
        today=Count("answered_at", filter=is_today), total=Count("answered_at")
    )
    return Progress(**counts)


def list_open_runs(annotator: Annotator) -> QuerySet[SelectionRun]:
    """Find the runs that take votes, each with the annotator's `own_votes` in it."""
    own = Comparison.objects.filter(
        annotator=annotator, round__run=OuterRef("pk"), answered_at__isnull=False
    )
    is_open = Exists(Round.objects.open().filter(run=OuterRef("pk")))
    return SelectionRun.objects.filter(is_open).annotate(own_votes=_count(own)).order_by("-id")


def list_runs() -> list[RunRow]:
    """List all runs, the newest first, with `n_prompts`, `n_candidates` and `is_open`."""
    run = OuterRef("pk")
    runs = SelectionRun.objects.annotate(
        n_prompts=_count(Prompt.objects.filter(prompt_set__runs=run)),
        n_candidates=_count(Candidate.objects.competing().filter(run=run)),
        is_open=Exists(Round.objects.open().filter(run=run)),
    ).order_by("-id")
    kinds = _kinds_by(Vote.objects.counting(), "comparison__round__run")
    return [RunRow(run, kinds[run.pk]) for run in runs]


def votes_by_kind(votes: QuerySet[Vote]) -> KindCounts:
    """Count votes by the kind of their annotators."""
    rows = votes.order_by().values_list("comparison__annotator__kind").annotate(Count("id"))
    return dict(rows)


def list_rounds(run: SelectionRun) -> list[RoundRow]:
    """List a run's rounds in order, with their candidates."""
    kinds = _kinds_by(Vote.objects.of_run(run).counting(), "comparison__round")
    rounds = run.rounds.prefetch_related("candidates").order_by("number")
    return [RoundRow(round_, kinds[round_.pk]) for round_ in rounds]


def list_candidates(run: SelectionRun, rounds: list[RoundRow]) -> list[CandidateRow]:
    """List a run's candidates with their parents and `n_completions`."""
    made = _count(Completion.objects.filter(candidate=OuterRef("pk")))
    n_expected = _expectation(run, rounds)
    candidates = run.candidates.competing().annotate(n_completions=made).prefetch_related("parents")
    return [
        CandidateRow(candidate, n_expected(candidate)) for candidate in candidates.order_by("id")
    ]


def prompts_by_language(run: SelectionRun) -> dict[PromptSet, dict[str, int]]:
    """Count each prompt set's prompts by language: set → language → prompts."""
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    rows = run.prompts().order_by("language").values_list("prompt_set", "language")
    for prompt_set, language, n_prompts in rows.annotate(Count("id")):
        counts[prompt_set][language] = n_prompts
    return {prompt_set: counts[prompt_set.pk] for prompt_set in run.prompt_sets.order_by("slug")}


def _expectation(run: SelectionRun, rounds: list[RoundRow]) -> Callable[[Candidate], int]:
    """Tell how many completions a candidate is to make: those of all prompts of its rounds."""
    n_held_out = run.prompts().held_out().count()
    n_training = run.prompts().for_training().count()
    sizes = {Round.Scope.HELD_OUT: n_held_out, Round.Scope.TRAINING: n_training}
    scopes: dict[int, set[str]] = defaultdict(set)
    for row in rounds:
        for candidate in row.round.candidates.all():
            scopes[candidate.pk].add(row.round.prompt_scope)

    def n_expected(candidate: Candidate) -> int:
        scope = scopes[candidate.pk]
        asks_all = not scope or Round.Scope.ALL in scope
        n_prompts = sum(size for name, size in sizes.items() if asks_all or name in scope)
        return n_prompts * run.samples_per_prompt

    return n_expected


def _kinds_by(votes: QuerySet[Vote], key: str) -> dict[int, dict[str, int]]:
    kinds: dict[int, dict[str, int]] = defaultdict(dict)
    rows = votes.order_by().values_list(key, "comparison__annotator__kind")
    for owner, kind, n_votes in rows.annotate(Count("id")):
        kinds[owner][kind] = n_votes
    return kinds


def _count(rows: QuerySet[Any]) -> Subquery:
    """Count rows in a subquery of their own, so that several counts do not multiply."""
    counted = rows.order_by().annotate(n=Func("pk", function="COUNT")).values("n")
    return Subquery(counted, output_field=IntegerField())


def _midnight() -> datetime:
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
