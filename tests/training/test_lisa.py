"""LISA on a real Trainer: which weights move, and that a resumed run moves the same."""

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from tests.tiny import make_tiny_model
from training.config import ConfigError
from training.lisa import LisaCallback, NotInOptimizer, draw_layers, find_layers

N_LAYERS, STEPS = 5, 9
# Draws [0, 1], [0, 2], [1, 2]: each shares a layer with the one before.
SEED = 6
Weights = dict[str, torch.Tensor]


class Watch(TrainerCallback):  # type: ignore[misc]
    """Keeps the weights and what the optimizer knows, after each step."""

    def __init__(self) -> None:
        self.weights: list[Weights] = []
        self.known: list[set[str]] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        model, optimizer = kwargs["model"], kwargs["optimizer"]
        self.weights.append(copy_weights(model))
        self.known.append({n for n, p in model.named_parameters() if p in optimizer.state})


def copy_weights(model: Any) -> Weights:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def make_model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=64,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=N_LAYERS,
            num_attention_heads=2,
        )
    )


def make_trainer(
    folder: Path, lisa: LisaCallback, *callbacks: Any, model: Any = None, accumulation: int = 1
) -> Trainer:
    ids = [[(row * 7 + at * 3) % 64 for at in range(8)] for row in range(STEPS * 2 * accumulation)]
    trainer = Trainer(
        model=model or make_model(),
        args=TrainingArguments(
            output_dir=str(folder),
            per_device_train_batch_size=2,
            gradient_accumulation_steps=accumulation,
            learning_rate=1e-2,
            weight_decay=0.1,
            num_train_epochs=1,
            save_steps=1,
            use_cpu=True,
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        ),
        train_dataset=Dataset.from_dict({"input_ids": ids, "labels": ids}),
        callbacks=[lisa, *callbacks],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def find_moved(before: Weights, after: Weights) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def name_trained(model: Any, drawn: list[int], *, embeddings: bool) -> set[str]:
    """Name the parameters of the layers drawn, and those outside of layers."""
    names = {name for name, _ in model.named_parameters()}
    in_layers = {name for name in names if ".layers." in name}
    in_drawn = {n for n in in_layers if int(n.split(".layers.")[1].split(".")[0]) in drawn}
    return in_drawn | (names - in_layers if embeddings else set())


@pytest.mark.parametrize("embeddings", [True, False])
def test_lisa_moves_the_layers_drawn_and_no_other(embeddings: bool, tmp_path: Path) -> None:
    lisa = LisaCallback(layers=2, every=3, embeddings=embeddings, seed=SEED)
    watch = Watch()
    trainer = make_trainer(tmp_path, lisa, watch, accumulation=2)
    weights = [copy_weights(trainer.model)]
    trainer.train()
    weights += watch.weights
    drawn = [draw_layers(2, of=N_LAYERS, period=period, seed=SEED) for period in range(3)]
    assert drawn[0] != drawn[1] != drawn[2]
    for step in range(STEPS):
        trained = name_trained(trainer.model, drawn[step // 3], embeddings=embeddings)
        assert find_moved(weights[step], weights[step + 1]) == trained
        assert watch.known[step] == trained
    assert all(parameter.requires_grad for parameter in trainer.model.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("step", [4, 6])
def test_lisa_resumed_gives_the_same_weights_to_the_bit(step: int, tmp_path: Path) -> None:
    """In the middle of a period, and where one has just ended and the next has not begun."""
    whole = make_trainer(tmp_path, LisaCallback(layers=2, every=3, embeddings=True, seed=SEED))
    whole.train()
    watch = Watch()
    lisa = LisaCallback(layers=2, every=3, embeddings=True, seed=SEED)
    resumed = make_trainer(tmp_path, lisa, watch)
    resumed.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{step}"))
    assert len(watch.weights) == STEPS - step
    assert watch.known[0] == name_trained(resumed.model, draw_at(step), embeddings=True)
    assert find_moved(copy_weights(whole.model), copy_weights(resumed.model)) == set()


def draw_at(step: int) -> list[int]:
    return draw_layers(2, of=N_LAYERS, period=step // 3, seed=SEED)


def test_every_layer_gets_its_turn_as_often_as_another() -> None:
    turns = [0] * 8
    for period in range(400):
        drawn = draw_layers(2, of=8, period=period, seed=0)
        assert len(set(drawn)) == 2
        for number in drawn:
            turns[number] += 1
    # 100 each, give or take four standard deviations of a binomial (8.7).
    assert all(65 < n < 135 for n in turns)


def test_draw_depends_on_the_seed() -> None:
    draws = [[draw_layers(2, of=8, period=n, seed=seed) for n in range(9)] for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize("architecture", ["llama", "mistral", "qwen2", "gpt_neox", "mixtral"])
def test_layers_of_each_architecture_are_found(architecture: str, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(
        make_tiny_model(tmp_path / "model", architecture=architecture)
    )
    kinds = {type(layer).__name__ for layer in find_layers(model)}
    assert len(kinds) == 1
    assert kinds.pop().endswith(("DecoderLayer", "NeoXLayer"))
    assert len(find_layers(model)) == 2


def test_lisa_says_when_a_layer_was_frozen_too_early(tmp_path: Path) -> None:
    """LMFlow's mistake: such a layer never enters the optimizer, and nothing says so."""
    model = make_model()
    model.model.layers[1].requires_grad_(False)
    lisa = LisaCallback(layers=2, every=3, embeddings=True, seed=SEED)
    trainer = make_trainer(tmp_path, lisa, model=model)
    with pytest.raises(NotInOptimizer, match=r"9 parameters .* model\.layers\.1\."):
        trainer.train()


def test_lisa_refuses_more_layers_than_there_are(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, LisaCallback(layers=6, every=3, embeddings=True, seed=SEED))
    with pytest.raises(ConfigError, match="field 'lisa_layers': 6 is not valid; the model has 5"):
        trainer.train()
