"""One DPO training on TRL's trainer: load, forecast, reference, train, save."""

import dataclasses
import time
from contextlib import ExitStack, suppress
from typing import Any

from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback

from training.adapters import make_lora_config
from training.arguments import checkpoints_of, make_arguments
from training.card import Lineage, read_lineage
from training.checkpoints import (
    CheckpointCallback,
    count_steps,
    find_last_checkpoint,
    remove_checkpoints,
)
from training.config import DpoRun
from training.data import DatasetError, Pair, read_pairs
from training.distributed import ShardingCallback, check_sharding, leave_group
from training.encoding import Encoded, encode_pairs
from training.flips import estimate_flip_rate
from training.forecast import Forecast, make_forecast, refuse_one_sided
from training.layout.trainer import PairTrainer, make_collator
from training.lisa import LisaCallback
from training.loading import Loaded, load, router_loss
from training.metrics import MetricsCallback, MetricsFile
from training.noise import EmbeddingNoise
from training.ranks import first_or_nowhere
from training.reference import add_reference
from training.reporting import make_reporters
from training.saving import save
from training.splitting import split_by_prompt
from training.stopping import StopAskedFor, StopCallback, StopRequest


def train_dpo(run: DpoRun) -> bool:
    """Train, and save the model, its tokenizer, a card and a record; return whether it did.

    A run that is told to stop keeps a checkpoint under `output_dir/checkpoints` and no model; one
    that is told to keep what it has saves the model as it is. Raises ConfigError and DatasetError
    before anything is trained.
    """
    lineage = read_lineage(run.lineage)
    with StopRequest(run.control) as request:
        prepared = prepare(run)
        check_sharding(run, prepared.trainer.accelerator)
        is_finished = _train(run, prepared, request, lineage)
    leave_group()
    return is_finished


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A run that is ready to be trained, and what it will take."""

    trainer: PairTrainer
    forecast: Forecast


def prepare(run: DpoRun, *, scratch: str | None = None) -> Prepared:
    """Load, encode and measure; raises ConfigError and DatasetError for what cannot be trained.

    Checkpoints go to `scratch` where it is given, else to a folder of the run's output.
    """
    pairs, eval_pairs = read_run_pairs(run)
    label_smoothing = choose_label_smoothing(run, pairs)
    loaded = load(run)
    encoded = _encode(run, pairs, loaded, path=run.pairs)
    eval_encoded = None
    if eval_pairs:
        eval_encoded = _encode(run, eval_pairs, loaded, path=run.eval_pairs or run.pairs)
    folder = scratch or str(checkpoints_of(run))
    trainer = _make_trainer(run, loaded, encoded, eval_encoded, label_smoothing, folder)
    forecast = make_forecast(
        run=run,
        trainer=trainer,
        tokenizer=loaded.tokenizer,
        encoded=encoded,
        eval_encoded=eval_encoded,
        layout_reason=loaded.layout_reason,
        label_smoothing=label_smoothing,
    )
    trainer.use_checkpointing(forecast.checkpointing)
    return Prepared(trainer, forecast)


def read_run_pairs(run: DpoRun) -> tuple[list[Pair], list[Pair]]:
    """Read the pairs to learn from and those to evaluate on; raises DatasetError."""
    pairs = read_pairs(run.pairs)
    if run.eval_pairs:
        eval_pairs = read_pairs(run.eval_pairs)
    else:
        pairs, eval_pairs = split_by_prompt(
            pairs, share=run.eval_share, seed=run.seed, path=run.pairs
        )
    refuse_one_sided(pairs, path=run.pairs)
    return pairs, eval_pairs


def choose_label_smoothing(run: DpoRun, pairs: list[Pair]) -> float | None:
    """Return the share of pairs whose label is taken to be wrong, None where no loss asks for it.

    Raises DatasetError where the robust loss leaves it to votes that do not tell.
    """
    if run.label_smoothing is None and "robust" in run.loss_type:
        try:
            return estimate_flip_rate([pair.votes for pair in pairs])
        except DatasetError as error:
            raise DatasetError(f"{run.pairs}: {error}") from error
    return run.label_smoothing


def _encode(run: DpoRun, pairs: list[Pair], loaded: Loaded, *, path: str) -> Encoded:
    return encode_pairs(
        pairs, loaded.tokenizer, max_length=run.max_length, path=path, weight_by=run.weight_by
    )


def _make_trainer(
    run: DpoRun,
    loaded: Loaded,
    encoded: Encoded,
    eval_encoded: Encoded | None,
    label_smoothing: float | None,
    folder: str,
) -> PairTrainer:
    arguments = make_arguments(
        run,
        folder=folder,
        label_smoothing=label_smoothing,
        router_loss=router_loss(run, loaded.model.config.get_text_config()),
    )
    trainer = PairTrainer(
        model=loaded.model,
        args=arguments,
        data_collator=make_collator(
            is_packed=loaded.is_packed,
            pad=loaded.tokenizer.pad_token_id,
            attention=loaded.attention,
            max_length=run.max_length,
        ),
        train_dataset=make_dataset(encoded),
        eval_dataset=make_dataset(eval_encoded) if eval_encoded else None,
        processing_class=loaded.tokenizer,
        peft_config=make_lora_config(run, loaded.model) if run.lora_rank else None,
        is_packed=loaded.is_packed,
    )
    # Rows go to the metrics file; standard output is for people.
    trainer.remove_callback(PrinterCallback)
    return trainer


def make_dataset(encoded: Encoded) -> Dataset:
    """Make the trainer's dataset of encoded pairs."""
    return Dataset.from_list([dataclasses.asdict(pair) for pair in encoded.pairs])


def _train(run: DpoRun, prepared: Prepared, request: StopRequest, lineage: Lineage) -> bool:
    trainer, forecast = prepared.trainer, prepared.forecast
    checkpoint = find_last_checkpoint(checkpoints_of(run)) if run.resume else None
    if trainer.accelerator.is_main_process:
        remove_checkpoints(checkpoints_of(run), but=checkpoint)
    metrics = MetricsFile(first_or_nowhere(run.metrics), resume=checkpoint is not None)
    metrics.write(_announce(run, forecast, checkpoint))
    rows = MetricsCallback(metrics)
    for callback in (rows, *_make_callbacks(run, request)):
        trainer.add_callback(callback)
    began = time.monotonic()
    with ExitStack() as context:
        context.enter_context(suppress(StopAskedFor))
        _read_reference(run, trainer, request)
        if run.neftune_alpha is not None:
            trainer.noise = context.enter_context(EmbeddingNoise(trainer.model, run.neftune_alpha))
        trainer.train(resume_from_checkpoint=checkpoint)
    ended = {
        "step": trainer.state.global_step,
        "total_steps": forecast.steps,
        "seconds": round(time.monotonic() - began, 3),
    }
    has_kept = request.outcome == "keep" and ended["step"] > 0
    is_finished: bool = has_kept or ended["step"] >= ended["total_steps"]
    if is_finished:
        if trainer.eval_dataset is not None:
            trainer.evaluate()
        ended |= rows.last_row
        save(run, trainer, forecast, ended, lineage)
    else:
        ended |= {
            "stopped": request.signal_name or request.outcome,
            "checkpoint": find_last_checkpoint(checkpoints_of(run)),
        }
    metrics.write({"finished": is_finished} | ended)
    metrics.close()
    return is_finished


def _announce(run: DpoRun, forecast: Forecast, checkpoint: str | None) -> dict[str, Any]:
    """Say what is trained on and from which step, before the first of it takes its time."""
    step = count_steps(checkpoint) if checkpoint else 0
    started = {"started": True, "step": step, "total_steps": forecast.steps, "method": run.method}
    return started | dataclasses.asdict(forecast)


def _make_callbacks(run: DpoRun, request: StopRequest) -> list[TrainerCallback]:
    """Make what looks on while the run goes on; checkpoints are marked before others read them."""
    callbacks: list[TrainerCallback] = [
        StopCallback(request), CheckpointCallback(), ShardingCallback(run), *make_reporters(run)
    ]  # fmt: skip
    if run.lisa_layers is not None:
        lisa = LisaCallback(
            layers=run.lisa_layers,
            every=run.lisa_every,
            embeddings=run.lisa_embeddings,
            seed=run.seed,
        )
        callbacks.append(lisa)
    return callbacks


def _read_reference(run: DpoRun, trainer: PairTrainer, request: StopRequest) -> None:
    """Give the datasets what the reference thinks of them, and let it go.

    Raises StopAskedFor where the run is told to end meanwhile.
    """

    def look() -> None:
        if request.check() is not None:
            raise StopAskedFor

    scored: dict[str, Any] = {
        name: add_reference(
            trainer,
            dataset,
            cache=run.reference_cache,
            batch_size=run.batch_size,
            on_batch=look,
        )
        for name in ("train_dataset", "eval_dataset")
        if (dataset := getattr(trainer, name)) is not None
    }
    for name, dataset in scored.items():
        setattr(trainer, name, dataset)
    trainer.ref_model = None  # under FSDP there was one, and its memory is wanted
