"""Ranks of one connected group, and the ranks that the votes allow."""

from dataclasses import dataclass

import numpy as np

from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.resampling import chance_best, draw_errors
from annotate.ranking.spread import Spread


@dataclass(frozen=True)
class Ranks:
    """Where each candidate of a group may stand, each (n,).

    Attributes:
        rank, low, high: rank, best and worst rank, from 1.
        p_best: chance to be the strongest.
    """

    rank: IntArray
    low: IntArray
    high: IntArray
    p_best: FloatArray


def bound_ranks(
    strengths: FloatArray,
    spread: Spread,
    *,
    level: float,
    n_resamples: int,
    rng: np.random.Generator,
    anytime: bool = False,
) -> Ranks:
    """Return ranks with intervals that hold for all candidates at once.

    One candidate is above another for certain where their strengths differ by more than c standard
    errors, c the quantile of the largest studentised difference over all pairs in the score
    bootstrap (Mogstad, Romano, Shaikh & Wilhelm 2024).

    Args:
        anytime: they hold at all moments at once, too: one candidate is above another where the
            confidence sequence of their difference says so, each of the n (n - 1) / 2 pairs with
            that part of alpha = 1 - level (Bonferroni).
    """
    ahead = strengths[:, None] - strengths[None, :]
    errors = pair_errors(spread.rows)
    drawn = draw_errors(spread.rows, n_resamples=n_resamples, rng=rng)
    if anytime:
        n_pairs = len(strengths) * (len(strengths) - 1) / 2
        reach = spread.reach(errors**2, level=1 - (1 - level) / n_pairs, anytime=True)
    else:
        reach = errors * simultaneous_value(spread, drawn, level=level, rng=rng)
    certain = ahead > reach
    return Ranks(
        rank=1 + (ahead > 0).sum(axis=0),
        low=1 + certain.sum(axis=0),
        high=len(strengths) - certain.sum(axis=1),
        p_best=chance_best(strengths, drawn, df=spread.df, rng=rng),
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
    spread: Spread, drawn: FloatArray, *, level: float, rng: np.random.Generator
) -> float:
    """Return how many standard errors cover every difference of two strengths at once.

    A - 1 annotators show no more than A - 1 directions of error, so that with few of them all
    differences seem to move together and c comes out too small; independent votes, drawn
    likewise, bound it from below. The tail is then that of t: this covered .93 to .96 in
    simulation from 2 annotators up, a common chi-square over all pairs .56 to .90.

    Args:
        drawn: (resamples, n) errors drawn by the spread's rows.
    """
    independent = draw_errors(spread.independent, n_resamples=len(drawn), rng=rng)
    largest = max(
        _largest_difference(spread.rows, drawn, level=level),
        _largest_difference(spread.independent, independent, level=level),
    )
    return spread.t_of_normal(largest)


def _largest_difference(rows: FloatArray, drawn: FloatArray, *, level: float) -> float:
    """Return the quantile of the largest studentised difference over all pairs."""
    errors = pair_errors(rows)
    # Two strengths that always move together differ by nothing in any resample.
    per_error = np.divide(1, errors, out=np.zeros_like(errors), where=errors > 0)
    # Transposed and in place, which is 2.5 times faster on 59 candidates than the plain form.
    moved = np.ascontiguousarray(drawn.T)
    largest = np.zeros(len(drawn))
    for i in range(len(moved) - 1):
        distance = moved[i + 1 :] - moved[i]
        distance *= per_error[i, i + 1 :, None]
        np.abs(distance, out=distance)
        np.maximum(largest, distance.max(axis=0), out=largest)
    return float(np.quantile(largest, level, method="higher"))
