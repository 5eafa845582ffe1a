"""Which pair of candidates to compare next."""

import numpy as np
from numpy.typing import ArrayLike

from annotate.ranking.arrays import IntArray


def order_pairs(*, exposures: ArrayLike, rng: np.random.Generator) -> IntArray:
    """Return every pair of candidates, the least exposed first, equals in random order.

    Args:
        exposures: (n, n) symmetric counts of how often a pair was drawn; the diagonal is ignored.

    Returns:
        (n (n - 1) / 2, 2) pairs, the lower index first; which side each stands on is the caller's
        to draw.

    Raises:
        ValueError: exposures is not square, not symmetric, or does not hold counts.
    """
    counts = _check_exposures(exposures)
    first, second = np.triu_indices(len(counts), k=1)
    shuffled = rng.permutation(len(first))
    first, second = first[shuffled], second[shuffled]
    order = np.argsort(counts[first, second], kind="stable")
    return np.column_stack([first[order], second[order]]).astype(np.int64, copy=False)


def _check_exposures(exposures: ArrayLike) -> IntArray:
    counts = np.asarray(exposures)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"exposures has shape {counts.shape}: it must be square")
    if counts.size and not np.issubdtype(counts.dtype, np.integer):
        raise ValueError(f"exposures holds {counts.dtype}: it must hold integers")
    if counts.size and counts.min() < 0:
        i, j = np.argwhere(counts < 0)[0]
        raise ValueError(f"exposures[{i}, {j}] is {counts[i, j]}: it must be 0 or more")
    if (counts != counts.T).any():
        i, j = np.argwhere(counts != counts.T)[0]
        raise ValueError(
            f"exposures[{i}, {j}] is {counts[i, j]} but [{j}, {i}] is {counts[j, i]}: "
            "they must be equal"
        )
    return counts.astype(np.int64, copy=False)
