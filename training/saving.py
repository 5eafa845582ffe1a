"""What a training leaves: weights, tokenizer, settings of generation, and a record."""

import dataclasses
import json
import math
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from training.adapters import ADAPTER_NAME, merge_saved_adapter, save_adapted
from training.arguments import checkpoints_of
from training.card import Lineage, write_card
from training.config import DpoRun
from training.data import hash_file
from training.durable import sync_tree
from training.forecast import Forecast
from training.layout.trainer import PairTrainer, causal_model
from training.run_files import describe_run

RECORD_NAME = "training.json"
PACKAGES = ("torch", "transformers", "trl", "datasets", "peft")


def save(
    run: DpoRun,
    trainer: PairTrainer,
    forecast: Forecast,
    final: dict[str, Any],
    lineage: Lineage,
) -> None:
    """Save weights, tokenizer, generation config, a record of how they came to be, and a card."""
    generation = causal_model(trainer.model).generation_config
    _save_weights(run, trainer)
    if trainer.accelerator.is_main_process:
        generation.save_pretrained(run.output_dir)
        write_card(run, _write_record(run, forecast, final), lineage)
        sync_tree(run.output_dir)
        # The optimizer's state is of no use any more, and twice as large as the model.
        shutil.rmtree(checkpoints_of(run), ignore_errors=True)
    trainer.accelerator.wait_for_everyone()


def _save_weights(run: DpoRun, trainer: PairTrainer) -> None:
    """Save the model, whole on disk however it lies in memory, and its tokenizer."""
    if run.lora_rank is None:
        trainer.save_model(run.output_dir)
        return
    is_first = trainer.accelerator.is_main_process
    if is_first:
        trainer.processing_class.save_pretrained(run.output_dir)
    if run.sharding != "ddp":
        _save_sharded_adapter(run, trainer)
    elif is_first:
        model = trainer.accelerator.unwrap_model(trainer.model)
        save_adapted(model, run.output_dir, merge=run.merge_adapter)


def _save_sharded_adapter(run: DpoRun, trainer: PairTrainer) -> None:
    """Gather the adapter from all processes; the first adds it to a whole model of its own."""
    folder = Path(run.output_dir)
    trainer.save_model(str(folder / ADAPTER_NAME if run.merge_adapter else folder))
    if run.merge_adapter and trainer.accelerator.is_main_process:
        dtype = torch.bfloat16 if run.dtype == "bfloat16" else torch.float32
        merge_saved_adapter(run, folder, dtype=dtype)


def _write_record(run: DpoRun, forecast: Forecast, final: dict[str, Any]) -> dict[str, Any]:
    said = dataclasses.asdict(forecast)
    del said["examples"]  # their texts are the dataset's
    record = {
        "run": describe_run(run),
        "versions": {name: version(name) for name in PACKAGES},
        "pairs_sha256": hash_file(run.pairs),
        "forecast": said,
        "final": {
            name: value
            for name, value in final.items()
            if not isinstance(value, float) or math.isfinite(value)
        },
    }
    text = json.dumps(record, indent=2, ensure_ascii=False)
    (Path(run.output_dir) / RECORD_NAME).write_text(text + "\n", encoding="utf-8")
    return record
