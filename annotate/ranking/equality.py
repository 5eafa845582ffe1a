"""Evidence against a rival that is far behind, reckoned from where it would be no worse."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from annotate.ranking.arrays import FloatArray, IntArray, count_equal, sum_at
from annotate.ranking.spread import Spread
from annotate.ranking.strengths import win_variance
from annotate.ranking.tally import Tally


@dataclass(frozen=True)
class Step:
    """How far candidates are behind the leader, each (n,): differences, errors, df of t.

    An infinite error says that nothing is known, infinite df that it is normal.
    """

    differences: FloatArray
    errors: FloatArray
    df: FloatArray

    def at(self, candidate: int, times: FloatArray) -> "Step":
        """Return (k,) the step of one candidate with so many times the votes."""
        ones = np.ones_like(times)
        return Step(
            self.differences[candidate] * ones,
            self.errors[candidate] / np.sqrt(times),
            self.df[candidate] * ones,
        )


def step_from_equality(tally: Tally, strengths: FloatArray, spread: Spread, leader: int) -> Step:
    """Return how far behind the leader one Newton step puts each candidate.

    The step starts where the candidate is as strong as the leader, all others where they were
    fitted. U is the slope of the candidate's own likelihood there, h its information:

        step = -U / h,   variance = max(J, h) / h² + Var(leader - its opponents)

    with J the variance of U clustered by annotator and t by those who judged it. Where votes are
    one-sided a strength runs away and its error faster (Hauck & Donner 1977); at equality both
    are as they should be, and for small differences this is the difference itself.

    Args:
        tally: of the votes between these candidates.
        strengths: (n,).
        spread: of the same candidates.
    """
    n = tally.n_candidates
    own = np.concatenate([tally.first, tally.second])
    other = np.concatenate([tally.second, tally.first])
    votes = np.tile(tally.votes, 2).astype(np.float64)
    won = np.concatenate([tally.half_wins, tally.votes - tally.half_wins])
    ahead = strengths[leader] - strengths[other]
    excess, weight = won - votes * expit(ahead), votes * win_variance(ahead)
    slope, information = sum_at(own, excess, n), sum_at(own, weight, n)
    judge = np.tile(tally.annotator, 2).astype(np.int64) * n + own
    varied, judges = _vary_by_judge(judge, excess, n)
    opponents = sum_at(own * n + other, weight, n * n).reshape(n, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        contrast = -opponents / information[:, None]
        contrast[:, leader] += 1
        nuisance = ((contrast @ spread.rows.T) ** 2).sum(axis=1)
        variance = np.maximum(varied, information) / information**2 + nuisance
        step = np.maximum(-slope / information, 0.0)
    known = (judges > 1) & (information > 0)
    return Step(
        np.where(known, step, 0.0),
        np.where(known, np.sqrt(variance), np.inf),
        np.minimum(np.maximum(judges - 1.0, 1.0), spread.df),
    )


def _vary_by_judge(judge: IntArray, excess: FloatArray, n: int) -> tuple[FloatArray, IntArray]:
    """Return (n,) the clustered variance of each candidate's slope, and (n,) its judges."""
    pairs, _ = count_equal(judge)
    scores = sum_at(np.searchsorted(pairs, judge), excess, len(pairs))
    candidate = pairs % n
    judges = np.bincount(candidate, minlength=n)
    mean = sum_at(candidate, scores, n) / np.maximum(judges, 1)
    squares = sum_at(candidate, (scores - mean[candidate]) ** 2, n)
    return squares * judges / np.maximum(judges - 1, 1), judges
