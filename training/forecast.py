"""What a training is about to do, said before it does it, and what it refuses."""

import dataclasses
import math
import shutil
from pathlib import Path
from typing import Any

from training.config import DpoRun
from training.data import DatasetError, Pair
from training.encoding import Encoded, EncodedPair
from training.fields import ConfigError
from training.layout.trainer import PairTrainer
from training.memory import GIB, Memory, count_bytes, measure_memory

N_EXAMPLES = 2
# Beside a forward and a backward pass, the reference's forward pass takes a third of their time.
REFERENCE_SHARE = 1 / 3


@dataclasses.dataclass(frozen=True)
class Example:
    """A pair as it is fed: its text with all marks in it, its token ids, and how it begins."""

    text: str
    ids: list[int]
    begins_with_bos: bool
    ends_with_eos: bool


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What a training takes in all: row one of its metrics, and what `--forecast` prints.

    Attributes:
        tokens: of both replies, with the prompt before each, once over the pairs.
        read_tokens: that are read at one pass over the pairs, in the layout chosen.
        dropped, cut_pairs, merged_pairs: see `training.encoding.Encoded`.
        layout_reason: why pairs are padded though `auto` would pack them, or empty.
        memory_bytes, memory_available_bytes: what it takes beside the loaded model, and what is
            free; None where several processes share the model, which is not measured.
        seconds: reckoned from one measured step; None as above.
        examples: two pairs, each as the prompt with the chosen reply.
    """

    pairs: int
    dropped_pairs: int
    dropped: dict[str, int]
    cut_pairs: int
    merged_pairs: int
    eval_pairs: int
    tokens: int
    read_tokens: int
    parameters: int
    trained_parameters: int
    steps: int
    layout: str
    layout_reason: str
    checkpointing: bool
    memory_bytes: int | None
    memory_available_bytes: int | None
    disk_bytes: int
    disk_free_bytes: int
    seconds: float | None
    label_smoothing: float | None
    examples: list[Example]


def make_forecast(
    *,
    run: DpoRun,
    trainer: PairTrainer,
    tokenizer: Any,
    encoded: Encoded,
    eval_encoded: Encoded | None,
    layout_reason: str,
    label_smoothing: float | None,
) -> Forecast:
    """Measure a step, reckon up the rest.

    Raises:
        ConfigError: there is too little memory or disk.
    """
    parameters = sum(weight.numel() for weight in trainer.model.parameters())
    trained = [weight for weight in trainer.model.parameters() if weight.requires_grad]
    disk = _disk_bytes(run, trainer)
    disk_free = refuse_small_disk(Path(run.output_dir), disk)
    memory = None
    is_checkpointing = run.checkpointing == "on"
    if run.sharding == "ddp":
        memory = measure_memory(
            trainer,
            encoded.pairs,
            batch_size=run.batch_size,
            optimizer=run.optimizer,
            lisa_layers=run.lisa_layers,
            lisa_embeddings=run.lisa_embeddings,
        )
        is_checkpointing = memory.decide(run.checkpointing)
    elif run.checkpointing == "auto":
        # A model that is shared out among devices is one that hardly fits.
        is_checkpointing = True
    per_step = run.batch_size * run.gradient_accumulation * run.processes
    read = sum(pair.n_packed if trainer.is_packed else pair.n_padded for pair in encoded.pairs)
    return Forecast(
        pairs=len(encoded.pairs),
        dropped_pairs=encoded.n_dropped,
        dropped=encoded.dropped,
        cut_pairs=encoded.cut,
        merged_pairs=encoded.merged,
        eval_pairs=len(eval_encoded.pairs) if eval_encoded else 0,
        tokens=encoded.n_tokens,
        read_tokens=read,
        parameters=parameters,
        trained_parameters=sum(weight.numel() for weight in trained),
        steps=math.ceil(math.ceil(len(encoded.pairs) / per_step) * run.epochs),
        layout="packed" if trainer.is_packed else "padded",
        layout_reason=layout_reason,
        checkpointing=is_checkpointing,
        memory_bytes=memory.needed(is_checkpointing=is_checkpointing) if memory else None,
        memory_available_bytes=memory.available if memory else None,
        disk_bytes=disk,
        disk_free_bytes=disk_free,
        seconds=_seconds(memory, run, read, is_checkpointing) if memory else None,
        label_smoothing=label_smoothing,
        examples=[_show(pair, tokenizer) for pair in encoded.pairs[:N_EXAMPLES]],
    )


def refuse_one_sided(pairs: list[Pair], *, path: str) -> None:
    """Raise DatasetError where all pairs choose, or all reject, one and the same text."""
    if len(pairs) < 2:
        return
    for side in ("chosen", "rejected"):
        if all(getattr(pair, side) == getattr(pairs[0], side) for pair in pairs[1:]):
            raise DatasetError(
                f"{path}: each of its {len(pairs)} pairs has the same {side!r} reply, so that a"
                " model could learn nothing but that text; expected different replies"
            )


def refuse_small_disk(folder: Path, needed: int) -> int:
    """Return the bytes that are free where a folder will be; raises ConfigError for too few."""
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise ConfigError(
            f"too little disk: the model and its checkpoint take about {needed / GIB:.1f} GiB, and"
            f" {free / GIB:.1f} GiB are free in {place}"
        )
    return free


def _disk_bytes(run: DpoRun, trainer: PairTrainer) -> int:
    """Reckon up the model, and two checkpoints: the older goes when the newer is whole."""
    weights = list(trainer.model.parameters())
    whole = count_bytes(weights)
    # Weights and two moments; of an adapter, its own alone.
    checkpoint = 3 * count_bytes([weight for weight in weights if weight.requires_grad])
    return whole + checkpoint * (1 if run.checkpoint_every is None else 2)


def _seconds(memory: Memory, run: DpoRun, read: int, is_checkpointing: bool) -> float:
    passes = run.epochs * (4 / 3 if is_checkpointing else 1) + REFERENCE_SHARE
    return round(memory.seconds_per_token * read * passes / run.processes, 3)


def _show(pair: EncodedPair, tokenizer: Any) -> Example:
    ids = pair.prompt_ids + pair.chosen_ids
    return Example(
        text=tokenizer.decode(ids, skip_special_tokens=False),
        ids=ids,
        begins_with_bos=ids[0] == tokenizer.bos_token_id,
        ends_with_eos=ids[-1] == tokenizer.eos_token_id,
    )
