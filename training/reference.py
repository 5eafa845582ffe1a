"""The reference's log-probabilities of all replies, computed once and kept on disk."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast_object_list, gather_object
from datasets import Dataset
from trl.models.utils import prepare_deepspeed

from training.layout.collating import REFERENCE
from training.layout.packing import PARTS
from training.layout.trainer import PairTrainer, causal_model

# Changes when what is stored, or how it is computed, does.
FORMAT = "kurabe-reference-1"


def add_reference(
    trainer: PairTrainer,
    dataset: Dataset,
    *,
    cache: str | None,
    batch_size: int,
    on_batch: Callable[[], object] = lambda: None,
) -> Dataset:
    """Return the dataset with the columns of REFERENCE, float32, in nats.

    They are computed in the trainer's own layout, so that the first step's margin is 0. With a
    cache they are kept there, under a hash of the weights, the token ids and the layout. Each
    process calls `on_batch` as often as the others; what it raises ends the work.
    """
    path = None if cache is None else _cached(Path(cache), _key(trainer, dataset))
    values = None if path is None else _read(path)
    if values is None:
        values = compute_reference(trainer, dataset, batch_size=batch_size, on_batch=on_batch)
        if path is not None and trainer.accelerator.is_main_process:
            _write(path, values)
    for name, column in zip(REFERENCE, values, strict=True):
        dataset = dataset.add_column(name, column)
    return dataset


def compute_reference(
    trainer: PairTrainer,
    dataset: Dataset,
    *,
    batch_size: int,
    on_batch: Callable[[], object] = lambda: None,
) -> np.ndarray:
    """Return the log-probabilities of chosen and of rejected replies, float32 (2, pairs)."""
    accelerator = trainer.accelerator
    model = _reference_model(trainer)
    was_training = model.training
    model.eval()
    batches = list(_batches(dataset, batch_size))
    rank, ranks = accelerator.process_index, accelerator.num_processes
    scored: dict[int, list[float]] = {}
    # Each process has as many turns, since where weights are sharded they gather them together.
    for turn in range(-(-len(batches) // ranks)):
        on_batch()
        numbers = batches[min(turn * ranks + rank, len(batches) - 1)]
        inputs = trainer.data_collator([dataset[number] for number in numbers])
        inputs = {name: value.to(accelerator.device) for name, value in inputs.items()}
        with torch.no_grad(), trainer.as_reference(), accelerator.autocast():
            chosen, rejected = trainer.score_replies(model, inputs)
        scores = torch.stack([chosen, rejected], dim=1).float().tolist()
        scored |= dict(zip(numbers, scores, strict=True))
    model.train(was_training)
    found = dict(item for part in gather_object([scored]) for item in part.items())
    return np.array([found[number] for number in range(len(dataset))], dtype=np.float32).T


def _reference_model(trainer: PairTrainer) -> Any:
    if trainer.ref_model is not None:
        return trainer.ref_model
    if trainer.is_deepspeed_enabled:
        return prepare_deepspeed(trainer.model, trainer.accelerator)
    # Under FSDP a model with adapters lies where it was loaded until it is cut.
    return trainer.model.to(trainer.accelerator.device)


def _batches(dataset: Dataset, batch_size: int) -> Iterator[list[int]]:
    """Yield the numbers of pairs of about the same length, the longest first."""
    lengths = np.sum([[len(ids) for ids in dataset[name]] for name in PARTS], axis=0)
    order = np.argsort(-lengths, kind="stable").tolist()
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def _key(trainer: PairTrainer, dataset: Dataset) -> str:
    """Hash all that the numbers depend on."""
    settings = causal_model(trainer.model).config.to_dict()
    settings.pop("_name_or_path", None)  # where it lies changes no number
    accelerator = trainer.accelerator
    said = [FORMAT, trainer.is_packed, accelerator.mixed_precision, accelerator.device.type]
    digest = hashlib.sha256(json.dumps([said, settings], sort_keys=True, default=str).encode())
    # Before the first step it is its own reference, and whole even where that one is in shards.
    digest.update(_hash_weights(trainer.model).encode())
    for name in PARTS:
        for ids in dataset[name]:
            digest.update(np.array([len(ids), *ids], dtype=np.int64).tobytes())
    return digest.hexdigest()


def _hash_weights(model: Any) -> str:
    """Hash names, types and bytes of the weights; adapters, which are drawn anew, are left out."""
    digest = hashlib.sha256()
    for name, weight in model.named_parameters():
        if "lora_" in name:
            continue
        name = name.removeprefix("base_model.model.")
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _cached(folder: Path, key: str) -> Path:
    return folder / f"{key}.npy"


def _read(path: Path) -> np.ndarray | None:
    """Read what is kept, on the say of the first process: another may look a moment later."""
    is_there = [path.is_file()]
    broadcast_object_list(is_there, from_process=0)
    return np.load(path, allow_pickle=False) if is_there[0] else None


def _write(path: Path, values: np.ndarray) -> None:
    """Write the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, values)
    part.replace(path)
