"""One DPO training by TRL: load, trainer, train, save."""

import dataclasses
import json
import math
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
from transformers.trainer_utils import get_last_checkpoint
from trl import DPOConfig, DPOTrainer

from training.config import ConfigError, DpoRun, describe_run
from training.data import DatasetError, Pair, hash_file, read_pairs
from training.metrics import MetricsCallback, MetricsFile
from training.stopping import StopCallback, StopRequest

RECORD_NAME = "training.json"


@dataclasses.dataclass(frozen=True)
class PairLengths:
    """What `max_length` does to a set of pairs: how many stay, and how many tokens they have."""

    kept: int
    dropped: int
    tokens: int


def train_dpo(run: DpoRun) -> bool:
    """Train, and save the model, its tokenizer and a record; return whether it came to its end.

    A run that is told to stop keeps a checkpoint under `output_dir/checkpoints` and no model.
    Raises ConfigError and DatasetError before anything is trained.
    """
    with StopRequest() as request:
        return _train(run, request)


def _train(run: DpoRun, request: StopRequest) -> bool:
    pairs = read_pairs(run.pairs)
    eval_pairs = read_pairs(run.eval_pairs) if run.eval_pairs else []
    model, tokenizer = _load_model(run)
    lengths = measure_pairs(pairs, tokenizer, max_length=run.max_length, path=run.pairs)
    eval_lengths = PairLengths(kept=0, dropped=0, tokens=0)
    if run.eval_pairs:
        eval_lengths = measure_pairs(
            eval_pairs, tokenizer, max_length=run.max_length, path=run.eval_pairs
        )
    checkpoint = _find_last_checkpoint(run) if run.resume else None
    metrics = MetricsFile(run.metrics, resume=checkpoint is not None)
    callback = MetricsCallback(metrics, _announce(run, lengths, eval_lengths))
    trainer = DPOTrainer(
        model=model,
        args=_make_arguments(run),
        train_dataset=_make_dataset(pairs),
        eval_dataset=_make_dataset(eval_pairs) if eval_pairs else None,
        processing_class=tokenizer,
        callbacks=[callback, StopCallback(request)],
    )
    # Rows go to the metrics file; standard output is for people.
    trainer.remove_callback(PrinterCallback)
    began = time.monotonic()
    trainer.train(resume_from_checkpoint=checkpoint)
    step, total_steps = trainer.state.global_step, trainer.state.max_steps
    ended = {
        "step": step,
        "total_steps": total_steps,
        "seconds": round(time.monotonic() - began, 3),
    }
    is_finished: bool = step >= total_steps
    if is_finished:
        if eval_pairs:
            trainer.evaluate()
        ended |= callback.last_row
        _save(run, trainer, lengths, ended)
    else:
        ended |= {"stopped": request.signal_name, "checkpoint": _find_last_checkpoint(run)}
    metrics.write({"finished": is_finished} | ended)
    metrics.close()
    return is_finished


def measure_pairs(pairs: list[Pair], tokenizer: Any, *, max_length: int, path: str) -> PairLengths:
    """Count the pairs whose prompt leaves room for a reply; TRL drops the others in silence.

    Tokens are those that are trained on: both replies with the prompt before each, cut at
    `max_length`. Raises DatasetError where no pair is left.
    """
    kept = tokens = shortest = 0
    for pair in pairs:
        prompt, *replies = (
            tokenizer.apply_chat_template(messages, add_generation_prompt=opens, return_dict=False)
            for messages, opens in (
                (pair.prompt, True),
                (pair.prompt + pair.chosen, False),
                (pair.prompt + pair.rejected, False),
            )
        )
        shortest = min(shortest or len(prompt), len(prompt))
        if len(prompt) < max_length:
            kept += 1
            tokens += sum(min(len(reply), max_length) for reply in replies)
    if not kept:
        raise DatasetError(
            f"{path}: each prompt fills max_length {max_length}, so no pair is left to train on; "
            f"the shortest has {shortest} tokens: expected a larger max_length"
        )
    return PairLengths(kept=kept, dropped=len(pairs) - kept, tokens=tokens)


def _load_model(run: DpoRun) -> tuple[Any, Any]:
    if run.dtype == "bfloat16" and not torch.cuda.is_available():
        raise ConfigError("field 'dtype': 'bfloat16' needs a CUDA device; expected 'auto' here")
    dtype = torch.bfloat16 if run.dtype == "bfloat16" else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(run.model, revision=run.revision)
        model = AutoModelForCausalLM.from_pretrained(run.model, revision=run.revision, dtype=dtype)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ConfigError(f"field 'model': {run.model!r} cannot be loaded: {reason}") from error
    if tokenizer.chat_template is None:
        raise ConfigError(f"field 'model': the tokenizer of {run.model!r} has no chat template")
    return model, tokenizer


def _make_dataset(pairs: list[Pair]) -> Dataset:
    return Dataset.from_list([dataclasses.asdict(pair) for pair in pairs])


def _announce(
    run: DpoRun, lengths: PairLengths, eval_lengths: PairLengths | None
) -> dict[str, Any]:
    return {
        "method": run.method,
        "pairs": lengths.kept,
        "dropped_pairs": lengths.dropped,
        "tokens": lengths.tokens,
        "eval_pairs": eval_lengths.kept if eval_lengths else 0,
    }


def _make_arguments(run: DpoRun) -> DPOConfig:
    """Spell the run in TRL's words, with the settings that TRL would choose ill on a CPU."""
    has_cuda = torch.cuda.is_available()
    return DPOConfig(
        output_dir=str(_checkpoints(run)),
        num_train_epochs=run.epochs,
        beta=run.beta,
        learning_rate=run.learning_rate,
        per_device_train_batch_size=run.batch_size,
        per_device_eval_batch_size=run.batch_size,
        gradient_accumulation_steps=run.gradient_accumulation,
        max_length=run.max_length,
        seed=run.seed,
        loss_type=list(run.loss_type),
        loss_weights=None if run.loss_weights is None else list(run.loss_weights),
        # Below 1, TRL reads the number of steps as a share of them.
        warmup_steps=run.warmup_ratio,
        lr_scheduler_type=run.scheduler,
        precompute_ref_log_probs=run.precompute_ref,
        # The reference is loaded by TRL, from the same revision.
        model_init_kwargs=None if run.revision is None else {"revision": run.revision},
        use_cpu=not has_cuda,
        bf16=has_cuda and run.dtype != "float32",
        gradient_checkpointing=has_cuda,
        dataloader_pin_memory=has_cuda,
        logging_steps=run.log_every,
        eval_strategy="no",
        save_strategy="no" if run.checkpoint_every is None else "steps",
        save_steps=run.checkpoint_every or 500,
        save_total_limit=1,
        report_to="none",
        disable_tqdm=True,
    )


def _checkpoints(run: DpoRun) -> Path:
    return Path(run.output_dir) / "checkpoints"


def _find_last_checkpoint(run: DpoRun) -> str | None:
    folder = _checkpoints(run)
    return get_last_checkpoint(str(folder)) if folder.is_dir() else None


def _save(run: DpoRun, trainer: DPOTrainer, lengths: PairLengths, final: dict[str, Any]) -> None:
    """Save weights, tokenizer, generation config and a record of how they came to be."""
    trainer.save_model(run.output_dir)
    trainer.model.generation_config.save_pretrained(run.output_dir)
    record = {
        "run": describe_run(run),
        "versions": {name: version(name) for name in ("torch", "transformers", "trl", "datasets")},
        "pairs_sha256": hash_file(run.pairs),
        **dataclasses.asdict(lengths),
        "final": {
            name: value
            for name, value in final.items()
            if not isinstance(value, float) or math.isfinite(value)
        },
    }
    text = json.dumps(record, indent=2, ensure_ascii=False)
    (Path(run.output_dir) / RECORD_NAME).write_text(text + "\n", encoding="utf-8")
    # The optimizer's state is of no use any more, and twice as large as the model.
    shutil.rmtree(_checkpoints(run), ignore_errors=True)
