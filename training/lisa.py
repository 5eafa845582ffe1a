"""LISA (Pan 2024): a few layers learn at a time, drawn anew every so many steps.

Only they have gradients and a state in the optimizer, which is what saves the memory.
"""

import random
from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.config import ConfigError


class NotInOptimizer(RuntimeError):
    """A layer was frozen before the optimizer was made, so nothing would ever train it."""


class LisaCallback(TrainerCallback):  # type: ignore[misc] # transformers is not typed
    """Freezes all layers but `layers` drawn ones, others every `every` steps.

    Embeddings, head and last norm always learn where `embeddings` says so, and else never. What is
    drawn depends on `seed` and step alone, so that processes agree and a resumed run draws the
    same. All parameters are to be trainable until the optimizer is made; under DDP it has to look
    for unused ones (`ddp_find_unused_parameters`).
    """

    def __init__(self, *, layers: int, every: int, embeddings: bool, seed: int) -> None:
        self._n_drawn, self._every = layers, every
        self._has_embeddings, self._seed = embeddings, seed
        self.drawn: list[int] = []

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Raise NotInOptimizer, ConfigError; go on with the layers of a run that is resumed."""
        model, optimizer = kwargs["model"], kwargs["optimizer"]
        _require_in_optimizer(model, optimizer)
        refuse_too_many(self._n_drawn, model)
        # In the middle of a period the layers drawn have a state, which came back with the rest.
        self._draw(state.global_step, model)

    def on_step_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Draw anew where a period begins, and forget what the optimizer knew of all layers."""
        if state.global_step % self._every:
            return
        model, optimizer = kwargs["model"], kwargs["optimizer"]
        for parameter in find_layers(model).parameters():
            parameter.grad = None
            optimizer.state.pop(parameter, None)
        self._draw(state.global_step, model)

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Leave no parameter frozen."""
        kwargs["model"].requires_grad_(True)

    def _draw(self, step: int, model: nn.Module) -> None:
        layers = find_layers(model)
        self.drawn = draw_layers(
            self._n_drawn, of=len(layers), period=step // self._every, seed=self._seed
        )
        model.requires_grad_(self._has_embeddings)
        for number, layer in enumerate(layers):
            layer.requires_grad_(number in self.drawn)


def refuse_too_many(layers: int, model: Any) -> None:
    """Raise ConfigError where a model has fewer layers than are to be drawn of them."""
    n_layers = len(find_layers(model))
    if layers > n_layers:
        raise ConfigError(f"field 'lisa_layers': {layers} is not valid; the model has {n_layers}")


def draw_layers(n: int, *, of: int, period: int, seed: int) -> list[int]:
    """Return the numbers of the layers that learn in a period, each as likely as another."""
    return sorted(random.Random(f"{seed}/{period}").sample(range(of), n))  # noqa: S311 - drawn by a seed


def find_layers(model: Any) -> nn.ModuleList:
    """Return the decoder layers of a model of any architecture. Raises ConfigError."""
    n_layers = model.config.num_hidden_layers
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == n_layers:
            return module
    raise ConfigError(
        f"field 'lisa_layers': {type(model).__name__} has no list of {n_layers} layers to draw from"
    )


def _require_in_optimizer(model: nn.Module, optimizer: Any) -> None:
    known = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    missing = [name for name, parameter in model.named_parameters() if id(parameter) not in known]
    if missing:
        raise NotInOptimizer(
            f"{len(missing)} parameters are not in the optimizer, {missing[0]} among them; they"
            " have to be trainable when it is made"
        )
