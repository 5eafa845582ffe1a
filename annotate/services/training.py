"""Train a candidate on a dataset, and bring the checkpoint into the run as a new candidate."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from annotate.models import (
    Candidate,
    PreferenceDataset,
    Round,
    TrainingMetric,
    TrainingRun,
    User,
)
from annotate.services import errors, generating, rounds
from annotate.services.processes import ProcessFailed, run_module
from annotate.services.queue import defer
from training.config import ConfigError, DpoRun, describe_run, parse_run, write_run

State = TrainingRun.State
STOPPED_STATUS = 143


def start_training(
    *,
    dataset: PreferenceDataset,
    base: Candidate,
    child_name: str = "",
    opens_round: bool = True,
    next_round_votes: int | None = None,
    is_queued: bool = True,
    created_by: User | None = None,
    **wishes: Any,
) -> TrainingRun:
    """Plan the training of `base` on the dataset; `wishes` are fields of `training.DpoRun`.

    A queued run waits for a worker; otherwise whoever planned it calls `train`.

    Raises:
        TrainingRefused: the base has no weights, the name is taken, or a wish is not valid.
    """
    child_name = child_name or _free_name(base)
    refuse_unfit(base=base, child_name=child_name, **wishes)
    with transaction.atomic():
        run = TrainingRun.objects.create(
            dataset=dataset,
            base=base,
            child_name=child_name,
            config={},
            opens_round=opens_round,
            next_round_votes=next_round_votes,
            created_by=created_by,
        )
        run.config = _config(run, wishes)
        run.save(update_fields=["config"])
        if is_queued:
            defer("train", queue="gpu", training_run_id=run.pk)
    return run


def refuse_unfit(*, base: Candidate, child_name: str, **wishes: Any) -> None:
    """Refuse what can be refused before there is a dataset.

    Raises:
        TrainingRefused: as `start_training` does.
    """
    if base.engine == Candidate.Engine.IMPORTED or not base.model:
        raise errors.TrainingRefused(
            f"candidate {base.name!r} has no weights here: only its texts were imported"
        )
    if base.run.candidates.filter(name=child_name).exists():
        message = f"run {base.run.slug} has a candidate {child_name!r} already; choose another name"
        raise errors.TrainingRefused(message)
    try:
        DpoRun(**wishes, model=base.model, pairs="-", output_dir="-", metrics="-")
    except ConfigError as error:
        raise errors.TrainingRefused(str(error)) from error


def train(
    *,
    training_run: TrainingRun,
    on_metrics: Callable[[dict[str, Any]], None] = lambda row: None,
) -> None:
    """Train in a process of its own, keeping what it reports, and enrol the checkpoint.

    A call after a kill goes on from the last checkpoint.

    Raises:
        TrainingFailed: the trainer ended with an error, which the training run says too.
    """
    if training_run.is_over:
        return
    folder = folder_of(training_run)
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "run.json"
    write_run(parse_run(training_run.config), config)
    move_training(training_run=training_run, to=State.RUNNING)
    try:
        status = run_module(
            module="training",
            config=config,
            on_tick=lambda: _store_metrics(training_run, folder / "metrics.jsonl", on_metrics),
        )
    except ProcessFailed as error:
        move_training(training_run=training_run, to=State.FAILED, failure=str(error))
        raise errors.TrainingFailed(str(error)) from error
    if status == STOPPED_STATUS:
        move_training(training_run=training_run, to=State.STOPPED)
        return
    with transaction.atomic():
        move_training(training_run=training_run, to=State.FINISHED)
        child = enrol_checkpoint(training_run=training_run)
        if training_run.opens_round:
            open_next_round(child=child, votes_wanted=training_run.next_round_votes)


def enrol_checkpoint(*, training_run: TrainingRun) -> Candidate:
    """Make a candidate of the checkpoint: its parent's format and sampling, the new weights."""
    base = training_run.base
    child = Candidate.objects.create(
        run=base.run,
        name=training_run.child_name,
        model=str(folder_of(training_run) / "checkpoint"),
        engine=base.engine,
        prompt_format=base.prompt_format,
        sampling=base.sampling,
        stop=base.stop,
        tokenizer=base.tokenizer,
        licence=base.licence,
        origin=Candidate.Origin.DPO,
        training_run=training_run,
    )
    child.parents.add(base)
    return child


def open_next_round(*, child: Candidate, votes_wanted: int | None) -> Round:
    """Let a child meet its parents, on held-out prompts where the run has any."""
    run = child.run
    has_held_out = run.prompts().held_out().exists()
    round_ = rounds.create_round(
        run=run,
        candidates=[*child.parents.filter(run=run), child],
        prompt_scope=Round.Scope.HELD_OUT if has_held_out else Round.Scope.ALL,
        votes_wanted=votes_wanted,
    )
    generating.ask_for_completions(round_=round_)
    return round_


def move_training(*, training_run: TrainingRun, to: str, failure: str = "") -> None:
    """Change the state of a training run: the only place that does."""
    now = timezone.now()
    training_run.state = to
    training_run.failure = failure
    if to == State.RUNNING:
        training_run.started_at = now
    else:
        training_run.finished_at = now
    training_run.save(update_fields=["state", "failure", "started_at", "finished_at"])


def folder_of(training_run: TrainingRun) -> Path:
    """Give the folder that holds everything of a training run."""
    return Path(settings.KURABE_HOME) / "training" / str(training_run.pk)


def _config(run: TrainingRun, wishes: dict[str, Any]) -> dict[str, Any]:
    folder = folder_of(run)
    config = DpoRun(
        **wishes,
        model=run.base.model,
        revision=run.base.revision or None,
        pairs=str(settings.KURABE_HOME / run.dataset.path),
        output_dir=str(folder / "checkpoint"),
        metrics=str(folder / "metrics.jsonl"),
        resume=True,
    )
    return describe_run(config)


def _free_name(base: Candidate) -> str:
    """Name a child after its parent, with the first number that is free."""
    taken = set(base.run.candidates.values_list("name", flat=True))
    number = 1
    while f"{base.name} dpo{number}" in taken:
        number += 1
    return f"{base.name} dpo{number}"


def _store_metrics(
    training_run: TrainingRun, path: Path, on_metrics: Callable[[dict[str, Any]], None]
) -> None:
    """Store the whole lines of the metrics file that are not stored yet."""
    if not path.exists():
        return
    newest = training_run.metrics.order_by("step").values_list("step", flat=True).last() or 0
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    new = [row for row in rows if "loss" in row and row["step"] > newest]
    TrainingMetric.objects.bulk_create(
        [TrainingMetric(training_run=training_run, step=row["step"], values=row) for row in new],
        ignore_conflicts=True,
    )
    for row in new:
        on_metrics(row)
