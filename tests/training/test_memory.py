"""What is reckoned from a line through two batches is what a larger one really keeps."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig

from tests.training.making import make_encoded_pairs
from training.fields import ConfigError
from training.layout.trainer import PairTrainer, make_collator
from training.memory import Memory, _probe, available_bytes, measure_memory, used_bytes

BATCH = 12


@pytest.mark.parametrize("is_packed", [True, False])
def test_activations_of_a_batch_are_foretold(
    is_packed: bool, tiny_model: Path, tmp_path: Path
) -> None:
    """Of the longest pairs of all, which is the batch that decides; from above, within a third."""
    pairs = make_encoded_pairs(64)
    trainer = make_trainer(tiny_model, tmp_path, is_packed=is_packed)
    memory = measure_memory(trainer, pairs, batch_size=BATCH, optimizer="adamw_torch")
    longest = sorted(pairs, key=lambda pair: -pair.n_packed)[:BATCH]
    kept = _probe(trainer, longest).kept
    assert kept * 0.95 < memory.activations < kept * 1.33
    assert memory.checkpointed < memory.activations
    assert memory.weights == memory.gradients == memory.optimizer // 2
    assert all(weight.grad is None for weight in trainer.model.parameters())


def test_a_layer_that_is_not_drawn_takes_no_gradient(tiny_model: Path, tmp_path: Path) -> None:
    """LISA trains one of two equal layers, with the embeddings or without them."""
    trainer = make_trainer(tiny_model, tmp_path, is_packed=True)
    layers = sum(weight.numel() * 4 for weight in trainer.model.model.layers.parameters())

    def gradients(**lisa: Any) -> int:
        memory = measure_memory(
            trainer, make_encoded_pairs(4), batch_size=2, optimizer="adamw_torch", **lisa
        )
        return memory.gradients

    assert gradients(lisa_layers=1, lisa_embeddings=False) == layers // 2
    assert gradients(lisa_layers=1) == gradients() - layers // 2


def test_memory_that_is_there_and_was_used_is_read_from_the_system() -> None:
    assert available_bytes() > 0
    assert used_bytes() > 100_000_000, "torch alone takes more"


def test_a_wish_goes_before_what_would_fit() -> None:
    plenty = make_memory(available=2_000)
    assert not plenty.decide("auto")
    assert plenty.decide("on")
    short = make_memory(available=700)
    assert short.decide("auto")
    with pytest.raises(ConfigError, match=r"too little memory: .* try checkpointing 'auto', lora"):
        short.decide("off")
    with pytest.raises(ConfigError, match="too little memory"):
        make_memory(available=100).decide("auto")


def make_memory(*, available: int) -> Memory:
    return Memory(
        weights=100, gradients=100, optimizer=200, activations=1_000, checkpointed=100, head=0,
        available=available, seconds_per_token=0.0,
    )  # fmt: skip


def make_trainer(folder: Path, tmp_path: Path, *, is_packed: bool) -> PairTrainer:
    arguments = DPOConfig(
        output_dir=str(tmp_path / "out"), use_cpu=True, bf16=False, report_to="none",
        precompute_ref_log_probs=True, gradient_checkpointing=False, max_length=64,
    )  # fmt: skip
    pairs = [asdict(pair) for pair in make_encoded_pairs(2)]
    return PairTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder),
        args=arguments,
        data_collator=make_collator(is_packed=is_packed, pad=0, attention="sdpa", max_length=64),
        train_dataset=Dataset.from_list(pairs),
        processing_class=AutoTokenizer.from_pretrained(folder),
        is_packed=is_packed,
    )
