"""How far the strengths of one connected group may be off."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from annotate.ranking.arrays import BoolArray, FloatArray, count_equal
from annotate.ranking.clustered import centre, jackknife_rows, sandwich_rows, symmetric_root
from annotate.ranking.standings import IntervalMethod
from annotate.ranking.strengths import information, pinned
from annotate.ranking.tally import Tally

# The jackknife solves once an annotator; from here on the sandwich covers as well.
MANY_ANNOTATORS = 200
# Below these the clustered interval of a candidate covered .82 to .93 instead of .95 in simulation
# (.08 with a single annotator), and with Fisher's as the least it can be .95 and more.
THIN_ANNOTATORS = 6
THIN_HALF_WINS = 8.0
# Clustered variance below this share of Fisher's is rounding, not agreement.
_NO_VARIANCE = 1e-9


@dataclass(frozen=True)
class Spread:
    """The error of the strengths of one group about their mean.

    Attributes:
        method: how the covariance was reckoned.
        df: degrees of freedom of t; infinite is the normal.
        rows: (k, n) with rows' rows = the covariance. Of CR3 each row is an annotator, so that
            normal weights on the rows are the score bootstrap clustered by annotator.
        independent: (n, n) rows likewise, as if votes were independent (Fisher information).
    """

    method: IntervalMethod
    df: float
    rows: FloatArray
    independent: FloatArray

    @property
    def covariance(self) -> FloatArray:
        """(n, n) covariance of the strengths."""
        return self.rows.T @ self.rows

    def half_widths(self, level: float) -> FloatArray:
        """Return (n,) how far each interval reaches to either side."""
        errors = np.sqrt(np.diag(self.covariance))
        return np.asarray(self.critical_value(level) * errors)

    def critical_value(self, level: float) -> float:
        """Return how many standard errors an interval reaches to either side."""
        return self.t_of_normal(float(ndtri((1 + level) / 2)))

    def t_of_normal(self, value: float) -> float:
        """Return the value that t exceeds as seldom as the normal exceeds this one."""
        return value if math.isinf(self.df) else float(-stdtrit(self.df, float(ndtr(-value))))


def measure_spread(tally: Tally, strengths: FloatArray, *, prior: float, level: float) -> Spread:
    """Return the spread of strengths that were fitted to this tally of one connected group.

    CR3, the jackknife over annotators, below 200 of them; CR1, the clustered sandwich, above;
    Fisher information with a single one.

    Args:
        strengths: (n,) relative to the phantom at 0 where prior > 0.
        level: coverage of the intervals that will be read from it.
    """
    half_wins = tally.half_win_matrix()
    curve = information(strengths, half_wins + half_wins.T, prior)
    inverse: FloatArray = np.asarray(np.linalg.inv(pinned(curve, prior)), dtype=np.float64)
    independent = symmetric_root(centre(centre(inverse).T))
    if tally.n_annotators == 1:
        return Spread(IntervalMethod.FISHER, math.inf, independent, independent)
    if tally.n_annotators < MANY_ANNOTATORS:
        method, rows = IntervalMethod.CR3, jackknife_rows(tally, strengths, curve, inverse)
    else:
        method, rows = IntervalMethod.CR1, sandwich_rows(tally, strengths, inverse)
    spread = Spread(method, tally.n_annotators - 1, rows, independent)
    return _widen_thin(spread, _is_thin(tally, half_wins), level)


def _is_thin(tally: Tally, half_wins: FloatArray) -> BoolArray:
    """Return (n,) whether too little can differ between annotators to show a candidate's error.

    So it is where few annotators judged it, and where it nearly always won or lost.
    """
    n = tally.n_candidates
    sides = np.concatenate([tally.first, tally.second])
    judged = count_equal(np.tile(tally.annotator, 2) * n + sides)[0] % n
    rarer = np.minimum(half_wins.sum(axis=1), half_wins.sum(axis=0))
    few = np.bincount(judged, minlength=n) < THIN_ANNOTATORS
    return np.asarray(few | (rarer < THIN_HALF_WINS))


def _widen_thin(spread: Spread, thin: BoolArray, level: float) -> Spread:
    """Return the spread with intervals of thin candidates no narrower than Fisher information's.

    Where annotators have nothing to differ about (all of them prefer the same candidate), their
    differences tend to 0 and say nothing about the error.
    """
    ratio = ndtri((1 + level) / 2) / spread.critical_value(level)
    known = (spread.independent**2).sum(axis=0)
    seen = (spread.rows**2).sum(axis=0)
    thin = thin | (seen < _NO_VARIANCE * known)
    missing = np.where(thin, np.maximum(ratio**2 * known - seen, 0), 0)
    if not missing.any():
        return spread
    # Centred, since an error of one candidate moves the mean that all are measured from. That
    # takes a share of at most 1 / n from its own error, which the factor gives back.
    extra = centre(spread.independent * np.sqrt(missing / known))
    short = missing > 0
    reached = (extra**2).sum(axis=0)[short]
    factor = min(np.sqrt(np.max(missing[short] / reached)), len(thin) / (len(thin) - 1))
    return replace(spread, rows=np.vstack([spread.rows, extra * max(factor, 1.0)]))
