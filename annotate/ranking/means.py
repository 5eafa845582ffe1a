"""Means of values that come in clusters, such as replies to the same prompts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student_t

from annotate.ranking.arrays import FloatArray, IntArray

SAME = 1e-24


@dataclass(frozen=True, eq=False)
class GroupMeans:
    """Means of k groups, each array (k,); nan where a group has none.

    Attributes:
        mean: of the group's values.
        low, high: ends of the interval; nan with fewer than two clusters, and where all clusters
            are alike: how far they spread is not known then.
        n: values in the group.
        n_clusters: clusters that they come in.
        level: of the intervals.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    n: IntArray
    n_clusters: IntArray
    level: float


def mean_by_group(
    values: ArrayLike, group: ArrayLike, cluster: ArrayLike, *, n_groups: int, level: float = 0.95
) -> GroupMeans:
    """Average values group by group, with intervals that clusters of any size may widen.

    The variance of a mean is that of the clusters' summed residuals, times m / (m - 1) for m
    clusters, and the interval is Student's with m - 1 degrees of freedom (Liang & Zeger 1986;
    Cameron & Miller 2015, section VI.C). Values that are nan count nowhere.

    Args:
        values: (n,)
        group: (n,) from 0 to n_groups - 1.
        cluster: (n,) whole numbers from 0; the same number in two groups is two clusters.
    """
    x = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(x)
    x, g = x[known], np.asarray(group, dtype=np.int64)[known]
    c = np.asarray(cluster, dtype=np.int64)[known]
    n = np.bincount(g, minlength=n_groups)
    keys, place = np.unique(g * (c.max(initial=0) + 1) + c, return_inverse=True)
    of_group = keys // (c.max(initial=0) + 1)
    m = np.bincount(of_group, minlength=n_groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(g, weights=x, minlength=n_groups) / n
        residuals = np.bincount(place, weights=x - mean[g], minlength=len(keys))
        squares = np.bincount(of_group, weights=residuals**2, minlength=n_groups)
        reach = np.sqrt(squares * m / (m - 1)) / n * student_t.ppf(0.5 + level / 2, m - 1)
    # By rounding alone, equal clusters differ by some 1e-16 of their values.
    nothing = squares <= SAME * np.bincount(g, weights=x * x, minlength=n_groups)
    reach[(m < 2) | nothing] = np.nan
    return GroupMeans(mean, mean - reach, mean + reach, n, m, level)
