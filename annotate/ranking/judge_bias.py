"""What a judge's verdicts lean towards whatever the texts say: the first shown, and the longer."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, stdtrit

from annotate.ranking.arrays import FloatArray, IntArray, sum_at
from annotate.ranking.concordance import reach_of_mean
from annotate.ranking.sides import wilson_interval
from annotate.ranking.votes import A_WINS, B_WINS, TIE

# Of the slope per doubling: keeps it finite where the longer text always wins.
PRIOR_SD = 1.0
_STEPS = 100


@dataclass(frozen=True)
class Share:
    """A share of `n` verdicts with its interval; None of none."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Slope:
    """Log odds that a text is preferred, for each doubling of its length over the other's.

    Attributes:
        value: None where no decided vote is on texts of unequal length.
        low, high: None with fewer than two clusters, too.
        n: votes that it is of.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class PositionBias:
    """How a judge reads the same pair in both orders.

    Attributes:
        first: share of decided readings that prefer what was shown first; half is no bias.
        inconsistent: share of pairs, readable in both orders, on which the two readings differ.
    """

    first: Share
    inconsistent: Share


def measure_position_bias(
    ab: IntArray, ba: IntArray, *, cluster: IntArray, level: float = 0.95
) -> PositionBias:
    """Return how a judge's readings hang on the order.

    Args:
        ab, ba: (pairs,) verdicts with a shown first, and with b: outcome codes in terms of a and
            b, -1 where a reading is missing or could not be read.
        cluster: (pairs,) such as the prompt.
    """
    is_decided = np.concatenate([(ab == A_WINS) | (ab == B_WINS), (ba == A_WINS) | (ba == B_WINS)])
    is_first = np.concatenate([ab == A_WINS, ba == B_WINS])[is_decided]
    both = (ab >= 0) & (ba >= 0)
    return PositionBias(
        first=measure_share(is_first, np.concatenate([cluster, cluster])[is_decided], level=level),
        inconsistent=measure_share((ab != ba)[both], cluster[both], level=level),
    )


def measure_longer(
    outcome: IntArray,
    length_a: IntArray,
    length_b: IntArray,
    *,
    cluster: IntArray,
    level: float = 0.95,
) -> Share:
    """Return how often the longer of two texts is preferred, among votes for one of them.

    Args:
        outcome: (votes,) codes.
        length_a, length_b: (votes,) characters.
        cluster: (votes,) such as the prompt.
    """
    kept = (outcome < TIE) & (length_a != length_b)
    prefers_longer = (outcome == A_WINS) == (length_a > length_b)
    return measure_share(prefers_longer[kept], cluster[kept], level=level)


def fit_length_slope(
    outcome: IntArray,
    length_a: IntArray,
    length_b: IntArray,
    *,
    cluster: IntArray,
    level: float = 0.95,
) -> Slope:
    """Return the slope of logit P(a preferred) on log2(length a / length b), without a constant.

    A normal prior of standard deviation 1 keeps it finite. Errors are clustered (CR1, t), and
    never smaller than those of independent votes.
    """
    kept = (outcome < TIE) & (length_a != length_b)
    x = np.log2((length_a[kept] + 1) / (length_b[kept] + 1))
    y, groups = (outcome[kept] == A_WINS).astype(np.float64), cluster[kept]
    if len(x) == 0:
        return Slope(None, None, None, 0)
    slope = _climb(x, y)
    chance = expit(slope * x)
    information = float((x**2 * chance * (1 - chance)).sum()) + PRIOR_SD**-2
    _names, place = np.unique(groups, return_inverse=True)
    n_clusters = int(place.max()) + 1
    if n_clusters < 2:
        return Slope(slope, None, None, len(x))
    scores = sum_at(place.astype(np.int64), x * (y - chance), n_clusters)
    spread = max(float(scores @ scores) * n_clusters / (n_clusters - 1), information)
    reach = float(stdtrit(n_clusters - 1, (1 + level) / 2)) * np.sqrt(spread) / information
    return Slope(slope, float(slope - reach), float(slope + reach), len(x))


def measure_share(hits: IntArray | FloatArray, cluster: IntArray, *, level: float = 0.95) -> Share:
    """Return the share of hits; its interval is clustered and never narrower than Wilson's."""
    n = len(hits)
    if n == 0:
        return Share(None, None, None, 0)
    values = hits.astype(np.float64)
    share, reach = float(values.mean()), reach_of_mean(values, cluster, level=level)
    low, high = wilson_interval(np.array([values.sum()]), np.array([float(n)]), level=level)
    return Share(
        share,
        max(0.0, min(float(low[0]), share - reach)),
        min(1.0, max(float(high[0]), share + reach)),
        n,
    )


def _climb(x: FloatArray, y: FloatArray) -> float:
    """Return the slope of the highest posterior: a concave function of one number, by Newton."""
    slope = 0.0
    for _step in range(_STEPS):
        chance = expit(slope * x)
        gradient = float((x * (y - chance)).sum()) - slope / PRIOR_SD**2
        step = gradient / (float((x**2 * chance * (1 - chance)).sum()) + PRIOR_SD**-2)
        # A long step may overshoot where chances are near 0 and 1.
        slope += max(-2.0, min(2.0, step))
        if abs(step) < 1e-10:
            break
    return slope
