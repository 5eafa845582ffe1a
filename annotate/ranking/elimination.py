"""Who leaves after a round, and with which chance the best one does."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.linalg import helmert

from annotate.ranking.arrays import BoolArray, FloatArray
from annotate.ranking.spread import Spread
from annotate.ranking.stopping import Evidence, weigh_evidence
from annotate.ranking.tally import Tally

N_RESAMPLES = 4000
# Standard deviations of true strengths that are thought of: from this part of the mean error to so
# many times what is seen.
_LEAST_TAU, _MOST_TAU, _N_TAUS = 0.1, 3.0, 60


class CutRule(StrEnum):
    """Who leaves.

    Attributes:
        BEATEN: whoever the leader beats by proof.
        TOP: all but the strongest few.
        NONE: nobody.
    """

    BEATEN = "beaten"
    TOP = "top"
    NONE = "none"


@dataclass(frozen=True, eq=False)
class Cut:
    """Who leaves one connected group of candidates, each array (n,).

    Attributes:
        leaves: whether a candidate does.
        error: chance that the best contender is among those who leave: of `BEATEN` a bound on it,
            of `TOP` an estimate, and 0 where nobody leaves.
        bound: what the rule may cost in one such round, whoever leaves; errors of several rounds
            add up to the sum of these at most.
        e_values: that the strongest contender is better; 1 is no evidence.
        threshold: evidence at which a candidate is beaten.
        p_best: chance to be the best contender; 0 of others.
    """

    leaves: BoolArray
    error: float
    bound: float
    e_values: FloatArray
    threshold: float
    p_best: FloatArray


def eliminate(
    strengths: FloatArray,
    spread: Spread,
    tally: Tally,
    *,
    rule: CutRule,
    keep: int,
    alpha: float,
    contends: BoolArray,
    rng: np.random.Generator,
) -> Cut:
    """Decide who leaves.

    `BEATEN`: of m contenders b is the best in truth. It leaves only if some leader L has evidence
    B_Lb >= (m - 1) / alpha against it; as no L is better than b, each of the m - 1 that may lead
    ever has so much with a chance of at most alpha / (m - 1), however often one looks (Ville 1939),
    and so b leaves with a chance of at most alpha (Bonferroni). Fewer annotators than an answer
    takes beat nobody.

    `TOP`: all but the `keep` contenders of most strength leave, and the error is what
    `chance_best_shrunk` gives those together: an estimate, and no bound.

    Args:
        strengths: (n,) of the group.
        spread: of the same candidates in the same order.
        tally: of the votes between them.
        keep: how many contenders stay at least, the strongest first.
        alpha: chance that the best one leaves that is put up with.
        contends: (n,) whether a candidate may leave, and be the best; anchors do neither.
        rng: of P(best).
    """
    n_contenders = int(contends.sum())
    n_rivals = max(n_contenders - 1, 1)
    evidence = weigh_evidence(
        strengths, spread, tally, alpha=alpha / n_rivals, among=contends if n_contenders else None
    )
    p_best = chance_best_shrunk(strengths, spread, contends, rng)
    order = np.argsort(np.where(contends, -strengths, np.inf), kind="stable")
    may_leave = contends.copy()
    may_leave[order[:keep]] = False
    leaves, bound = _send_away(rule, evidence, may_leave, p_best, alpha)
    return Cut(
        leaves=leaves,
        error=bound if leaves.any() else 0.0,
        bound=bound,
        e_values=np.where(contends, evidence.e_values, 1.0),
        threshold=n_rivals / alpha,
        p_best=p_best,
    )


def _send_away(
    rule: CutRule, evidence: Evidence, may_leave: BoolArray, p_best: FloatArray, alpha: float
) -> tuple[BoolArray, float]:
    """Return (n,) who leaves by a rule, and what that may cost."""
    if rule is CutRule.TOP:
        return may_leave, float(p_best[may_leave].sum())
    if rule is CutRule.NONE:
        return np.zeros_like(may_leave), 0.0
    is_proven = evidence.beaten if evidence.enough_annotators else np.zeros_like(may_leave)
    return is_proven & may_leave, alpha


def chance_best_shrunk(
    strengths: FloatArray, spread: Spread, contends: BoolArray, rng: np.random.Generator
) -> FloatArray:
    """Return (n,) the chance of each contender to be the best of them; 0 of others.

    Whoever leads looks better than it is, the more so the closer the candidates are: taken at
    their word, the strengths of eight equals named the best with a chance of error of .13 where it
    was .4. So true strengths are normal about their mean with a standard deviation tau that the
    votes tell: y = theta + error, theta ~ N(0, tau²), log tau uniform, each tau weighed by the
    likelihood of the y that were seen (Gelman 2006). Errors have t's variance.
    """
    found = np.zeros(len(strengths))
    m = int(contends.sum())
    if m < 2:
        found[contends] = 1.0
        return found
    basis = helmert(m)  # (m - 1, m): coordinates of differences, whatever the mean
    rows = spread.rows[:, contends] @ basis.T * math.sqrt(_variance_of_t(spread.df))
    variances, axes = np.linalg.eigh(rows.T @ rows)
    variances = np.maximum(variances, 0.0)
    seen = axes.T @ (basis @ strengths[contends])
    scale = math.sqrt(float(np.mean(variances))) or 1.0
    most = max(math.sqrt(float(np.mean(seen**2))), scale)
    taus = np.geomspace(_LEAST_TAU * scale, _MOST_TAU * most, _N_TAUS)
    total = variances + taus[:, None] ** 2  # (taus, m - 1)
    fits = -0.5 * (np.log(total) + seen**2 / total).sum(axis=1)
    weights = np.exp(fits - fits.max())
    drawn = rng.choice(len(taus), N_RESAMPLES, p=weights / weights.sum())
    kept = (taus[:, None] ** 2 / total)[drawn]  # how much of what is seen is true
    theta = kept * seen + np.sqrt(kept * variances) * rng.standard_normal(kept.shape)
    best = (theta @ axes.T @ basis).argmax(axis=1)
    found[contends] = np.bincount(best, minlength=m) / N_RESAMPLES
    return found


def _variance_of_t(df: float) -> float:
    """Return the variance of t; where it has none, what t with 3 degrees of freedom has."""
    return 1.0 if math.isinf(df) else max(df, 3.0) / (max(df, 3.0) - 2)
