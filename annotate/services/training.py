"""Train a candidate on a dataset, and bring the checkpoint into the run as a new candidate."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from annotate.models import (
    Candidate,
    PreferenceDataset,
    Round,
    RunEvent,
    SelectionRun,
    TrainingRun,
    User,
)
from annotate.services import errors, generating, rounds
from annotate.services.changes import log_event
from annotate.services.exporting import Recipe, export_dataset
from annotate.services.model_paths import check_model
from annotate.services.processes import (
    STOPPED_STATUS,
    ProcessFailed,
    ProcessKilled,
    run_module,
)
from annotate.services.queue import defer
from annotate.services.training_lineage import inherit_licence, list_sources, tell_lineage
from annotate.services.training_rows import PairsRead, check_pairs, write_pairs
from annotate.services.training_settings import explain, settle
from annotate.services.training_states import TASK, State, begin_attempt, move_training
from annotate.services.training_work import OnMetrics, TrainingWork
from training.config import ConfigError, DpoRun
from training.run_files import describe_run, parse_run, write_run

# What `refuse_unfit` has no word on.
_OF_THE_ROW = frozenset({"next_round_votes", "is_queued", "created_by"})
MAX_LICENCE = Candidate._meta.get_field("licence").max_length or 0


def start_training(
    *,
    dataset: PreferenceDataset,
    base: Candidate,
    child_name: str = "",
    preset: str = "",
    opens_round: bool = True,
    next_round_votes: int | None = None,
    gate_alpha: float | None = None,
    is_queued: bool = True,
    created_by: User | None = None,
    **wishes: Any,
) -> TrainingRun:
    """Plan the training of `base` on the dataset; `wishes` are fields of `training.DpoRun`.

    A queued run waits for a worker; otherwise whoever planned it calls `train`.

    Args:
        preset: of `training.presets`; what is wished for goes before it.
        gate_alpha: the child has to win over its parent in the next round, with this chance of an
            error at most; None: it need not.

    Raises:
        TrainingRefused: the base has no weights, the name is taken, a wish is not valid, the gate
            has no held-out prompt to ask, or the dataset cannot be trained on.
    """
    child_name = child_name.strip()
    fields = refuse_unfit(
        base=base, child_name=child_name, preset=preset, opens_round=opens_round,
        gate_alpha=gate_alpha, **wishes,
    )  # fmt: skip
    licence = _inherit(base, dataset, check_pairs(dataset=dataset))
    with transaction.atomic():
        run = TrainingRun.objects.create(
            dataset=dataset,
            base=base,
            child_name=child_name or _free_name(base),
            config={},
            licence=licence,
            preset=preset,
            opens_round=opens_round,
            next_round_votes=next_round_votes,
            gate_alpha=gate_alpha,
            created_by=created_by,
        )
        run.config = describe_run(make_config(base=base, folder=folder_of(run), fields=fields))
        run.save(update_fields=["config"])
        told = {"training": run.pk, "candidate": run.child_name, "dataset": dataset.pk}
        log_event(run=base.run, kind=RunEvent.Kind.TRAINING, by=created_by, to=run.state, **told)
        if is_queued:
            defer(TASK, queue="gpu", training_run_id=run.pk)
    return run


def train_on_votes(*, base: Candidate, recipe: Recipe, **plan: Any) -> TrainingRun:
    """Export the votes that stand now, and plan a training on them as `start_training` does.

    Args:
        recipe: of form `dpo`; `exporting.votes_of(base.run.slug)` is the plainest.

    Raises:
        TrainingRefused, ExportRefused, LedgerBusy: and then nothing is exported, but for what is
            seen in the pairs alone.
    """
    checked = {name: value for name, value in plan.items() if name not in _OF_THE_ROW}
    refuse_unfit(base=base, **checked)
    refuse_recipe(base=base, recipe=recipe)
    dataset = export_dataset(recipe, plan.get("created_by"))
    return start_training(dataset=dataset, base=base, **plan)


def refuse_recipe(*, base: Candidate, recipe: Recipe) -> None:
    """Refuse rows that no training of the base reads.

    Raises:
        TrainingRefused: they are of another form, or belong to another run.
    """
    if recipe.form != "dpo":
        message = _("A training reads rows of form dpo, and not of form %(form)s.")
        raise errors.TrainingRefused(message % {"form": recipe.form}, field="dataset")
    if recipe.home.run != base.run.slug:
        message = _("Candidate “%(name)s” is of run %(run)s, whose votes must come first.")
        told = {"name": base.name, "run": base.run.slug}
        raise errors.TrainingRefused(message % told, field="dataset")


def refuse_unfit(
    *,
    base: Candidate,
    child_name: str = "",
    preset: str = "",
    opens_round: bool = True,
    gate_alpha: float | None = None,
    **wishes: Any,
) -> dict[str, Any]:
    """Refuse what can be refused before there is a dataset; give the fields that the rest makes.

    Raises:
        TrainingRefused: as `start_training` does.
    """
    if base.engine == Candidate.Engine.IMPORTED or not base.model:
        message = _("Candidate “%(name)s” has no weights here: only its texts were imported.")
        raise errors.TrainingRefused(message % {"name": base.name}, field="base")
    _refuse_place(base)
    if child_name in _taken_names(base):
        message = _("Run %(run)s has a candidate “%(name)s” already; choose another name.")
        told = {"run": base.run.slug, "name": child_name}
        raise errors.TrainingRefused(message % told, field="child_name")
    _refuse_gate(base.run, opens_round=opens_round, alpha=gate_alpha)
    fields = settle(base=base, preset=preset, wishes=wishes)
    make_config(base=base, folder=Path("-"), fields=fields)
    return fields


def make_config(*, base: Candidate, folder: Path, fields: Mapping[str, Any]) -> DpoRun:
    """Describe a training of `base` in a folder.

    Raises:
        TrainingRefused: a field is not valid.
    """
    managed = {
        "method": DpoRun.method,
        "model": base.model,
        "revision": base.revision or None,
        "slow_tokenizer": base.tokenizer.get("use_fast") is False,
        "pairs": str(folder / "pairs.jsonl"),
        "output_dir": str(folder / "checkpoint"),
        "metrics": str(folder / "metrics.jsonl"),
        "control": str(folder / "control"),
        "lineage": str(folder / "lineage.json"),
        "reference_cache": str(_home() / "references"),
        "resume": True,
    }
    try:
        config = parse_run({**fields, **managed})
    except ConfigError as error:
        raise explain(error) from error
    assert isinstance(config, DpoRun)
    return config


def train(
    *,
    training_run: TrainingRun,
    on_metrics: OnMetrics = lambda row: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train in a process of its own, keeping what it reports, and enrol the checkpoint.

    A call after a kill goes on from the last checkpoint.

    Args:
        should_stop: asked every second; when it says yes, the rest is left to another call.

    Raises:
        TrainingFailed: the trainer ended with an error, which the training run says too.
        TrainingInterrupted: it was killed, or stopped because of `should_stop`.
    """
    if not begin_attempt(training_run=training_run):
        return
    attempt = training_run.attempt
    try:
        work = _prepare(training_run, on_metrics)
        status = run_module(
            module="training",
            config=folder_of(training_run) / "run.json",
            on_tick=work.tick,
            may_go_on=lambda: work.is_wanted and not should_stop(),
        )
    except (ProcessKilled, OSError) as error:
        move_training(training_run=training_run, to=State.QUEUED, of_attempt=attempt)
        raise errors.TrainingInterrupted(f"{training_run}: {error}") from error
    except (ProcessFailed, errors.Refused) as error:
        fail_training(training_run=training_run, attempt=attempt, failure=str(error))
        raise errors.TrainingFailed(str(error)) from error
    except KeyboardInterrupt:
        move_training(training_run=training_run, to=State.STOPPED, of_attempt=attempt)
        raise
    if work.is_wanted:
        _conclude(training_run, attempt, status, should_stop=should_stop)


def fail_training(*, training_run: TrainingRun, attempt: int, failure: str) -> None:
    """Say in the training's row and in the run's log that it failed, and why."""
    failure = failure.removeprefix("error: ") or "it ended with an error and no word"
    move_training(training_run=training_run, to=State.FAILED, of_attempt=attempt, failure=failure)


def enrol_checkpoint(*, training_run: TrainingRun) -> Candidate:
    """Make a candidate of the checkpoint: its parent's settings, and the new weights.

    Its licence is what binds the parent and what it was trained on.
    """
    base = training_run.base
    is_taken = base.run.candidates.filter(name=training_run.child_name).exists()
    child = Candidate.objects.create(
        run=base.run,
        name=_free_name(base) if is_taken else training_run.child_name,
        model=str(folder_of(training_run) / "checkpoint"),
        preset=base.preset,
        engine=base.engine,
        engine_options=base.engine_options,
        prompt_format=base.prompt_format,
        system_prompts=base.system_prompts,
        sampling=base.sampling,
        stop=base.stop,
        tokenizer=base.tokenizer,
        licence=training_run.licence or base.licence,
        origin=Candidate.Origin.DPO,
        training_run=training_run,
    )
    child.parents.add(base)
    return child


def open_next_round(*, child: Candidate, votes_wanted: int | None, by: User | None = None) -> Round:
    """Let a child meet its parents and the run's anchors, on held-out prompts where it has any.

    The votes that trained it are on the other prompts, so that it cannot have learned these.
    """
    run = child.run
    has_held_out = run.prompts().held_out().exists()
    round_ = rounds.join(
        run=run,
        candidates=[child],
        among=list(child.parents.filter(run=run)),
        prompt_scope=Round.Scope.HELD_OUT if has_held_out else Round.Scope.ALL,
        votes_wanted=votes_wanted,
        by=by,
    )
    generating.ask_for_completions(round_=round_)
    return round_


def folder_of(training_run: TrainingRun) -> Path:
    """Give the folder that holds everything of a training run."""
    return _home() / str(training_run.pk)


def write_inputs(*, dataset: PreferenceDataset, base: Candidate, config: DpoRun) -> None:
    """Write the pairs and the run file of a training into its folder.

    Raises:
        TrainingRefused: the dataset cannot be trained on.
    """
    pairs = Path(config.pairs)
    pairs.parent.mkdir(parents=True, exist_ok=True)
    write_pairs(dataset=dataset, base=base, out=pairs)
    write_run(config, pairs.with_name("run.json"))


def _prepare(training_run: TrainingRun, on_metrics: OnMetrics) -> TrainingWork:
    """Write all that the trainer reads, on the machine where it is to run."""
    _refuse_place(training_run.base)
    dataset, folder = training_run.dataset, folder_of(training_run)
    config = parse_run(training_run.config)
    assert isinstance(config, DpoRun)
    pairs = check_pairs(dataset=dataset)
    write_inputs(dataset=dataset, base=training_run.base, config=config)
    lineage = tell_lineage(training_run=training_run, pairs=pairs)
    text = json.dumps(lineage, indent=2, ensure_ascii=False)
    (folder / "lineage.json").write_text(text + "\n", encoding="utf-8")
    return TrainingWork(
        training_run=training_run,
        metrics=folder / "metrics.jsonl",
        control=folder / "control",
        on_metrics=on_metrics,
    )


def _conclude(
    training_run: TrainingRun, attempt: int, status: int, *, should_stop: Callable[[], bool]
) -> None:
    """Say how the attempt ended; raises TrainingInterrupted where another is to go on."""
    training_run.refresh_from_db()
    if status == STOPPED_STATUS and training_run.wish == TrainingRun.Wish.STOP:
        move_training(training_run=training_run, to=State.STOPPED, of_attempt=attempt)
    elif status == STOPPED_STATUS:
        move_training(training_run=training_run, to=State.QUEUED, of_attempt=attempt)
        why = "its worker is about to end" if should_stop() else "it was stopped from outside"
        raise errors.TrainingInterrupted(f"{training_run}: {why}")
    else:
        _finish(training_run, attempt)


def _finish(training_run: TrainingRun, attempt: int) -> None:
    with transaction.atomic():
        if not move_training(training_run=training_run, to=State.FINISHED, of_attempt=attempt):
            return
        child = enrol_checkpoint(training_run=training_run)
        child.run.refresh_from_db()
        if training_run.opens_round and child.run.state != SelectionRun.State.CLOSED:
            training_run.next_round = open_next_round(
                child=child,
                votes_wanted=training_run.next_round_votes,
                by=training_run.created_by,
            )
            training_run.save(update_fields=["next_round"])


def _refuse_place(base: Candidate) -> None:
    """Refuse a base whose model lies where none may be loaded from."""
    try:
        check_model(base.model)
    except errors.ModelRefused as refusal:
        raise errors.TrainingRefused(str(refusal), field="base") from refusal


def _home() -> Path:
    return Path(settings.KURABE_HOME) / "training"


def _taken_names(base: Candidate) -> set[str]:
    """List the names of the run's candidates, and of those that are being trained."""
    unfinished = TrainingRun.objects.filter(base__run=base.run).exclude(state=State.FINISHED)
    return {
        *base.run.candidates.values_list("name", flat=True),
        *unfinished.values_list("child_name", flat=True),
    }


def _free_name(base: Candidate) -> str:
    """Name a child after its parent, with the first number that is free."""
    taken = _taken_names(base)
    number = 1
    while f"{base.name} dpo{number}" in taken:
        number += 1
    return f"{base.name} dpo{number}"


def _refuse_gate(run: SelectionRun, *, opens_round: bool, alpha: float | None) -> None:
    """Refuse a win over the parent that could not be shown."""
    if alpha is None:
        return
    message = ""
    if not 0 < alpha <= 0.5:
        message = _("The chance of an error is %(alpha)s; it must be above 0 and at most 0.5.")
    elif not opens_round:
        message = _("A win over the parent needs the next round, in which it is won.")
    elif not run.prompts().held_out().exists():
        message = _(
            "Run %(run)s has no held-out prompt: on those that it learned from, a win over the"
            " parent shows nothing."
        )
    if message:
        told = {"alpha": alpha, "run": run.slug}
        raise errors.TrainingRefused(message % told, field="gate_alpha")


def _inherit(base: Candidate, dataset: PreferenceDataset, pairs: PairsRead) -> str:
    sources = list_sources(base=base, dataset=dataset, writers=pairs.writers)
    licence = inherit_licence(sources)
    if len(licence) > MAX_LICENCE:
        message = _("The licences that bind the new candidate are too long together: %(licence)s")
        raise errors.TrainingRefused(message % {"licence": licence})
    return licence
