"""Pairs of random tokens whose lengths are those of four kinds of preference data."""

from dataclasses import asdict
from typing import Any

import numpy as np

from training.encoding import EncodedPair

# Median tokens of a prompt and of a reply, and the spread of their logarithms.
DISTRIBUTIONS = {
    "short": (60, 0.6, 80, 0.6),
    "ultrafeedback": (120, 0.9, 280, 0.6),
    "turns": (600, 0.6, 220, 0.6),
    "long-prompt": (1600, 0.4, 200, 0.6),
}
LONGEST = 4096
SEED = 20
# A tiny model has short texts.
TINY_DIVISOR = 8


def make_pairs(name: str, number: int, *, vocabulary: int, is_tiny: bool) -> list[dict[str, Any]]:
    """Draw pairs, each prompt and reply of 4 tokens or more, together of at most 4096."""
    rng = np.random.default_rng(SEED)
    prompt, prompt_spread, reply, reply_spread = DISTRIBUTIONS[name]
    divisor = TINY_DIVISOR if is_tiny else 1
    longest = LONGEST // divisor

    def draw(median: int, spread: float, most: int) -> list[int]:
        length = int(np.clip(median / divisor * np.exp(spread * rng.standard_normal()), 4, most))
        ids: list[int] = rng.integers(3, vocabulary, length).tolist()
        return ids

    pairs = []
    for each in range(number):
        opening = draw(prompt, prompt_spread, longest // 2)
        replies = [draw(reply, reply_spread, longest - len(opening)) for _ in range(2)]
        pairs.append(asdict(EncodedPair(opening, replies[0], replies[1], 1.0, each)))
    return pairs
