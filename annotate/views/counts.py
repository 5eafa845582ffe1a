"""The numbers that pages show, each read in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, Func, IntegerField, OuterRef, QuerySet, Subquery

from annotate.models import (
    Annotator,
    Candidate,
    Comparison,
    Completion,
    PreferenceDataset,
    Prompt,
    PromptSet,
    Round,
    SelectionRun,
    Vote,
)
from annotate.services.arrival import runs_let_in
from annotate.services.lineage import (
    Withdrawn,
    find_bound,
    withdrawn_by_candidate,
    withdrawn_by_dataset,
)
from annotate.services.rounds import count_identical

KindCounts = Mapping[str, int]
"""Kind of annotator → votes."""


@dataclass(frozen=True)
class RunRow:
    """A run, with its votes."""

    run: SelectionRun
    kinds: KindCounts


@dataclass(frozen=True)
class RoundRow:
    """A round, with its votes, and the pairs of equal texts that it never shows."""

    round: Round
    kinds: KindCounts
    n_identical: int


@dataclass(frozen=True)
class CandidateRow:
    """A candidate, with the completions that its rounds need.

    Attributes:
        withdrawn: dataset that trained it, or one it descends from → its votes taken back since.
    """

    candidate: Candidate
    n_expected: int
    withdrawn: Mapping[int, Withdrawn]


@dataclass(frozen=True)
class DatasetRow:
    """A dataset, with those of its votes that were taken back since, if any.

    Attributes:
        is_bound: something that it was made of allows no commercial use.
    """

    dataset: PreferenceDataset
    withdrawn: Withdrawn | None
    is_bound: bool


def list_open_runs(
    annotator: Annotator | None, *, is_signed_in: bool = False
) -> QuerySet[SelectionRun]:
    """Find the runs that take votes of this annotator, each with their `own_votes` in it.

    A round that has its answer asks for no more, and neither does a run that is paused.
    """
    own = _judged_in_run(annotator)
    is_open = Exists(Round.objects.open().undecided().filter(run=OuterRef("pk")))
    let_in = runs_let_in(annotator=annotator, is_signed_in=is_signed_in)
    runs = SelectionRun.objects.filter(is_open, let_in, paused_at=None)
    return runs.annotate(own_votes=_count(own)).order_by("-id")


def list_finished_runs(annotator: Annotator | None) -> QuerySet[SelectionRun]:
    """Find the runs that have closed, each with the annotator's `own_votes`, if any, in it."""
    finished = SelectionRun.objects.filter(state=SelectionRun.State.CLOSED)
    own_votes = _count(_judged_in_run(annotator))
    return finished.annotate(own_votes=own_votes).filter(own_votes__gt=0).order_by("-id")


def is_finished(run: SelectionRun) -> bool:
    """Tell whether the run has closed for good, so that its models may be named.

    A decided run may open a round again, in which the same texts meet others.
    """
    return run.state == SelectionRun.State.CLOSED


def list_runs() -> list[RunRow]:
    """List all runs, the newest first.

    Each has `n_prompts`, `n_candidates`, `is_open`, and `has_answer` where its open round has one.
    """
    run = OuterRef("pk")
    runs = (
        SelectionRun.objects.select_related("plan")
        .annotate(
            n_prompts=_count(Prompt.objects.filter(prompt_set__runs=run)),
            n_candidates=_count(Candidate.objects.competing().filter(run=run)),
            is_open=Exists(Round.objects.open().filter(run=run)),
            has_answer=Exists(Round.objects.open().decided().filter(run=run)),
        )
        .order_by("-id")
    )
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
    identical = count_identical(run=run)
    return [RoundRow(round_, kinds[round_.pk], identical.get(round_.pk, 0)) for round_ in rounds]


def list_candidates(run: SelectionRun, rounds: list[RoundRow]) -> list[CandidateRow]:
    """List a run's candidates with their parents, `n_completions` and `n_naming_makers`."""
    completions = Completion.objects.filter(candidate=OuterRef("pk"))
    made, naming = _count(completions), _count(completions.exclude(names_maker=""))
    n_expected = _expectation(run, rounds)
    candidates = (
        run.candidates.competing()
        .annotate(n_completions=made, n_naming_makers=naming)
        .select_related("training_run")
        .prefetch_related("parents")
    )
    withdrawn = withdrawn_by_candidate(run)
    return [
        CandidateRow(candidate, n_expected(candidate), withdrawn.get(candidate.pk, {}))
        for candidate in candidates.order_by("id")
    ]


def list_datasets(run: SelectionRun) -> list[DatasetRow]:
    """List the run's datasets, the newest first."""
    datasets = list(run.datasets.select_related("run"))
    withdrawn, bound = withdrawn_by_dataset(datasets), find_bound(datasets)
    return [
        DatasetRow(dataset, withdrawn.get(dataset.pk), dataset.pk in bound) for dataset in datasets
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


def _judged_in_run(annotator: Annotator | None) -> QuerySet[Comparison]:
    """Find what the annotator judged in the run of an outer query; practice is none of it."""
    own = Comparison.objects.judged().filter(annotator=annotator)
    return own.filter(round__run=OuterRef("pk"))


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
