"""Runs that were launched, with candidates whose completions came from elsewhere."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.utils import timezone

from annotate.models import (
    Annotator,
    Comparison,
    Completion,
    DecisionRules,
    Round,
    RunPlan,
    SelectionRun,
    Vote,
)
from annotate.services import errors, generating, rounds, voting
from annotate.services.plans import Plan
from tests import factories as make


def make_launched(
    *,
    n_candidates: int = 4,
    n_prompts: int = 24,
    n_anchors: int = 0,
    votes: int | None = None,
    stops_early: bool = False,
    alpha: float = 0.05,
    prompt_scope: str = "all",
    **told: Any,
) -> Round:
    """Launch a run whose first round is open; `told` is the part `rounds` of its plan.

    The anchors come first. Every candidate has answered every prompt.
    """
    run = make.make_run()
    prompts = [make.make_prompt(run.prompt_sets.get()) for _prompt in range(n_prompts)]
    candidates = []
    for place in range(n_candidates):
        candidates.append(make.make_candidate(run, is_anchor=place < n_anchors))
        for prompt in prompts:
            make.make_completion(candidates[-1], prompt)
    plan = Plan.model_validate({
        "slug": run.slug, "prompts": {"sets": ["s"]}, "models": [{"preset": "shisa-7b-v1"}],
        "rounds": told, "stopping": {"votes": votes},
    })  # fmt: skip
    RunPlan.objects.create(
        run=run, config=plan.model_dump(mode="json"), sha256=plan.sha256(),
        launched_at=timezone.now(),
    )  # fmt: skip
    DecisionRules.objects.create(run=run, stops_early=stops_early, alpha=alpha)
    round_ = rounds.create_round(
        run=run, candidates=candidates, votes_wanted=votes, prompt_scope=prompt_scope,
        anchors_only=plan.rounds.anchors_only,
    )  # fmt: skip
    generating.ask_for_completions(round_=round_)
    round_.refresh_from_db()
    assert round_.is_open
    return round_


def vote_by_truth(
    run: SelectionRun, crowd: Sequence[Annotator], truth: dict[int, float], *, seed: int = 0
) -> int:
    """Let a crowd vote in turn in the run's open round until it draws no more; count the votes.

    Args:
        truth: strength by candidate's id; whoever is far above another always wins.
    """
    rng = np.random.default_rng(seed)
    round_ = run.rounds.open().get()
    waiting, n_votes = list(crowd), 0
    while waiting:
        annotator = waiting[n_votes % len(waiting)]
        try:
            drawn = voting.lease_comparison(round_=round_, annotator=annotator, rng=rng)
        except (errors.NothingLeft, errors.RoundClosed):
            waiting.remove(annotator)
            continue
        ahead = truth[drawn.candidate_a_id] - truth[drawn.candidate_b_id]
        prefers_a = rng.random() < 1 / (1 + np.exp(-ahead))
        side = drawn.side_a if prefers_a else ({"left", "right"} - {drawn.side_a}).pop()
        voting.record_vote(token=drawn.token, annotator=annotator, choice=str(side))
        n_votes += 1
    return n_votes


def cast_by_truth(
    run: SelectionRun, crowd: Sequence[Annotator], truth: dict[int, float], n_votes: int
) -> None:
    """Store votes of a crowd on even pairs of the run's open round, as `vote_by_truth` casts them.

    None is drawn by the site, which takes a hundred times as long.
    """
    rng = np.random.default_rng(n_votes)
    round_ = run.rounds.open().get()
    candidates = sorted(round_.candidates.values_list("id", flat=True))
    texts: dict[int, list[Completion]] = {
        pk: list(Completion.objects.filter(candidate=pk).order_by("prompt")) for pk in candidates
    }
    n_prompts, now = len(texts[candidates[0]]), timezone.now()
    comparisons, outcomes = [], []
    for number in range(n_votes):
        a, b = sorted(int(pk) for pk in rng.choice(candidates, 2, replace=False))
        one, other = texts[a][number % n_prompts], texts[b][number % n_prompts]
        comparisons.append(Comparison(
            round=round_, annotator=crowd[number % len(crowd)], prompt_id=one.prompt_id,
            candidate_a_id=a, candidate_b_id=b, completion_a=one, completion_b=other,
            side_a="left", lease_expires_at=now, answered_at=now,
        ))  # fmt: skip
        outcomes.append("a" if rng.random() < 1 / (1 + np.exp(truth[b] - truth[a])) else "b")
    Comparison.objects.bulk_create(comparisons)
    Vote.objects.bulk_create(
        Vote(comparison=comparison, outcome=outcome, created_at=now)
        for comparison, outcome in zip(comparisons, outcomes, strict=True)
    )


def candidates_of(run: SelectionRun) -> list[int]:
    """List the ids of the run's candidates in order."""
    return list(run.candidates.order_by("id").values_list("id", flat=True))


def crowd(n: int = 6) -> list[Annotator]:
    """Make people who vote."""
    return [make.make_annotator() for _annotator in range(n)]


def truth_of(run: SelectionRun, *strengths: float) -> dict[int, float]:
    """Give the candidates strengths, in order."""
    return dict(zip(candidates_of(run), strengths, strict=True))
