"""Bradley-Terry strengths with what else moves a vote: its side, the style of the two texts.

A vote on a and b with covariates x, weighed by w:

    ln P(a) / P(b) = theta_a - theta_b + x beta

Ties are half-wins, and the phantom opponent is as for plain strengths. Each covariate changes sign
with the sides, so that what a and b are plays no part. beta has a normal prior about 0, which keeps
it finite where all votes go one way (Bradley & Terry 1952; Chiang et al. 2024, "style control").
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from annotate.ranking.arrays import BoolArray, FloatArray, IntArray, sum_at
from annotate.ranking.strengths import StrengthsDidNotConverge, win_variance

# Of the prior of a coefficient, in log odds: as much as a handful of votes.
COEFFICIENT_SD = 1.0
_MAX_STEPS = 100
_MAX_HALVINGS = 60
# Newton's error squares itself: after a step this small the next would be lost in rounding.
_LAST_STEP = 1e-9
# Share of the mean information that is added on the way; see `strengths.py`.
_DAMPING = 1e-12


@dataclass(frozen=True)
class Design:
    """Votes between the members of one connected group.

    Attributes:
        first, second: (votes,) members.
        half_wins: (votes,) of the first: 1, 1/2 or 0.
        covariates: (votes, p).
        weights: (votes,) 1 each where votes are not weighed.
        n_candidates: members are 0 .. n_candidates - 1.
    """

    first: IntArray
    second: IntArray
    half_wins: FloatArray
    covariates: FloatArray
    weights: FloatArray
    n_candidates: int

    @property
    def n_covariates(self) -> int:
        """Return p."""
        return int(self.covariates.shape[1])

    def part(self, kept: IntArray | BoolArray | slice) -> "Design":
        """Return some of the votes."""
        return replace(
            self,
            first=self.first[kept],
            second=self.second[kept],
            half_wins=self.half_wins[kept],
            covariates=self.covariates[kept],
            weights=self.weights[kept],
        )

    def logits(self, place: FloatArray) -> FloatArray:
        """Return (votes,) the log odds of the first at strengths and coefficients in a row."""
        theta, beta = place[: self.n_candidates], place[self.n_candidates :]
        return np.asarray(theta[self.first] - theta[self.second] + self.covariates @ beta)

    def excess(self, place: FloatArray) -> FloatArray:
        """Return (votes,) weighed half-wins beyond what was to be expected."""
        return np.asarray(self.weights * (self.half_wins - expit(self.logits(place))))


def contrast_styles(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return (votes, p) the differences (a - b) / (a + b) of each feature, in standard deviations.

    As LMArena's style control has them (Chiang et al. 2024): ten list items against five count as
    two against one. They are divided by their root mean square and not centred, so that a swap of
    the sides turns their sign and nothing else. A feature in which no two replies differ is 0.

    Args:
        a, b: (votes, p) counts of 0 or more.
    """
    total = a + b
    contrast = np.divide(a - b, total, out=np.zeros_like(total), where=total > 0)
    spread = np.sqrt((contrast**2).mean(axis=0)) if len(contrast) else np.ones(total.shape[1])
    return np.asarray(contrast / np.where(spread > 0, spread, 1.0))


def fit_contextual(design: Design, *, prior: float) -> FloatArray:
    """Return (n + p,) strengths, relative to the phantom at 0 or to their mean, and coefficients.

    Newton's method with step halving; the penalised likelihood is concave.

    Args:
        prior: wins each way of the phantom; 0 leaves it out, and the group must then be strongly
            connected.

    Raises:
        StrengthsDidNotConverge: wins too lopsided for a prior too small.
    """
    place = np.zeros(design.n_candidates + design.n_covariates)
    value = _negative_log_posterior(design, place, prior)
    for _ in range(_MAX_STEPS):
        slope = _slope(design, place, prior)
        curve = pin(information(design, place, prior), design.n_candidates, prior)
        curve[np.diag_indices_from(curve)] += _DAMPING * np.trace(curve) / len(curve)
        step = np.linalg.solve(curve, slope)
        for _ in range(_MAX_HALVINGS):
            moved = _negative_log_posterior(design, place + step, prior)
            # Near the top the difference drowns in rounding, where the full step is right.
            if moved <= value + 1e-12 * abs(value):
                break
            step /= 2
        place, value = place + step, moved
        if np.abs(step).max() < _LAST_STEP:
            return place
    raise StrengthsDidNotConverge(
        f"strengths with {design.n_covariates} covariates did not settle on"
        f" {len(design.first)} votes with prior {prior:g}: a larger prior settles it"
    )


def information(design: Design, place: FloatArray, prior: float) -> FloatArray:
    """Return (n + p, n + p) the Fisher information, both priors included."""
    n = design.n_candidates
    theta = place[:n]
    curve = vote_information(design, place)
    own = np.arange(n)
    curve[own, own] += 2 * prior * win_variance(theta)
    rest = np.arange(n, len(curve))
    curve[rest, rest] += 1 / COEFFICIENT_SD**2
    return curve


def vote_information(design: Design, place: FloatArray, *, power: int = 1) -> FloatArray:
    """Return (n + p, n + p) the information of the votes alone.

    Args:
        power: of the weights: 1 for the curvature, 2 for the variance of the score where votes are
            independent.
    """
    n, covariates = design.n_candidates, design.covariates
    weight = design.weights**power * win_variance(design.logits(place))
    met = sum_at(design.first * n + design.second, weight, n * n).reshape(n, n)
    met += met.T
    curve = np.empty((len(place), len(place)))
    curve[:n, :n] = np.diag(met.sum(axis=1)) - met
    weighed = covariates * weight[:, None]
    curve[:n, n:] = on_strengths(design, weighed)
    curve[n:, :n] = curve[:n, n:].T
    curve[n:, n:] = covariates.T @ weighed
    return curve


def pin(curve: FloatArray, n_candidates: int, prior: float) -> FloatArray:
    """Return the information made regular: without a phantom only differences are known."""
    if prior > 0:
        return curve
    pinned = curve.copy()
    block = pinned[:n_candidates, :n_candidates]
    block += float(np.trace(block)) / n_candidates**2
    return pinned


def on_strengths(design: Design, values: FloatArray) -> FloatArray:
    """Return (n, k) each column of values: added where a member is first, taken where second."""
    n = design.n_candidates
    sums = [
        sum_at(design.first, column, n) - sum_at(design.second, column, n) for column in values.T
    ]
    return np.array(sums, dtype=np.float64).reshape(values.shape[1], n).T


def _slope(design: Design, place: FloatArray, prior: float) -> FloatArray:
    n = design.n_candidates
    excess = design.excess(place)
    by_strength = on_strengths(design, excess[:, None])[:, 0]
    by_strength += prior * (1 - 2 * expit(place[:n]))
    by_coefficient = design.covariates.T @ excess - place[n:] / COEFFICIENT_SD**2
    return np.concatenate([by_strength, by_coefficient])


def _negative_log_posterior(design: Design, place: FloatArray, prior: float) -> float:
    n = design.n_candidates
    logits = design.logits(place)
    # -ln P of half-wins y is ln(1 + e^logit) - y logit.
    lost = design.weights @ (np.logaddexp(0, logits) - design.half_wins * logits)
    phantom = np.logaddexp(0, place[:n]) + np.logaddexp(0, -place[:n])
    penalty = place[n:] @ place[n:] / (2 * COEFFICIENT_SD**2)
    return float(lost + prior * phantom.sum() + penalty)
