"""How likely each of two candidates is to win against the other, and they to draw.

Strengths are fitted to half-wins, which say nothing of how often votes are ties. On top of them two
numbers are fitted, for the difference d of two strengths (Davidson 1970):

    P(win) = e^(s d / 2) / Z,  P(loss) = e^(-s d / 2) / Z,  P(tie) = nu / Z

with Z = e^(s d / 2) + e^(-s d / 2) + nu. "Both bad" counts as a tie, as it does for strengths.
"""

import math
from dataclasses import dataclass

import numpy as np

from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.votes import A_WINS, B_WINS, TIE

# Of the normal priors of s about 1 and of ln nu about 0. They weigh about as much as half a vote,
# and keep both finite where votes alone would not, as with wins and ties but no loss.
_CENTRE = np.array([1.0, 0.0])
_PRIOR_SD = 3.0
_MAX_STEPS = 100
_LAST_STEP = 1e-12


@dataclass(frozen=True)
class ThreeWay:
    """The calibration of three-way probabilities.

    Attributes:
        scale: s, by which a difference of half-win strengths is stretched.
        tie_weight: nu, a tie's weight beside two equals of weight 1 each; 0 without a tie.
    """

    scale: float
    tie_weight: float

    def predict(self, difference: FloatArray) -> FloatArray:
        """Return (..., 3) the probabilities of win, loss and tie.

        Args:
            difference: strength less the rival's.
        """
        ln_tie = math.log(self.tie_weight) if self.tie_weight > 0 else -math.inf
        return three_way(self.scale * difference, np.full(np.shape(difference), ln_tie))


def fit_three_way(*, difference: FloatArray, outcome: IntArray) -> ThreeWay:
    """Fit s and nu to votes by penalised likelihood (Newton's method; it is concave in s, ln nu).

    Args:
        difference: (votes,) strength of a less that of b.
        outcome: (votes,) codes: the place of the outcome in `OUTCOMES`.

    Raises:
        ValueError: there is no vote.
    """
    if len(outcome) == 0:
        raise ValueError("no votes: the calibration of ties needs at least one")
    counts = np.bincount(np.minimum(outcome, TIE), minlength=3)
    lead = ((outcome == A_WINS).astype(np.float64) - (outcome == B_WINS)) / 2
    seen = np.array([difference @ lead, counts[TIE]])
    place = np.array([_CENTRE[0], _CENTRE[1] if counts[TIE] else -math.inf])
    # Without a tie nu is 0, and s alone is to be found.
    free = slice(0, 2 if counts[TIE] else 1)
    for _ in range(_MAX_STEPS):
        slope, curve = _slope_and_curve(place, difference, seen)
        step = np.zeros(2)
        step[free] = np.linalg.solve(curve[free, free], slope[free])
        before = _log_posterior(place, difference, seen)
        while _log_posterior(place + step, difference, seen) < before - 1e-9 * abs(before):
            step /= 2
        place = place + step
        if np.abs(step).max() < _LAST_STEP:
            break
    return ThreeWay(scale=float(place[0]), tie_weight=math.exp(place[1]))


def three_way(logit: FloatArray, ln_tie: FloatArray) -> FloatArray:
    """Return (..., 3) the probabilities of win, loss and tie.

    Args:
        logit: (...) log odds of win against loss.
        ln_tie: (...) logarithm of the tie's weight; minus infinity where there are none.
    """
    weights = np.stack([logit / 2, -logit / 2, ln_tie], axis=-1)
    weights = np.exp(weights - weights.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _log_posterior(place: FloatArray, difference: FloatArray, seen: FloatArray) -> float:
    """Return it up to a constant, at s and ln nu; minus infinity in ln nu leaves ties out."""
    known = np.isfinite(place)
    total = np.logaddexp(place[0] * difference / 2, -place[0] * difference / 2)
    apart = (place - _CENTRE)[known] / _PRIOR_SD
    told = seen[known] @ place[known] - np.logaddexp(total, place[1]).sum()
    return float(told - apart @ apart / 2)


def _slope_and_curve(
    place: FloatArray, difference: FloatArray, seen: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return (2,) the slope and (2, 2) the curvature of the log-posterior, turned positive.

    Args:
        seen: (2,) the statistics of s and ln nu: half of each vote's lead times d, and the ties.
    """
    p = three_way(place[0] * difference, np.full(len(difference), place[1]))
    half, tie = difference / 2, p[:, TIE]
    lead = (p[:, A_WINS] - p[:, B_WINS]) * half
    both = -(lead @ tie)
    by_scale = ((1 - tie) * half**2).sum() - lead @ lead
    curve = np.array([[by_scale, both], [both, (tie * (1 - tie)).sum()]])
    slope = seen - [lead.sum(), tie.sum()] - (place - _CENTRE) / _PRIOR_SD**2
    return slope, curve + np.eye(2) / _PRIOR_SD**2
