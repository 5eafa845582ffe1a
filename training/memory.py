"""How much memory a training takes, by measuring what its model keeps for the backward pass."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from trl.kernels.chunked_logprob import TOKEN_CHUNK_SIZE

from training.encoding import EncodedPair
from training.fields import ConfigError
from training.layout.scoring import TILE_COLUMNS
from training.layout.trainer import PairTrainer, causal_model
from training.lisa import find_layers

GIB = 2**30
# Bytes that an optimizer keeps for each trained weight of 4 bytes (of 2: half of it).
STATE_BYTES = {"adamw_torch": 8.0, "adamw_torch_fused": 8.0, "adamw_8bit": 2.0, "adafactor": 0.1}
# Allocators keep more than is asked for, and kernels have work space.
MARGIN = 1.1
# Pairs of a probe, of which the larger gives the slope.
PROBES = (1, 3)


@dataclass(frozen=True)
class Memory:
    """Bytes that the largest batch of a training takes, beside those that are there.

    Attributes:
        weights: of the model, as it lies in memory.
        gradients, optimizer: of the weights that are trained.
        activations: kept for the backward pass of the largest batch, with no checkpointing.
        checkpointed: the same with checkpointing, which keeps each layer's input alone.
        head: what scoring replies takes for a while: a tile of logits, and the head's gradient,
            which is summed in float32 whatever the weights are.
        available: free now, with the model loaded already.
        seconds_per_token: of a forward and a backward pass, as the probe took.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    checkpointed: int
    head: int
    available: int
    seconds_per_token: float

    def needed(self, *, is_checkpointing: bool) -> int:
        """Return the bytes that training takes beside the weights, which are there already."""
        activations = self.checkpointed if is_checkpointing else self.activations
        return int(MARGIN * (self.gradients + self.optimizer + activations + self.head))

    def decide(self, wish: str) -> bool:
        """Say whether to compute activations twice; raises ConfigError where neither fits."""
        is_checkpointing = wish == "on" or (
            wish == "auto" and self.needed(is_checkpointing=False) > self.available
        )
        needed = self.needed(is_checkpointing=is_checkpointing)
        if needed > self.available:
            advice = "lora_rank, bfloat16, a smaller batch_size or max_length"
            raise ConfigError(
                f"too little memory: training takes about {needed / GIB:.1f} GiB beside the model,"
                f" and {self.available / GIB:.1f} GiB are free; try "
                + ("checkpointing 'auto', " if wish == "off" else "")
                + advice
            )
        return is_checkpointing


def measure_memory(
    trainer: PairTrainer,
    pairs: Sequence[EncodedPair],
    *,
    batch_size: int,
    optimizer: str,
    lisa_layers: int | None = None,
    lisa_embeddings: bool = True,
) -> Memory:
    """Measure the model on the longest pairs, one and three at a time, and reckon up the batch.

    What is kept grows with the cells of a batch's rows, padding and all, so that two batches give a
    line. Nothing of the model is changed.
    """
    model = trainer.model
    longest = sorted(pairs, key=lambda pair: -pair.n_packed)
    probes = [longest[: min(n, len(longest))] for n in PROBES]
    measured = [_probe(trainer, probe) for probe in probes]
    sizes = [_n_cells(trainer, probe) for probe in probes]
    largest = _n_cells(trainer, longest[:batch_size])
    activations = _extrapolate(sizes, [each.kept for each in measured], largest)
    trained = _trained_bytes(model, lisa_layers=lisa_layers, lisa_embeddings=lisa_embeddings)
    config = causal_model(model).config.get_text_config()
    states = largest * config.hidden_size * next(model.parameters()).element_size()
    return Memory(
        weights=count_bytes(model.parameters()),
        gradients=trained,
        optimizer=int(trained * STATE_BYTES[optimizer] / 4),
        activations=activations,
        checkpointed=states * config.num_hidden_layers + activations // config.num_hidden_layers,
        head=_head_bytes(causal_model(model)),
        available=available_bytes(),
        seconds_per_token=measured[-1].seconds / sum(_n_read(trainer, pair) for pair in probes[-1]),
    )


def _trained_bytes(model: Any, *, lisa_layers: int | None, lisa_embeddings: bool) -> int:
    """Return the bytes of what is trained at a time: under LISA, of the layers that are drawn."""
    trained = count_bytes(weight for weight in model.parameters() if weight.requires_grad)
    if lisa_layers is None:
        return trained
    layers = find_layers(model)
    in_layers = count_bytes(layers.parameters())
    others = trained - in_layers if lisa_embeddings else 0
    return others + in_layers * lisa_layers // len(layers)


def _head_bytes(model: Any) -> int:
    weight = model.get_output_embeddings().weight
    tile = TOKEN_CHUNK_SIZE * min(weight.shape[0], TILE_COLUMNS)
    return int(4 * (tile + (weight.numel() if weight.requires_grad else 0)))


def count_bytes(weights: Iterable[torch.Tensor]) -> int:
    """Return the bytes of weights in memory."""
    return sum(weight.numel() * weight.element_size() for weight in weights)


def available_bytes() -> int:
    """Return the memory that is free where the model lies."""
    if torch.cuda.is_available():
        free, _total = torch.cuda.mem_get_info()
        unused = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(free + unused)
    return int(psutil.virtual_memory().available)


def used_bytes() -> int:
    """Return the most memory that this process has had, on the device where the model lies."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    # Linux counts in KiB.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024


@dataclass(frozen=True)
class _Probe:
    kept: int
    seconds: float


def _probe(trainer: PairTrainer, pairs: Sequence[EncodedPair]) -> _Probe:
    """Run forward and backward once, and count the bytes that are kept in between."""
    rows = [vars(pair) for pair in pairs]
    device = trainer.accelerator.device
    inputs = {name: value.to(device) for name, value in trainer.data_collator(rows).items()}
    known = {weight.untyped_storage().data_ptr() for weight in trainer.model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.random.fork_rng(), torch.enable_grad():
        began = time.perf_counter()
        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with hooks, trainer.accelerator.autocast():
            chosen, rejected = trainer.score_replies(trainer.model, inputs)
        (chosen.sum() - rejected.sum()).backward()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
    trainer.model.zero_grad(set_to_none=True)
    return _Probe(kept=sum(kept.values()), seconds=seconds)


def _extrapolate(sizes: list[int], kept: list[int], size: int) -> int:
    if sizes[0] == sizes[-1]:
        return int(kept[-1] * size / sizes[-1])
    slope = (kept[-1] - kept[0]) / (sizes[-1] - sizes[0])
    return max(kept[-1], int(kept[-1] + slope * (size - sizes[-1])))


def _n_cells(trainer: PairTrainer, pairs: Sequence[EncodedPair]) -> int:
    """Return the tokens of a batch's rows, those of padding among them."""
    rows = trainer.data_collator([vars(pair) for pair in pairs])
    return int(rows["packed_ids" if trainer.is_packed else "input_ids"].numel())


def _n_read(trainer: PairTrainer, pair: EncodedPair) -> int:
    return pair.n_packed if trainer.is_packed else pair.n_padded
