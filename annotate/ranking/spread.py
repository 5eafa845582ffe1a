"""How far the strengths of one connected group may be off."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from annotate.ranking.arrays import BoolArray, FloatArray, effective_number
from annotate.ranking.clustered import centre, jackknife_rows, sandwich_rows, symmetric_root
from annotate.ranking.crossed import Crossing, sandwich
from annotate.ranking.methods import Clustering, IntervalMethod
from annotate.ranking.sequences import confidence_radius
from annotate.ranking.strengths import information, pinned
from annotate.ranking.tally import Tally

# The jackknife solves once an annotator; from here on the sandwich covers as well.
MANY_ANNOTATORS = 200
# What remains of two ways of a single annotator.
ALONE = {
    Clustering.ANNOTATOR_PAIR: Clustering.PAIR,
    Clustering.ANNOTATOR_PROMPT: Clustering.PROMPT,
}
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
        df: degrees of freedom of t, not always whole; infinite is the normal.
        rows: (k, n) with rows' rows = the covariance. Of CR3 each row is an annotator, so that
            normal weights on the rows are the score bootstrap clustered by annotator.
        independent: (n, n) rows likewise, as if votes were independent (Fisher information).
        clusters: which votes were taken to hang together.
    """

    method: IntervalMethod
    df: float
    rows: FloatArray
    independent: FloatArray
    clusters: Clustering = Clustering.ANNOTATOR

    @property
    def covariance(self) -> FloatArray:
        """(n, n) covariance of the strengths."""
        return self.rows.T @ self.rows

    def half_widths(self, level: float, *, anytime: bool = False) -> FloatArray:
        """Return (n,) how far each interval reaches to either side."""
        return self.reach(np.diag(self.covariance), level=level, anytime=anytime)

    def reach(self, variance: FloatArray, *, level: float, anytime: bool) -> FloatArray:
        """Return how far intervals of these variances reach, in the variances' shape.

        Args:
            variance: of strengths, or of anything linear in them.
            anytime: by the confidence sequence at alpha = 1 - level, whose intervals at all moments
                together hold the truth that often, with the variance as many times wider as t's
                interval at that level is than the normal's.
        """
        if not anytime:
            return np.asarray(self.critical_value(level) * np.sqrt(variance))
        ratio = self.critical_value(level) / float(ndtri((1 + level) / 2))
        return confidence_radius(variance * ratio**2, alpha=1 - level)

    def critical_value(self, level: float) -> float:
        """Return how many standard errors an interval reaches to either side."""
        return self.t_of_normal(float(ndtri((1 + level) / 2)))

    def t_of_normal(self, value: float) -> float:
        """Return the value that t exceeds as seldom as the normal exceeds this one."""
        return value if math.isinf(self.df) else float(-stdtrit(self.df, float(ndtr(-value))))


@dataclass(frozen=True)
class Fitted:
    """Strengths (n,) with their information H (n, n) and its inverse, pinned without a phantom."""

    strengths: FloatArray
    curve: FloatArray
    inverse: FloatArray

    @cached_property
    def independent(self) -> FloatArray:
        """(n, n) rows with rows' rows = the covariance of strengths of independent votes."""
        return symmetric_root(centre(centre(self.inverse).T))


def measure_spread(
    tally: Tally,
    strengths: FloatArray,
    *,
    prior: float,
    level: float,
    crossings: Sequence[Crossing] = (),
    evenly: bool = False,
) -> Spread:
    """Return the spread of strengths that were fitted to this tally of one connected group.

    Clustered by annotator: CR3, the jackknife, below 200 of them; CR1, the sandwich, above; Fisher
    information with a single one. Where crossings are given, the widest of this and of those two
    ways (`find_widest`); of a single annotator, whose taste cannot be told from the truth, by the
    second clusters alone.

    Args:
        strengths: (n,) relative to the phantom at 0 where prior > 0.
        level: coverage of the intervals that will be read from it.
        crossings: the same votes by a second kind of cluster.
        evenly: take t as if all annotators voted alike much, as rankings did before; 40 of whom
            some did most of the work then covered .935 of the differences to the leader.
    """
    half_wins = tally.half_win_matrix()
    curve = information(strengths, half_wins + half_wins.T, prior)
    inverse: FloatArray = np.asarray(np.linalg.inv(pinned(curve, prior)), dtype=np.float64)
    fit = Fitted(strengths, curve, inverse)
    useful = [crossing for crossing in crossings if crossing.is_useful]
    if tally.n_annotators == 1:
        spreads = [_as_independent(fit), *(_cluster_alone(crossing, fit) for crossing in useful)]
    else:
        own = cluster_annotators(tally, fit, evenly=evenly)
        useful = [crossing for crossing in useful if not crossing.is_nested]
        spreads = [own, *(cross_spread(own, crossing, fit) for crossing in useful)]
    return widen_thin(find_widest(spreads), find_thin(tally, half_wins), level)


def _as_independent(fit: Fitted) -> Spread:
    rows = fit.independent
    return Spread(IntervalMethod.FISHER, math.inf, rows, rows, Clustering.NONE)


def _cluster_alone(crossing: Crossing, fit: Fitted) -> Spread:
    return replace(cluster_others(crossing.other, fit), clusters=ALONE[crossing.by])


def cluster_annotators(tally: Tally, fit: Fitted, *, evenly: bool = False) -> Spread:
    """Return the spread clustered by annotator, of two annotators or more."""
    independent = fit.independent
    df: float = tally.n_annotators - 1
    if not evenly:
        df = min(df, _effective_number(tally))
    if tally.n_annotators < MANY_ANNOTATORS:
        rows = jackknife_rows(tally, fit.strengths, fit.curve, fit.inverse)
        return Spread(IntervalMethod.CR3, df, rows, independent)
    rows = sandwich_rows(tally, fit.strengths, fit.inverse, symmetric=evenly)
    return Spread(IntervalMethod.CR1, df, rows, independent)


def cluster_others(tally: Tally, fit: Fitted) -> Spread:
    """Return the spread clustered by pair or prompt, which may be as many as there are votes."""
    if tally.n_annotators < MANY_ANNOTATORS:
        return cluster_annotators(tally, fit)
    rows = symmetric_root(sandwich(tally, fit.strengths, centre(fit.inverse)))
    df = min(tally.n_annotators - 1, _effective_number(tally))
    return Spread(IntervalMethod.CR1, df, rows, fit.independent)


def _effective_number(tally: Tally) -> float:
    """Return how many annotators of equal diligence say as much.

    Where some do most of the voting, t with the number of all less 1 covers too
    little: .942 of strengths and .933 of differences to the leader at taste 1.0 with activity
    skewed by a log of 1, and .950 and .943 with the effective number; the same where all vote
    alike much. One less would be right for five skewed annotators, and absurdly wide where one
    does three quarters of the voting.
    """
    n_annotators, owner = tally.numbered
    votes = np.bincount(owner, weights=tally.ballots.count, minlength=n_annotators).astype(float)
    return effective_number(votes)


def cross_spread(own: Spread, crossing: Crossing, fit: Fitted) -> Spread:
    """Return the spread clustered two ways: V = V_annotator + V_other - V_both.

    Cameron, Gelbach & Miller (2011). Directions in which the sum is below 0 get no variance, as
    they propose; t has the degrees of freedom of whichever clusters are fewer.
    """
    other = cluster_others(crossing.other, fit)
    both = sandwich(crossing.both, fit.strengths, centre(fit.inverse))
    return replace(
        own,
        df=min(own.df, other.df),
        rows=symmetric_root(own.covariance + other.covariance - both),
        clusters=crossing.by,
    )


def find_widest(spreads: Sequence[Spread]) -> Spread:
    """Return the one with the largest total variance, the first of equals.

    Intervals, differences, rank intervals and P(best) all need one covariance that is one, so the
    group as a whole is given that of one clustering, and not each candidate its own widest. The
    trace of a covariance about the mean is, but for a factor, the mean variance of a difference of
    two strengths; the sum over all candidates leaves little room for choosing by chance. Where
    nothing hangs together but by annotator, choosing the largest of three widened intervals by 1 to
    1.5 % with 30 prompts and more, 5 % with 13 and 18 % with 5, most of it what t asks for with so
    few; they then covered .954 to .966 (docs/benchmarks.md).
    """
    return max(spreads, key=lambda spread: float((spread.rows**2).sum()))


def find_thin(tally: Tally, half_wins: FloatArray) -> BoolArray:
    """Return (n,) whether too little can differ between annotators to show a candidate's error.

    So it is where few annotators judged it, and where it nearly always won or lost.
    """
    rarer = np.minimum(half_wins.sum(axis=1), half_wins.sum(axis=0))
    few = tally.judged_by_few(THIN_ANNOTATORS)
    return np.asarray(few | (rarer < THIN_HALF_WINS))


def widen_thin(spread: Spread, thin: BoolArray, level: float) -> Spread:
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
