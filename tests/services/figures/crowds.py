"""Votes of a simulated crowd in the database, and tables of a figure as rows by name."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.utils import timezone

from annotate.models import Annotator, Comparison, Ranking, Round, Vote
from annotate.ranking import OUTCOMES, RankingSettings
from annotate.services.figures import figure_of
from annotate.services.rankings import store_rankings
from benchmarks.ranking.worlds import World, draw_pairs
from tests import factories as make

SETTINGS = RankingSettings(n_resamples=100)
SIDES = {1: "left", -1: "right", 0: None}


def open_round(world: World, *, n_candidates: int | None = None) -> Round:
    """Open a round in which each candidate has answered each prompt, no two at equal length."""
    n = world.n_candidates if n_candidates is None else n_candidates
    round_ = make.make_open_round(n_candidates=n, n_prompts=0)
    for row in range(world.n_prompts):
        prompt = make.make_prompt(round_.run.prompt_sets.get())
        for place, candidate in enumerate(round_.candidates.order_by("id")):
            text = "word " * (5 + 7 * place % 11 + row)
            make.make_completion(candidate, prompt, replies=[f"{text}{place}"])
    return round_


def cast_crowd(
    round_: Round,
    world: World,
    n_votes: int,
    *,
    seed: int = 0,
    kind: str = "person",
    candidates: Sequence[int] | None = None,
    sides: bool = True,
    propensity: Any = None,
) -> list[Annotator]:
    """Cast votes of a crowd; `candidates` are the places in the run of those of the world.

    `propensity` is a number, or gives one for each two places of the world.
    """
    rng = np.random.default_rng(seed)
    votes = world.gather(rng).vote(*draw_pairs(world.n_candidates, n_votes, rng), rng)
    everybody = list(round_.candidates.order_by("id"))
    own = [everybody[k] for k in candidates] if candidates else everybody
    prompts = list(round_.run.prompts().order_by("id"))
    texts = {
        (each.candidate_id, each.prompt_id): each
        for candidate in own
        for each in candidate.completions.all()
    }
    annotators = [make.make_annotator(kind=kind) for _ in range(world.n_annotators)]
    now = timezone.now()
    comparisons, outcomes = [], []
    for a, b, outcome, who, prompt, side in zip(
        *(votes[name].tolist() for name in
          ("candidate_a", "candidate_b", "outcome", "annotator", "prompt", "side")), strict=True
    ):  # fmt: skip
        chance = propensity(a, b) if callable(propensity) else propensity
        if a > b:
            a, b, side, outcome = b, a, -side, (1, 0, 2, 3)[outcome]
        one, two = (texts[own[k].pk, prompts[prompt].pk] for k in (a, b))
        comparisons.append(
            Comparison(
                round=round_, annotator=annotators[who], prompt=prompts[prompt], completion_a=one,
                completion_b=two, candidate_a=own[a], candidate_b=own[b],
                side_a=SIDES[side] if sides else None, lease_expires_at=now, answered_at=now,
                import_key=None if sides else f"vote {len(comparisons)}", propensity=chance,
            )
        )  # fmt: skip
        outcomes.append(OUTCOMES[outcome])
    Comparison.objects.bulk_create(comparisons)
    Vote.objects.bulk_create(
        Vote(comparison=comparison, outcome=outcome, created_at=now)
        for comparison, outcome in zip(comparisons, outcomes, strict=True)
    )
    return annotators


def rank(round_: Round, settings: RankingSettings = SETTINGS, **filters: Any) -> Ranking:
    (ranking,) = store_rankings(run=round_.run, settings=settings, filters=filters)
    return ranking


def draw(ranking: Ranking, kind: str) -> dict[str, Any]:
    """Give the content of a figure, as it is stored."""
    figure = figure_of(ranking=ranking, kind=kind)
    figure.refresh_from_db()
    content: dict[str, Any] = figure.content
    return content


def rows_of(content: dict[str, Any], table: str) -> list[dict[str, Any]]:
    told = content["tables"][table]
    return [dict(zip(told["columns"], row, strict=True)) for row in told["rows"]]
