"""Encoded pairs of many shapes, for tests that need no text."""

import random

from training.encoding import EncodedPair


def make_encoded_pairs(number: int, *, vocabulary: int = 384, seed: int = 0) -> list[EncodedPair]:
    """Draw pairs of 1 to 30 tokens of prompt and 1 to 24 of each reply."""
    rng = random.Random(seed)

    def draw(longest: int) -> list[int]:
        return [rng.randrange(10, vocabulary) for _ in range(rng.randint(1, longest))]

    return [EncodedPair(draw(30), draw(24), draw(24), 1.0, each) for each in range(number)]
