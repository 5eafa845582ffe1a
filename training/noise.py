"""NEFTune (Jain 2023): uniform noise on the embeddings while a model learns."""

from typing import Any, Self

import torch
from torch import nn


class EmbeddingNoise:
    """Adds noise of ±alpha / √(L·H) to each embedding while its layer is in training mode.

    H is the size of an embedding and L the length of a conversation in tokens, which TRL and
    transformers take to be that of the padded row: a short reply beside a long one then has less
    noise, and in a row that many pairs share hardly any. `lengths` (rows, tokens) says for the next
    batch in how long a conversation each token stands; None takes the row's length. Padding may
    have a 0.

    Noise comes from torch's own generator, whose state is in checkpoints, so that a resumed run
    draws the same. Works while it is entered as a context.
    """

    def __init__(self, model: Any, alpha: float) -> None:
        self.lengths: torch.Tensor | None = None
        self._alpha = alpha
        self._embeddings: nn.Module = model.get_input_embeddings()
        self._hook: Any = None

    def __enter__(self) -> Self:
        self._hook = self._embeddings.register_forward_hook(self._add_noise)
        return self

    def __exit__(self, *exception: object) -> None:
        self._hook.remove()

    def _add_noise(
        self, module: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor
    ) -> torch.Tensor:
        if not module.training:
            return output
        n_rows, n_tokens, size = output.shape  # (B, T, H)
        if self.lengths is None:
            lengths = torch.full((n_rows, n_tokens), n_tokens, device=output.device)
        else:
            lengths = self.lengths.to(output.device)
        if lengths.shape != (n_rows, n_tokens):
            raise ValueError(
                f"lengths are of shape {tuple(lengths.shape)}; the batch is {(n_rows, n_tokens)}"
            )
        scale = self._alpha / (lengths.clamp(min=1) * size).sqrt()  # (B, T)
        noise = torch.empty_like(output).uniform_(-1, 1)
        return output + noise * scale.to(output.dtype).unsqueeze(-1)
