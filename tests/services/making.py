"""Runs whose completions are to be made, by an engine that is ready at once."""

from collections.abc import Sequence
from typing import Any

from annotate.models import GenerationShard, Round, RunPlan
from annotate.services import rounds
from annotate.services.generating import ask_for_completions, generate_shard
from tests import factories as make


def begin_round(
    *,
    models: Sequence[str] = ("echo",),
    n_prompts: int = 6,
    n_samples: int = 1,
    n_shards: int = 1,
    prompts: Sequence[dict[str, Any]] = (),
    **candidate: Any,
) -> Round:
    """Make a run with a candidate of each model, and ask for the completions of its first round."""
    run = make.make_run(samples_per_prompt=n_samples, seed=5)
    RunPlan.objects.create(run=run, config={"generation": {"shards": n_shards}})
    for fields in prompts or [{}] * n_prompts:
        make.make_prompt(run.prompt_sets.get(), **fields)
    settings = {"engine": "transformers", "prompt_format": "chatml"} | candidate
    candidates = [make.make_candidate(run, model=model, **settings) for model in models]
    round_ = rounds.create_round(run=run, candidates=candidates)
    ask_for_completions(round_=round_)
    return round_


def generate_all(round_: Round) -> None:
    """Make every shard that waits, as workers would, one after another."""
    for shard in round_.shards.filter(state=GenerationShard.State.WAITING):
        generate_shard(shard=shard)
    round_.refresh_from_db()
