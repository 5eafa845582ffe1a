"""Ranks of one connected group, and the ranks that the votes allow."""

from dataclasses import dataclass

import numpy as np

from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.spread import Spread


@dataclass(frozen=True)
class Ranks:
    """Rank, best and worst rank of each candidate of a group, each (n,), from 1."""

    rank: IntArray
    low: IntArray
    high: IntArray


def bound_ranks(
    strengths: FloatArray,
    spread: Spread,
    *,
    level: float,
    n_resamples: int,
    rng: np.random.Generator,
) -> Ranks:
    """Return ranks with intervals that hold for all candidates at once.

    One candidate is above another for certain where their strengths differ by more than c standard
    errors, c the quantile of the largest studentised difference over all pairs in the score
    bootstrap (Mogstad, Romano, Shaikh & Wilhelm 2024).
    """
    ahead = strengths[:, None] - strengths[None, :]
    errors = pair_errors(spread.rows)
    c = simultaneous_value(spread, level=level, n_resamples=n_resamples, rng=rng)
    certain = ahead > c * errors
    return Ranks(
        rank=1 + (ahead > 0).sum(axis=0),
        low=1 + certain.sum(axis=0),
        high=len(strengths) - certain.sum(axis=1),
    )


def pair_errors(rows: FloatArray) -> FloatArray:
    """Return (n, n) the standard error of each difference of two strengths.

    Args:
        rows: (k, n) with rows' rows = the covariance of the strengths.
    """
    covariance = rows.T @ rows
    own = np.diag(covariance)
    return np.sqrt(np.maximum(own[:, None] + own[None, :] - 2 * covariance, 0))


def simultaneous_value(
    spread: Spread, *, level: float, n_resamples: int, rng: np.random.Generator
) -> float:
    """Return how many standard errors cover every difference of two strengths at once.

    A - 1 annotators show no more than A - 1 directions of error, so that with few of them all
    differences seem to move together and c comes out too small; independent votes, drawn
    likewise, bound it from below. The tail is then that of t: this covered .93 to .96 in
    simulation from 2 annotators up, a common chi-square over all pairs .56 to .90.
    """
    largest = max(
        _largest_difference(rows, level=level, n_resamples=n_resamples, rng=rng)
        for rows in (spread.rows, spread.independent)
    )
    return spread.t_of_normal(largest)


def _largest_difference(
    rows: FloatArray, *, level: float, n_resamples: int, rng: np.random.Generator
) -> float:
    """Return the quantile of the largest studentised difference over all pairs."""
    errors = pair_errors(rows)
    # Two strengths that always move together differ by nothing in any resample.
    per_error = np.divide(1, errors, out=np.zeros_like(errors), where=errors > 0)
    # Transposed and in place, which is 2.5 times faster on 59 candidates than the plain form.
    moved = np.ascontiguousarray((rng.standard_normal((n_resamples, len(rows))) @ rows).T)
    largest = np.zeros(n_resamples)
    for i in range(len(moved) - 1):
        distance = moved[i + 1 :] - moved[i]
        distance *= per_error[i, i + 1 :, None]
        np.abs(distance, out=distance)
        np.maximum(largest, distance.max(axis=0), out=largest)
    return float(np.quantile(largest, level, method="higher"))
