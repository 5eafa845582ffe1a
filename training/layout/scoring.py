"""A causal model that gives log-probabilities of chosen tokens and never builds its logits."""

import functools
import types
from collections.abc import Callable
from typing import Any

import torch
from trl.kernels import ChunkedLogProbFunction

# Columns of the vocabulary in one tile of logits; rows are TRL's.
TILE_COLUMNS = 32_768
MEASURED = ("log_probs", "entropy", "is_top1")


def add_packed_forward(model: Any) -> None:
    """Let `model(..., packed_sources=..., packed_labels=...)` score those labels alone.

    The base of a causal model is run on packed rows, and only the hidden states that predict a
    token of a reply pass the head: prompts, a third to nine tenths of all tokens, do not. What the
    model does when it is called otherwise stays as it was.

    The call returns (log_probs, entropy, is_top1), each (N,); only the first has a gradient.
    """
    before: Callable[..., Any] = model.forward

    @functools.wraps(before)
    def forward(
        self: Any,
        *args: Any,
        packed_sources: torch.Tensor | None = None,
        packed_labels: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        if packed_sources is None or packed_labels is None:
            return before(*args, **kwargs)
        # Looked up at each call: FSDP and PEFT put others in their place.
        hidden = self.base_model(*args, **kwargs, use_cache=False).last_hidden_state  # (R, L, H)
        chosen = hidden.reshape(-1, hidden.shape[-1]).index_select(0, packed_sources)  # (N, H)
        return score_labels(self, chosen, packed_labels)

    model.forward = types.MethodType(forward, model)


def score_labels(
    model: Any, hidden: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return log-probability, entropy and whether it is the likeliest, of each label (N,).

    Logits are made a tile at a time (TRL's kernel) and made again in the backward pass.
    """
    head = model.get_output_embeddings()
    weight, bias = _whole(head.weight), _whole(head.bias)
    hidden, labels = hidden.to(weight.device), labels.to(weight.device)
    outputs = ("entropy", "is_top1")
    log_probs, entropy, _, _, is_top1 = ChunkedLogProbFunction.apply(
        hidden, weight, bias, labels, 1.0, TILE_COLUMNS, None, 1.0, outputs
    )
    return log_probs, entropy.detach(), is_top1


def spread(values: torch.Tensor, targets: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Put values (N,) in their places (flat indices) of zeros of a shape (2B, T)."""
    flat = values.new_zeros(shape[0] * shape[1])
    return flat.index_put((targets,), values).view(shape)


def _whole(parameter: Any) -> Any:
    """Gather a parameter that FSDP keeps in shards."""
    gather = getattr(parameter, "full_tensor", None)
    return parameter if gather is None else gather()
