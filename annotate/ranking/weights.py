"""Weights that make votes on adaptively drawn pairs count as if pairs had been drawn evenly."""

from dataclasses import dataclass

import numpy as np

from annotate.ranking.arrays import FloatArray, IntArray, effective_number

# A vote counts no more than this many evenly drawn ones: what a policy that draws one pair in
# twenty evenly would give its least likely pair.
LARGEST_WEIGHT = 20.0


@dataclass(frozen=True)
class DesignWeights:
    """Inverse-propensity weights of votes, mean 1.

    Attributes:
        weights: (votes,).
        largest: weight of a vote beside one on an evenly drawn pair, before truncation.
        n_truncated: votes that had more than `LARGEST_WEIGHT` and were given that.
    """

    weights: FloatArray
    largest: float
    n_truncated: int

    @property
    def effective_votes(self) -> float:
        """Votes of equal weight that would tell as much."""
        return effective_number(self.weights)


def weigh_by_design(*, propensity: FloatArray, n_pairs: IntArray) -> DesignWeights:
    """Weigh each vote by (1 / pairs) / propensity, as often as an even draw gives its pair.

    Which pairs an adaptive policy draws hangs on earlier votes, and where the model is not quite
    true (annotators of different taste), strengths hang on which pairs were drawn. Weighed so,
    every pair that could be drawn counts as under an even design (Horvitz & Thompson 1952). It
    costs precision: see `effective_votes`.

    Args:
        propensity: (votes,) chance with which the pair of candidates was drawn, above 0.
        n_pairs: (votes,) pairs of candidates that the vote's round has.

    Raises:
        ValueError: there is no vote, or a propensity that is not above 0 and at most 1.
    """
    if len(propensity) == 0:
        raise ValueError("no votes: there is nothing to weigh")
    wrong = ~((propensity > 0) & (propensity <= 1))
    if wrong.any():
        position = int(np.argmax(wrong))
        raise ValueError(
            f"propensity at position {position} is {propensity[position]}:"
            " it must be above 0 and at most 1"
        )
    raw = 1 / (n_pairs * propensity)
    weights = np.minimum(raw, LARGEST_WEIGHT)
    return DesignWeights(
        weights=weights / weights.mean(),
        largest=float(raw.max()),
        n_truncated=int((raw > LARGEST_WEIGHT).sum()),
    )
