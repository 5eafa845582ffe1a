"""Resampled errors of strengths, and what is read from them; FastChat's bootstrap to compare."""

import math
from dataclasses import dataclass

import numpy as np

from annotate.ranking.arrays import FloatArray, IntArray, count_equal, sum_at
from annotate.ranking.strengths import climb_likelihood
from annotate.ranking.votes import A_WINS, B_WINS, OUTCOMES, VoteColumns


def draw_errors(rows: FloatArray, *, n_resamples: int, rng: np.random.Generator) -> FloatArray:
    """Return (resamples, n) errors of the strengths: the score bootstrap, with normal weights.

    Args:
        rows: (k, n) with rows' rows = the covariance of the strengths.
    """
    return np.asarray(rng.standard_normal((n_resamples, len(rows))) @ rows)


def chance_best(
    strengths: FloatArray, errors: FloatArray, *, df: float, rng: np.random.Generator
) -> FloatArray:
    """Return (n,) how often each candidate is the strongest: P(best).

    With few clusters the covariance itself is in doubt, so that each resample is drawn from t with
    their degrees of freedom and not from the normal.

    Args:
        errors: (resamples, n) normal errors, as from `draw_errors`.
        df: degrees of freedom of t; infinite is the normal.
    """
    if not math.isinf(df):
        errors = errors * np.sqrt(df / rng.chisquare(df, len(errors)))[:, None]
    best = np.argmax(strengths + errors, axis=1)
    return np.bincount(best, minlength=len(strengths)) / len(errors)


@dataclass(frozen=True)
class VoteBootstrap:
    """FastChat's intervals, for comparison only: each (n,), about strengths of mean 0."""

    median: FloatArray
    low: FloatArray
    high: FloatArray


def vote_bootstrap(
    columns: VoteColumns,
    *,
    prior: float,
    level: float,
    n_resamples: int,
    rng: np.random.Generator,
) -> VoteBootstrap:
    """Return percentiles over fits to votes drawn again with replacement, as FastChat shows them.

    For comparison only: it takes votes as independent, which those of one annotator are not, and
    so its 95 % intervals hold far fewer truths than that in simulation (docs/benchmarks.md).

    Args:
        columns: votes that join all candidates into one connected group.
        prior: wins each way of the phantom opponent; it keeps a resample finite in which somebody
            won or lost everything, where FastChat's own fit runs off.
    """
    n = columns.n_candidates
    pair, half_wins, count = _count_kinds(columns)
    n_votes = int(count.sum())
    fits = np.empty((n_resamples, n))
    for number, drawn in enumerate(rng.multinomial(n_votes, count / n_votes, n_resamples)):
        forth = sum_at(pair, drawn * half_wins, n * n).reshape(n, n)
        back = sum_at(pair, drawn * (1 - half_wins), n * n).reshape(n, n)
        strengths = climb_likelihood(forth + back.T, prior=prior)
        fits[number] = strengths - strengths.mean()
    ends = np.quantile(fits, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
    return VoteBootstrap(low=ends[0], median=ends[1], high=ends[2])


def _count_kinds(columns: VoteColumns) -> tuple[IntArray, FloatArray, IntArray]:
    """Return pair a * n + b, half-wins of a and number of votes of each kind of vote."""
    a = columns.candidate_a.astype(np.int64)
    pair = a * columns.n_candidates + columns.candidate_b
    kind, count = count_equal(pair * len(OUTCOMES) + columns.outcome)
    pair, outcome = np.divmod(kind, len(OUTCOMES))
    return pair, np.select([outcome == A_WINS, outcome == B_WINS], [1.0, 0.0], 0.5), count
