"""Small polls whose outcome can be worked out by hand, and the decision made of them."""

import itertools
from typing import Any

import numpy as np
from django.utils import timezone

from annotate.models import Comparison, Prompt, Round, RunDecision, SelectionRun, Vote
from annotate.services.deciding import decide_run
from tests import factories as make


def open_grid(
    *,
    models: tuple[str, ...] = ("shisa-a", "shisa-b"),
    temperatures: tuple[float, ...] = (0.2, 1.0),
) -> Round:
    """Open a round of models × temperatures on prompts of two languages and two categories."""
    round_ = make.make_open_round(n_candidates=0, n_prompts=0)
    run = round_.run
    prompts = [
        make.make_prompt(run.prompt_sets.get(), language=language, category=category)
        for language, category in itertools.product(("en", "ja"), ("chat", "code"))
        for _prompt in range(3)
    ]
    for model, temperature in itertools.product(models, temperatures):
        candidate = make.make_candidate(
            run,
            name=f"{model} · temperature {temperature}",
            model=model,
            sampling={"temperature": temperature, "top_p": 0.95},
            licence="Apache-2.0",
        )
        round_.candidates.add(candidate)
        for prompt in prompts:
            make.make_completion(candidate, prompt)
    return round_


def poll(
    round_: Round,
    *,
    n_annotators: int,
    favours: Any,
    kind: str = "person",
) -> None:
    """Let each annotator judge every pair of candidates once, each on some prompt.

    `favours(a, b, prompt, annotator)` gives the outcome, for places of candidates in the round.
    """
    candidates = list(round_.candidates.order_by("id"))
    prompts = list(round_.prompts().order_by("id"))
    texts = {
        (each.candidate_id, each.prompt_id): each
        for candidate in candidates
        for each in candidate.completions.all()
    }
    rng, now = np.random.default_rng(0), timezone.now()
    comparisons, outcomes = [], []
    for person in range(n_annotators):
        annotator = make.make_annotator(kind=kind)
        for a, b in itertools.combinations(range(len(candidates)), 2):
            prompt: Prompt = prompts[rng.integers(len(prompts))]
            one, other = (texts[candidates[place].pk, prompt.pk] for place in (a, b))
            comparisons.append(
                Comparison(
                    round=round_, annotator=annotator, prompt=prompt, completion_a=one,
                    completion_b=other, candidate_a=candidates[a], candidate_b=candidates[b],
                    side_a="left", lease_expires_at=now, answered_at=now,
                )
            )  # fmt: skip
            outcomes.append(favours(a, b, prompt, person))
    Comparison.objects.bulk_create(comparisons)
    Vote.objects.bulk_create(
        Vote(comparison=comparison, outcome=outcome, created_at=now)
        for comparison, outcome in zip(comparisons, outcomes, strict=True)
    )


def prefer_first(a: int, b: int, prompt: Prompt, person: int) -> str:
    """Prefer the earlier candidate, but for every eleventh vote."""
    return "b" if (3 * a + b + person) % 11 == 0 else "a"


def decided(run: SelectionRun, **options: Any) -> RunDecision:
    """Decide, and read the decision as the database has it."""
    decision = decide_run(run=run, **options)
    decision.refresh_from_db()
    return decision
