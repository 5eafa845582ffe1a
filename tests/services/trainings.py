"""Datasets of real votes, and trainings on them, for tests of several services."""

from collections.abc import Callable
from typing import Any

from annotate.models import Candidate, PreferenceDataset, SelectionRun, TrainingRun
from annotate.services.exporting import export_dataset, votes_of
from annotate.services.training import start_training
from tests import factories as make
from tests.views.pages import cast_votes

Reply = Callable[[int], list[str]]


def vote_on(
    *prompts: dict[str, Any],
    good: Reply = lambda number: [f"Good {number}."],
    bad: Reply = lambda number: [f"Bad {number}."],
) -> SelectionRun:
    """Make a run with votes for the first of two candidates, `good` and `bad`, on every prompt."""
    round_ = make.make_open_round(n_candidates=0, n_prompts=0)
    run = round_.run
    plain = [{"key": f"p{n}", "turns": [f"Q{n}"]} | fields for n, fields in enumerate(prompts)]
    asked = [make.make_prompt(run.prompt_sets.get(), **fields) for fields in plain]
    for name, reply in (("good", good), ("bad", bad)):
        candidate = make.make_candidate(run, name=name)
        round_.candidates.add(candidate)
        for number, prompt in enumerate(asked):
            make.make_completion(candidate, prompt, replies=reply(number))
    cast_votes(round_, make.make_annotator(), len(prompts))
    return run


def export(run: SelectionRun) -> PreferenceDataset:
    """Export a run's votes, one of which is enough for a pair."""
    return export_dataset(votes_of(run.slug))


def make_base(run: SelectionRun, **fields: Any) -> Candidate:
    """Make a candidate that can be trained."""
    plain = {"name": "base", "engine": "transformers", "model": "m", "prompt_format": "llama2"}
    return make.make_candidate(run, **plain | fields)


def plan_training(**fields: Any) -> TrainingRun:
    """Plan a training in a run of its own, on two pairs."""
    run = vote_on({}, {})
    return start_training(dataset=export(run), base=make_base(run), **fields)
