"""How far two kinds of annotators agree: on the order of candidates, and vote by vote."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from annotate.ranking.agreement import first_votes
from annotate.ranking.arrays import BoolArray, FloatArray, IntArray, sum_at
from annotate.ranking.sides import wilson_interval
from annotate.ranking.votes import OUTCOMES

_N_OUTCOMES = len(OUTCOMES)


@dataclass(frozen=True)
class Concordance:
    """How often a vote of one kind agrees with one of the other on what both judged.

    Attributes:
        share: mean over units of the chance that a vote of each kind says the same; None where no
            unit was judged by both.
        low, high: its interval; None where share is.
        n_units: units that both kinds judged.
    """

    share: float | None
    low: float | None
    high: float | None
    n_units: int


def measure_tau(
    first: FloatArray, second: FloatArray, *, first_group: IntArray, second_group: IntArray
) -> float | None:
    """Return Kendall's (1945) tau-b over pairs of candidates that both rankings compare.

    Two candidates are compared where they stand in one group; between groups there is no order.

    Args:
        first, second: (n,) strengths in either ranking.
        first_group, second_group: (n,) numbers of groups, -1 for a candidate without a vote.

    Returns:
        From -1 to 1; None where no two candidates are told apart by both.
    """
    i, j = np.triu_indices(len(first), k=1)
    compared = np.ones(len(i), dtype=np.bool_)
    for group in (first_group, second_group):
        compared &= (group[i] == group[j]) & (group[i] >= 0)
    i, j = i[compared], j[compared]
    one, two = np.sign(first[i] - first[j]), np.sign(second[i] - second[j])
    told = float((one != 0).sum()) * float((two != 0).sum())
    return float((one @ two) / np.sqrt(told)) if told else None


def measure_concordance(
    *,
    unit: IntArray,
    annotator: IntArray,
    outcome: IntArray,
    is_first: BoolArray,
    is_second: BoolArray,
    cluster: IntArray,
    level: float = 0.95,
) -> Concordance:
    """Return how often votes of two kinds agree on the units that both judged.

    A unit is a pair of completions and a turn; outcomes agree where they are the same, "both bad"
    and a draw being two. An annotator counts once for a unit. The interval is clustered by what
    `cluster` says (the prompt) and never narrower than Wilson's of that many units.

    Args:
        unit, annotator, outcome, cluster: (votes,) indices of 0 or more.
        is_first, is_second: (votes,) whether the vote is of the first or the second kind.
    """
    kept = first_votes(unit, annotator)
    units, place = np.unique(unit[kept], return_inverse=True)
    cell, size = place * _N_OUTCOMES + outcome[kept], len(units) * _N_OUTCOMES
    one, two = (
        np.bincount(cell[of[kept]], minlength=size).reshape(len(units), _N_OUTCOMES)
        for of in (is_first, is_second)
    )
    judged = one.sum(axis=1) * two.sum(axis=1)
    both = judged > 0
    n_units = int(both.sum())
    if n_units == 0:
        return Concordance(None, None, None, 0)
    shares = (one * two).sum(axis=1)[both] / judged[both]
    of_unit = np.zeros(len(units), dtype=np.int64)
    of_unit[place] = cluster[kept]
    reach, share = reach_of_mean(shares, of_unit[both], level=level), float(shares.mean())
    low, high = wilson_interval(np.array([shares.sum()]), np.array([n_units]), level=level)
    return Concordance(
        share,
        max(0.0, min(float(low[0]), share - reach)),
        min(1.0, max(float(high[0]), share + reach)),
        n_units,
    )


def reach_of_mean(values: FloatArray, cluster: IntArray, *, level: float) -> float:
    """Return how far the interval of a mean reaches: CR1 by cluster, and t; 0 of one cluster."""
    names, place = np.unique(cluster, return_inverse=True)
    n_clusters = len(names)
    if n_clusters < 2:
        return 0.0
    sums = sum_at(place.astype(np.int64), values - values.mean(), n_clusters)
    variance = float(sums @ sums) / len(values) ** 2 * n_clusters / (n_clusters - 1)
    return float(stdtrit(n_clusters - 1, (1 + level) / 2) * np.sqrt(variance))
