"""Whether the left side wins more often than it should, in all and by annotator."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from annotate.ranking.arrays import FloatArray, IntArray, sum_at

Z = float(ndtri(0.975))


@dataclass(frozen=True)
class LeftShare:
    """Votes for the left among votes for a side.

    Attributes:
        n_left, n_right: votes for either.
        share: left / (left + right); None without such votes.
        se: standard error, clustered two-way; None where all votes are for one side, of one
            annotator or on one pair, and nothing tells how far others would differ.
    """

    n_left: int
    n_right: int
    share: float | None
    se: float | None

    @property
    def low(self) -> float | None:
        """Lower end of the normal 95 % interval, never below 0."""
        return None if self.share is None or self.se is None else max(0, self.share - Z * self.se)

    @property
    def high(self) -> float | None:
        """Upper end of the normal 95 % interval, never above 1."""
        return None if self.share is None or self.se is None else min(1, self.share + Z * self.se)


def measure_left_share(*, is_left: IntArray, annotator: IntArray, pair: IntArray) -> LeftShare:
    """Return the share of the left with its error clustered by annotator and by pair.

    V = V_annotator + V_pair - V_both (Cameron, Gelbach & Miller 2011), each term with its own
    factor G / (G - 1) for G clusters. The difference may come out too small, even below 0, so V is
    never less than the largest of the three terms.

    Args:
        is_left: (votes,) 1 for the left, 0 for the right; ties and votes of unknown side left out.
        annotator, pair: (votes,) indices of 0 or more.
    """
    n, n_left = len(is_left), int(is_left.sum())
    if n == 0:
        return LeftShare(0, 0, None, None)
    share = n_left / n
    excess = is_left.astype(np.float64) - share
    by_annotator = _cluster_variance(excess, annotator)
    by_pair = _cluster_variance(excess, pair)
    se = None
    if 0 < n_left < n and by_annotator is not None and by_pair is not None:
        both = _cluster_variance(excess, annotator * (pair.max() + 1) + pair) or 0.0
        se = math.sqrt(max(by_annotator + by_pair - both, by_annotator, by_pair, both))
    return LeftShare(n_left, n - n_left, share, se)


def wilson_interval(
    successes: FloatArray, trials: FloatArray, *, level: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Return (n,) low and high ends of Wilson's (1927) score interval; nan without a trial."""
    z2 = float(ndtri((1 + level) / 2)) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        share = successes / trials
        reach = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2)))
        centre, scale = share + z2 / (2 * trials), 1 + z2 / trials
        low, high = (centre - reach) / scale, (centre + reach) / scale
    # What rounding leaves beside 0 and 1 is no probability.
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


def _cluster_variance(excess: FloatArray, cluster: IntArray) -> float | None:
    """Return the variance of a mean whose errors hang together within clusters; None for one."""
    names, place = np.unique(cluster, return_inverse=True)
    if len(names) < 2:
        return None
    sums = sum_at(place.astype(np.int64), excess, len(names))
    return float(sums @ sums) / len(excess) ** 2 * len(names) / (len(names) - 1)
