"""Runs as the API shows them: few queries, whatever their size."""

from django.db.models import Count, Prefetch
from django.utils import timezone

from annotate.api.schemas import (
    DecisionLine,
    PlanOut,
    ProgressOut,
    RoundOut,
    RunLine,
    RunOut,
    ShardOut,
)
from annotate.models import Candidate, GenerationShard, Round, RunPlan, SelectionRun, Vote


def show_run(run: SelectionRun) -> RunOut:
    """Show all of a run that moves."""
    rounds = list(
        run.rounds.order_by("number").prefetch_related(
            Prefetch("candidates", Candidate.objects.only("name"))
        )
    )
    plan = RunPlan.objects.filter(run=run).select_related("launched_by").first()
    decision = run.decisions.order_by("-number").defer("content").first()
    return RunOut(
        **RunLine.from_orm(run).dict(),
        plan=None if plan is None else _show_plan(plan),
        rounds=_show_rounds(run, rounds),
        progress=_show_progress(rounds[-1]) if rounds else [],
        decision=None if decision is None else DecisionLine.from_orm(decision),
    )


def _show_plan(plan: RunPlan) -> PlanOut:
    return PlanOut(
        sha256=plan.sha256,
        launched_at=plan.launched_at,
        launched_by=plan.launched_by.username if plan.launched_by else None,
        config=plan.config,
    )


def _show_rounds(run: SelectionRun, rounds: list[Round]) -> list[RoundOut]:
    votes = Vote.objects.of_run(run).counting().order_by()
    counted, by_people = (
        dict(kept.values_list("comparison__round").annotate(n=Count("pk")))
        for kept in (votes, votes.by_people())
    )
    return [
        RoundOut(
            number=each.number,
            prompt_scope=each.prompt_scope,
            anchors_only=each.anchors_only,
            votes=by_people.get(each.pk, 0),
            judge_votes=counted.get(each.pk, 0) - by_people.get(each.pk, 0),
            votes_wanted=each.votes_wanted,
            candidates=[candidate.name for candidate in each.candidates.all()],
            opened_at=each.opened_at,
            closed_at=each.closed_at,
        )
        for each in rounds
    ]


def _show_progress(round_: Round) -> list[ProgressOut]:
    """Add a round's shards up by candidate; logs are long, and are not read."""
    shards: dict[str, list[GenerationShard]] = {}
    names = Prefetch("candidate", Candidate.objects.only("name"))
    rows = round_.shards.defer("log").prefetch_related(names).order_by("candidate", "number")
    for shard in rows:
        shards.setdefault(shard.candidate.name, []).append(shard)
    return [
        ProgressOut(
            candidate=name,
            stored=sum(shard.n_stored for shard in found),
            wanted=sum(shard.n_wanted for shard in found),
            tokens_per_s=_speed(found),
            shards=[_show_shard(shard) for shard in found],
        )
        for name, found in shards.items()
    ]


def _show_shard(shard: GenerationShard) -> ShardOut:
    return ShardOut(
        id=shard.pk, number=shard.number, state=shard.state, stored=shard.n_stored,
        wanted=shard.n_wanted, attempt=shard.attempt, failure=shard.failure,
    )  # fmt: skip


def _speed(shards: list[GenerationShard]) -> float | None:
    """Add up the tokens/s of what runs now, from each shard's first batch on."""
    rates = []
    for shard in shards:
        runs = shard.state == GenerationShard.State.RUNNING
        if runs and shard.ready_at is not None and shard.seen_at is not None:
            seconds = (min(shard.seen_at, timezone.now()) - shard.ready_at).total_seconds()
            rates += [shard.tokens_made / seconds] if seconds >= 1 else []
    return sum(rates) if rates else None
