"""Seeded draws: each row of a batch has its own penalties and its own stream of numbers.

Nothing here imports torch at module level: tensors come in, and their methods do the work.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeAlias

from annotate.generation.sampling import Sampling

Tensor: TypeAlias = Any  # torch.Tensor, which only a running engine may import
MINUS_INFINITY = float("-inf")


class SeededDraws:
    """A logits processor that leaves one finite score a row: that of the drawn token.

    Order: penalties, temperature, min-p, top-k, top-p, draw; greedy decoding then takes it.
    A row takes one uniform number a step from its own generator (inverse transform sampling),
    so that its tokens depend neither on the other rows nor on the batch size.
    """

    def __init__(
        self,
        *,
        sampling: Sampling,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[int],
        width: int,
    ) -> None:
        self.sampling = sampling
        self.prompts = prompts
        self.width = width  # of the padded prompts, in tokens
        # Not torch's generators: on CPU those keep 32 bits of a seed, and each device has its own.
        self.generators = [random.Random(seed) for seed in seeds]  # noqa: S311 - drawn by a seed
        self.prompt_tokens: Tensor | None = None  # (B, V) bool

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Take ids (B, T) and scores (B, V); return scores (B, V)."""
        scores = self._penalise(input_ids[:, self.width :], scores.float())
        if self.sampling.is_greedy:
            return scores
        scores = warp_scores(scores / self.sampling.temperature, self.sampling)
        drawn = self._draw(scores.double().softmax(dim=-1))
        return scores.new_full(scores.shape, MINUS_INFINITY).scatter(1, drawn, 0.0)

    def _penalise(self, generated: Tensor, scores: Tensor) -> Tensor:
        """Apply both penalties; padding on the left is no token of the row, so it is not seen."""
        sampling = self.sampling
        if sampling.repetition_penalty == 1 and sampling.frequency_penalty == 0:
            return scores
        counts = scores.new_zeros(scores.shape)  # (B, V)
        counts.scatter_add_(1, generated, scores.new_ones(generated.shape))
        if sampling.repetition_penalty != 1:
            seen = self._prompt_tokens(scores) | (counts > 0)
            penalty = sampling.repetition_penalty
            penalised = (scores / penalty).where(scores > 0, scores * penalty)
            scores = penalised.where(seen, scores)
        return scores - sampling.frequency_penalty * counts

    def _prompt_tokens(self, scores: Tensor) -> Tensor:
        if self.prompt_tokens is None:
            self.prompt_tokens = scores.new_zeros(scores.shape).bool()
            for row, ids in enumerate(self.prompts):
                self.prompt_tokens[row, list(ids)] = True
        return self.prompt_tokens

    def _draw(self, probabilities: Tensor) -> Tensor:
        """Draw a token for each row of (B, V) float64; return ids (B, 1)."""
        uniform = probabilities.new_tensor([[row.random()] for row in self.generators])
        cumulative = probabilities.cumsum(dim=-1)
        targets = uniform * cumulative[:, -1:]
        drawn = (cumulative <= targets).sum(dim=-1, keepdim=True)
        return drawn.clamp(max=probabilities.shape[-1] - 1)


def warp_scores(scores: Tensor, sampling: Sampling) -> Tensor:
    """Set the scores (B, V) of tokens that min-p, top-k or top-p leave out to minus infinity.

    Sources: top-p, Holtzman 2020; min-p, Nguyen 2024 (arXiv 2407.01082).
    """
    if sampling.min_p > 0:
        probabilities = scores.softmax(dim=-1)
        lowest = sampling.min_p * probabilities.amax(dim=-1, keepdim=True)
        scores = scores.masked_fill(probabilities < lowest, MINUS_INFINITY)
    if 0 < sampling.top_k < scores.shape[-1]:
        kth = scores.topk(sampling.top_k, dim=-1).values[:, -1:]
        scores = scores.masked_fill(scores < kth, MINUS_INFINITY)
    if sampling.top_p < 1:
        ordered, order = scores.sort(dim=-1, descending=True, stable=True)
        probabilities = ordered.softmax(dim=-1)
        # The most likely token always stays: nothing is before it.
        is_beyond = probabilities.cumsum(dim=-1) - probabilities >= sampling.top_p
        left_out = is_beyond.scatter(1, order, is_beyond)
        scores = scores.masked_fill(left_out, MINUS_INFINITY)
    return scores
