"""Packed rows give the numbers that TRL's own layout gives, for each architecture people bring."""

import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer

from tests.tiny import make_tiny_model
from tests.training.making import make_encoded_pairs
from training.layout.attention import block_mask, dense_mask
from training.layout.packing import pack
from training.layout.trainer import PairTrainer, make_collator
from training.reference import add_reference

FAMILIES = ("llama", "mistral", "mistral_nemo", "qwen2", "phi4", "phi3", "gpt_neox", "mixtral")
N_PAIRS = 16


@pytest.fixture(scope="module", params=FAMILIES)
def model_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    return make_tiny_model(folder, architecture=request.param)


def test_replies_have_the_log_probabilities_of_separate_rows(
    model_folder: Path, tmp_path: Path
) -> None:
    """Within 1e-4 a sequence, with gradients of both within 1e-5 of each other's norm."""
    scores, gradients = [], []
    for is_packed in (False, True):
        trainer = make_trainer(model_folder, tmp_path, is_packed=is_packed)
        inputs = trainer.data_collator(list(trainer.train_dataset))
        chosen, rejected = trainer.score_replies(trainer.model, inputs)
        (chosen.sum() - 0.5 * rejected.sum()).backward()
        scores.append(torch.cat([chosen, rejected]).detach())
        gradients.append({name: w.grad for name, w in trainer.model.named_parameters()})
    assert torch.isfinite(scores[0]).all()
    assert (scores[0] - scores[1]).abs().max() < 1e-4
    for name, expected in gradients[0].items():
        difference = (expected - gradients[1][name]).norm()
        assert difference <= 1e-5 * expected.norm() + 1e-7, name


@pytest.mark.slow
def test_fifty_steps_have_the_losses_of_stock_trl(model_folder: Path, tmp_path: Path) -> None:
    """As TRL trains by itself, from texts to reference and loss: within 1e-4 at each step."""
    expected = losses(make_stock_trainer(model_folder, tmp_path))
    trainer = make_trainer(model_folder, tmp_path, is_packed=True)
    trainer.train_dataset = add_reference(trainer, trainer.train_dataset, cache=None, batch_size=4)
    found = losses(trainer)
    assert len(expected) == len(found) == 50
    assert expected[0] != expected[-1]
    assert max(abs(a - b) for a, b in zip(expected, found, strict=True)) < 1e-4


def test_positions_go_on_from_the_prompt_in_both_replies() -> None:
    pair = {"prompt_ids": [5, 6, 7], "chosen_ids": [8, 9], "rejected_ids": [10]}
    other = {"prompt_ids": [1, 2], "chosen_ids": [3], "rejected_ids": [4, 4]}
    rows = pack([pair, other], pad=0, capacity=12)
    assert rows.ids.tolist() == [[5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 4]]
    assert rows.positions.tolist() == [[0, 1, 2, 3, 4, 3, 0, 1, 2, 2, 3]]
    assert rows.sources.tolist() == [2, 3, 2, 7, 7, 9]
    assert rows.labels.tolist() == [8, 9, 10, 3, 4, 4]
    # (2B, T) with T of 2: chosen, chosen, rejected, rejected.
    assert rows.targets.tolist() == [0, 1, 4, 2, 6, 7]
    assert rows.lengths.tolist() == [[5, 5, 5, 5, 5, 4, 4, 4, 3, 4, 4]]


def test_nobody_attends_to_another_reply_or_document() -> None:
    pair = {"prompt_ids": [5], "chosen_ids": [8, 9], "rejected_ids": [10]}
    rows = pack([pair, pair], pad=0, capacity=8, multiple=10)
    mask = dense_mask(rows.documents, rows.branches, rows.positions)[0, 0].int().tolist()
    alone = [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 1]]
    nothing = [0, 0, 0, 0]
    expected = [row + nothing + [0, 0] for row in alone] + [nothing + row + [0, 0] for row in alone]
    padding = [[0] * 8 + [1, 0], [0] * 8 + [0, 1]]
    assert mask == expected + padding


def test_a_window_is_counted_in_positions_of_the_conversation() -> None:
    pair = {"prompt_ids": [5, 6], "chosen_ids": [8, 9], "rejected_ids": [10]}
    rows = pack([pair], pad=0)
    mask = dense_mask(rows.documents, rows.branches, rows.positions, window=2)[0, 0]
    assert mask.int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 1, 1, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 1, 0, 0, 1],  # the token before it is the prompt's last, not the chosen reply's
    ]


@pytest.mark.parametrize("window", [None, 3])
def test_blocks_and_dense_masks_say_the_same(window: int | None) -> None:
    rows = pack([asdict(pair) for pair in make_encoded_pairs(6)], pad=0, capacity=256, multiple=128)
    parts = (rows.documents, rows.branches, rows.positions)
    dense = dense_mask(*parts, window=window)
    blocks = block_mask(*parts, window=window)
    n_rows, length = rows.documents.shape
    index = torch.arange(length)
    attends = torch.stack([
        blocks.mask_mod(torch.tensor(row), torch.tensor(0), index[:, None], index[None, :])
        for row in range(n_rows)
    ])  # fmt: skip
    is_token = rows.documents >= 0
    assert torch.equal(attends[is_token], dense[:, 0][is_token])


@pytest.mark.slow
def test_flex_attention_gives_the_same_numbers(tmp_path: Path) -> None:
    """The kernel of a GPU, run here without its compiler; one row of many pairs."""
    folder = make_tiny_model(tmp_path / "model", n_heads=2)
    pairs = [asdict(pair) for pair in make_encoded_pairs(N_PAIRS)]
    scores = []
    for attention in ("sdpa", "flex_attention"):
        trainer = make_trainer(folder, tmp_path, is_packed=True, attention=attention)
        inputs = trainer.data_collator(pairs)
        with torch.no_grad():
            scores.append(torch.cat(trainer.score_replies(trainer.model, inputs)))
    assert inputs["packed_ids"].shape[0] == 1
    assert (scores[0] - scores[1]).abs().max() < 1e-4


def losses(trainer: Any) -> list[float]:
    trainer.train()
    return [row["loss"] for row in trainer.state.log_history if "loss" in row]


def arguments(tmp_path: Path, **others: Any) -> DPOConfig:
    return DPOConfig(
        output_dir=str(tmp_path / "out"), max_steps=50, per_device_train_batch_size=4,
        learning_rate=1e-3, lr_scheduler_type="constant", logging_steps=1, save_strategy="no",
        max_length=64, use_cpu=True, bf16=False, dataloader_pin_memory=False, report_to="none",
        disable_tqdm=True, router_aux_loss_coef=0.0, seed=3, **others,
    )  # fmt: skip


def make_trainer(
    folder: Path, tmp_path: Path, *, is_packed: bool, attention: str = "sdpa"
) -> PairTrainer:
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention)
    pairs = [asdict(pair) for pair in make_encoded_pairs(N_PAIRS)]
    return PairTrainer(
        model=model,
        args=arguments(tmp_path, precompute_ref_log_probs=True, gradient_checkpointing=False),
        data_collator=make_collator(is_packed=is_packed, pad=0, attention=attention, max_length=64),
        train_dataset=Dataset.from_list(copy.deepcopy(pairs)),
        processing_class=AutoTokenizer.from_pretrained(folder),
        is_packed=is_packed,
    )


def make_stock_trainer(folder: Path, tmp_path: Path) -> DPOTrainer:
    """TRL as it comes: its own reference, layout and checkpointing; ids are given, not texts."""

    class Stock(DPOTrainer):
        def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
            return dataset

    columns = ("prompt_ids", "chosen_ids", "rejected_ids")
    pairs = [asdict(pair) for pair in make_encoded_pairs(N_PAIRS)]
    return Stock(
        model=str(folder),
        args=arguments(tmp_path),
        train_dataset=Dataset.from_list([{name: pair[name] for name in columns} for pair in pairs]),
        processing_class=AutoTokenizer.from_pretrained(folder),
    )
