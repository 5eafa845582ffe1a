"""What tests of pages share: signed-in browsers, and the rows at the end of the loop."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotate.models import (
    Annotator,
    Candidate,
    DatasetSource,
    PreferenceDataset,
    Ranking,
    Round,
    SelectionRun,
    TrainingMetric,
    TrainingRun,
    User,
)
from tests import factories as make

HTMX = {"HX-Request": "true"}
# What a trainer says before its first step.
FORECAST = {
    "pairs": 1234, "dropped_pairs": 3, "dropped": {"prompt_fills_max_length": 3}, "cut_pairs": 0,
    "merged_pairs": 2, "eval_pairs": 40, "tokens": 98765, "read_tokens": 65432,
    "parameters": 7_000_000, "trained_parameters": 70_000, "steps": 155, "layout": "padded",
    "layout_reason": "its attention is not known to be exact", "checkpointing": True,
    "memory_bytes": 3 * 2**30, "memory_available_bytes": 8 * 2**30, "disk_bytes": 2**30,
    "disk_free_bytes": 2**31, "seconds": 90.0, "label_smoothing": 0.125,
    "examples": [
        {"text": "<s>[INST] a \u202eb [/INST] <c> </s>", "ids": [1, 518, 29961, 2],
         "begins_with_bos": True, "ends_with_eos": True},
    ],
}  # fmt: skip


def browser_of(user: User, **options: Any) -> Client:
    """Give a browser in which the account is signed in."""
    client = Client(**options)
    client.force_login(user)
    return client


def browser_as(role: str, **options: Any) -> Client:
    """Give a browser in which a new account of this role is signed in."""
    return browser_of(make.make_user(role), **options)


def volunteer_in(run: SelectionRun, **options: Any) -> Client:
    """Give a browser of a volunteer who has passed every gate of the run."""
    return browser_of(make.make_volunteer(run), **options)


def count_queries(ask: Callable[[], Any]) -> int:
    """Count the queries of one answer."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        ask()
    return len(queries)


def cast_votes(round_: Round, annotator: Annotator, n: int, outcome: str = "a") -> None:
    """Let an annotator judge n pairs of the round's first two candidates."""
    first, second = round_.candidates.order_by("id")[:2]
    pairs = zip(first.completions.order_by("id"), second.completions.order_by("id"), strict=True)
    for (one, other), _vote in zip(pairs, range(n), strict=False):
        comparison = make.make_comparison(one, other, round_=round_, annotator=annotator)
        make.make_vote(comparison, outcome)


def make_standing(name: str, **fields: Any) -> dict[str, Any]:
    """Make a row of a ranking's standings."""
    return {
        "name": name, "candidate_id": 1, "group": 0, "rank": 1, "rank_low": 1, "rank_high": 2,
        "strength": 0.25, "low": -0.5, "high": 1.0, "wins": 7, "losses": 3, "ties": 2,
        "both_bad": 1, "votes": 13,
    } | fields  # fmt: skip


def make_ranking(run: SelectionRun, **fields: Any) -> Ranking:
    """Store a ranking of two candidates."""
    defaults = {
        "cutoff": 40,
        "settings": {"prior": 0.5, "votes_by_kind": {"person": 13}, "n_annotators": 2},
        "versions": {"choix": "0.4.1"},
        "n_votes": 13,
        "standings": [
            make_standing("stronger"),
            make_standing("weaker", rank=2, strength=-0.25, low=-1.0, high=0.5),
        ],
    }
    return Ranking.objects.create(run=run, **defaults | fields)


def make_dataset(
    run: SelectionRun, *, content: bytes = b'{"prompt": []}\n', **fields: Any
) -> PreferenceDataset:
    """Store a dataset of the run's votes, with its file."""
    path = Path(settings.KURABE_HOME) / "datasets" / f"{run.slug}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    defaults = {
        "cutoff": 10**9,
        "filters": {"min_votes": 1},
        "counts": {"pairs": 12, "held_out": 3},
        "n_pairs": 12,
        "path": f"datasets/{run.slug}.jsonl",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    dataset = PreferenceDataset.objects.create(run=run, **defaults | fields)
    DatasetSource.objects.create(
        dataset=dataset,
        name=f"votes:{run.slug}",
        run=run,
        cutoff=dataset.cutoff,
        voters=dataset.filters.get("voters", "together"),
        round_number=dataset.filters.get("round"),
        n_rows=dataset.n_pairs,
    )
    return dataset


def make_training(run: SelectionRun, *, steps: int = 0, **fields: Any) -> TrainingRun:
    """Plan a training in a run, with metrics of so many steps."""
    base: Candidate = fields.pop("base", None) or make.make_candidate(run)
    dataset = fields.pop("dataset", None) or make_dataset(run)
    defaults = {"child_name": "the child", "config": {"beta": 0.1}}
    training_run = TrainingRun.objects.create(base=base, dataset=dataset, **defaults | fields)
    add_steps(training_run, 1, steps)
    return training_run


def add_steps(training_run: TrainingRun, first: int, last: int) -> None:
    """Add the metrics of the steps from `first` to `last`."""
    TrainingMetric.objects.bulk_create(
        TrainingMetric(training_run=training_run, step=step, values=metrics_row(step))
        for step in range(first, last + 1)
    )


def metrics_row(step: int) -> dict[str, Any]:
    """Make what a trainer reports at a step of 50."""
    return {
        "step": step, "total_steps": 50, "epoch": step / 25, "loss": 0.7 - step / 100,
        "reward_accuracy": 0.5 + step / 100, "reward_margin": step / 10, "chosen_logp": -40.5,
        "rejected_logp": -41.0, "grad_norm": 2.0, "learning_rate": 1e-4, "seconds": step * 2.0,
        "eta_s": (50 - step) * 2.0,
    }  # fmt: skip
