"""How sharply each annotator follows the common strengths, with their side bias and their ties.

A vote of annotator k on a and b, where side is +1 if a stood on the left, -1 on the right and 0
where nobody knows:

    d = gamma_k (theta_a - theta_b) + beta_k side
    P(a) = e^(d/2) / Z,  P(b) = e^(-d/2) / Z,  P(tie) = nu_k / Z,  Z = e^(d/2) + e^(-d/2) + nu_k

These are Davidson's (1970) three-way probabilities with a discrimination gamma, a bias beta and a
tie weight nu for each annotator. "Both bad" counts as a tie, as it does for strengths.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from annotate.ranking.arrays import FloatArray, IntArray, sum_at
from annotate.ranking.arrowhead import Arrowhead
from annotate.ranking.head_to_head import three_way
from annotate.ranking.votes import A_WINS, B_WINS, TIE, VoteColumns, check_votes

_MAX_STEPS = 2000
# Of the slope for a step of about one standard error, so that estimates settle to 1/1000 of theirs.
_SLOPE_TOLERANCE = 1e-3
_MAX_POLISHES = 50
_POLISHED = 1e-10
_FREE = 3  # ln gamma, beta and ln nu of an annotator


class AnnotatorsDidNotConverge(RuntimeError):
    """The optimiser gave up on the annotator model."""


@dataclass(frozen=True)
class AnnotatorPriors:
    """Standard deviations of the normal priors; 0 holds a parameter at its centre.

    Attributes:
        ln_reliability: of ln gamma about 0.
        bias: of beta about 0.
        ln_tie: of ln nu about the common one, which the votes alone decide.
        strength: of theta about 0.
    """

    ln_reliability: float = 0.5
    bias: float = 0.32
    ln_tie: float = 1.0
    strength: float = 2.0


@dataclass(frozen=True)
class AnnotatorFit:
    """The likeliest parameters under the priors that were used.

    Attributes:
        strengths: (candidates,) theta, mean 0, for an annotator of reliability 1.
        reliability: (annotators,) gamma: 1 is typical, 0 says that the votes are blind to strength.
        reliability_se: (annotators,) its standard error.
        bias: (annotators,) beta: the logit that the left side has by itself.
        tie: (annotators,) nu: a tie's weight beside two equals of weight 1 each.
    """

    priors: AnnotatorPriors
    strengths: FloatArray
    reliability: FloatArray
    reliability_se: FloatArray
    bias: FloatArray
    tie: FloatArray

    def predict(
        self, *, candidate_a: IntArray, candidate_b: IntArray, annotator: IntArray, side: IntArray
    ) -> FloatArray:
        """Return (votes, 3) the probabilities of a, b and tie."""
        difference = self.strengths[candidate_a] - self.strengths[candidate_b]
        logit = self.reliability[annotator] * difference + self.bias[annotator] * side
        return three_way(logit, np.log(self.tie[annotator]))


def fit_annotators(
    *,
    candidate_a: ArrayLike,
    candidate_b: ArrayLike,
    outcome: ArrayLike,
    annotator: ArrayLike,
    side: ArrayLike,
    n_candidates: int,
    n_annotators: int,
    priors: AnnotatorPriors | None = None,
) -> AnnotatorFit:
    """Fit strengths and annotators together by penalised likelihood (L-BFGS).

    Args:
        outcome: (votes,) codes: the place of the outcome in `OUTCOMES`.
        side: (votes,) of a: 1 left, -1 right, 0 unknown.
        n_annotators: those without a vote included; they come out as the priors say.

    Raises:
        ValueError: the columns do not fit together or hold a value out of range.
        AnnotatorsDidNotConverge: the optimiser gave up; the message says why.
    """
    columns = check_votes(
        candidate_a=candidate_a, candidate_b=candidate_b, outcome=outcome, annotator=annotator,
        n_candidates=n_candidates,
    )  # fmt: skip
    sides = np.asarray(side, dtype=np.int64)
    _check(columns, sides, n_annotators)
    posterior = _Posterior(columns, sides, n_annotators, priors or AnnotatorPriors())
    scale = posterior.steps()

    def descend(scaled: FloatArray) -> tuple[float, FloatArray]:
        value, slope = posterior.value_and_slope(scaled * scale)
        return value, slope * scale

    found = minimize(
        descend, np.zeros(posterior.size), jac=True, method="L-BFGS-B",
        options={"maxiter": _MAX_STEPS, "maxfun": 2 * _MAX_STEPS, "maxcor": 30, "ftol": 0,
                 "gtol": _SLOPE_TOLERANCE},
    )  # fmt: skip
    # A last step lost in rounding is reported as a failure, at the top all the same.
    if not np.abs(descend(found.x)[1]).max() < 100 * _SLOPE_TOLERANCE:
        raise AnnotatorsDidNotConverge(
            f"the annotator model did not settle on {len(sides)} votes: {found.message}"
        )
    return posterior.describe(posterior.polish(found.x * scale))


class _Posterior:
    """The negative log-posterior in standardised parameters: theta, ln gamma, beta, ln nu, mean."""

    def __init__(
        self, votes: VoteColumns, side: IntArray, n_annotators: int, priors: AnnotatorPriors
    ) -> None:
        self._votes, self._side, self._priors = votes, side, priors
        self._n, self._n_annotators = votes.n_candidates, n_annotators
        outcome = np.minimum(votes.outcome, TIE)
        self._seen = np.eye(3)[outcome]

    @property
    def size(self) -> int:
        return self._n + _FREE * self._n_annotators + 1

    def steps(self) -> FloatArray:
        """Return (size,) about one standard error of each parameter, for steps of equal worth.

        By the information of votes between equals: 1/6 on d and 2/9 on ln nu.
        """
        votes, priors, m = self._votes, self._priors, self._n_annotators
        met = np.bincount(votes.candidate_a, minlength=self._n)
        met = met + np.bincount(votes.candidate_b, minlength=self._n)
        cast = np.bincount(votes.annotator, minlength=m)
        information = np.concatenate([
            1 + met * priors.strength**2 / 6,
            1 + cast * priors.ln_reliability**2 / 6,
            1 + cast * priors.bias**2 / 6,
            1 + cast * priors.ln_tie**2 * 2 / 9,
            [len(votes.outcome) * 2 / 9],
        ])  # fmt: skip
        return np.asarray(1 / np.sqrt(information))

    def value_and_slope(self, place: FloatArray) -> tuple[float, FloatArray]:
        """Return the negative log-posterior at a place, and its slope there."""
        theta, ln_gamma, beta, ln_nu = self._unpack(place)
        votes, k, side = self._votes, self._votes.annotator, self._side
        gamma = np.exp(ln_gamma)[k]
        pull = gamma * (theta[votes.candidate_a] - theta[votes.candidate_b])
        p = three_way(pull + beta[k] * side, ln_nu[k])
        chosen = (p * self._seen).sum(axis=1)
        excess = self._seen - p
        by_d = (excess[:, A_WINS] - excess[:, B_WINS]) / 2
        by_strength = sum_at(votes.candidate_a, by_d * gamma, self._n)
        by_strength -= sum_at(votes.candidate_b, by_d * gamma, self._n)
        by_tie = sum_at(k, excess[:, TIE], self._n_annotators)
        priors, m = self._priors, self._n_annotators
        climb = np.concatenate([
            by_strength * priors.strength,
            sum_at(k, by_d * pull, m) * priors.ln_reliability,
            sum_at(k, by_d * side, m) * priors.bias,
            by_tie * priors.ln_tie,
            [by_tie.sum()],
        ])  # fmt: skip
        free = place.copy()
        free[-1] = 0.0  # the common ln nu has no prior
        return float(free @ free / 2 - np.log(chosen).sum()), free - climb

    def polish(self, place: FloatArray) -> FloatArray:
        """Return the top near a place, to the last digits: they are then anybody's digits.

        Newton's method; where a step does not bring the slope down, the place is as good as any.
        """
        slope = self.value_and_slope(place)[1]
        for _ in range(_MAX_POLISHES):
            if np.abs(slope).max() < _POLISHED:
                break
            common, own = np.append(slope[: self._n], slope[-1]), slope[self._n : -1]
            step, own_step = self._information(place, observed=True).solve(
                common, own.reshape(_FREE, -1).T
            )
            moved = place - np.concatenate([step[:-1], own_step.T.ravel(), step[-1:]])
            new_slope = self.value_and_slope(moved)[1]
            if not np.abs(new_slope).max() < np.abs(slope).max():
                break
            place, slope = moved, new_slope
        return place

    def describe(self, place: FloatArray) -> AnnotatorFit:
        """Return the parameters at a place, with the errors of gamma."""
        theta, ln_gamma, beta, ln_nu = self._unpack(place)
        gamma = np.exp(ln_gamma)
        return AnnotatorFit(
            priors=self._priors,
            strengths=theta - theta.mean() if len(theta) else theta,
            reliability=gamma,
            reliability_se=gamma * self._errors_of_ln_gamma(place),
            bias=beta,
            tie=np.exp(ln_nu),
        )

    def _unpack(self, place: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        n, m, priors = self._n, self._n_annotators, self._priors
        ln_gamma, beta, ln_nu = place[n:-1].reshape(_FREE, m)
        return (
            place[:n] * priors.strength,
            ln_gamma * priors.ln_reliability,
            beta * priors.bias,
            place[-1] + ln_nu * priors.ln_tie,
        )

    def _errors_of_ln_gamma(self, place: FloatArray) -> FloatArray:
        return (
            self._priors.ln_reliability * self._information(place, observed=False).first_own_error()
        )

    def _information(self, place: FloatArray, *, observed: bool) -> Arrowhead:
        theta, ln_gamma, beta, ln_nu = self._unpack(place)
        return inform_of_annotators(
            self._votes, self._side, self._n_annotators, self._priors,
            strengths=theta, reliability=np.exp(ln_gamma), bias=beta, ln_tie=ln_nu,
            observed=observed,
        )  # fmt: skip


def inform_of_annotators(
    votes: VoteColumns,
    side: IntArray,
    n_annotators: int,
    priors: AnnotatorPriors,
    *,
    strengths: FloatArray,
    reliability: FloatArray,
    bias: FloatArray,
    ln_tie: FloatArray,
    observed: bool,
) -> Arrowhead:
    """Return the information of the votes in parameters whose priors are standard normal.

    Args:
        observed: the curvature at these very votes; else what is expected of it (Fisher).
    """
    k = votes.annotator
    pull = reliability[k] * (strengths[votes.candidate_a] - strengths[votes.candidate_b])
    p = three_way(pull + bias[k] * side, ln_tie[k])
    gap = p[:, A_WINS] - p[:, B_WINS]
    lead = ((votes.outcome == A_WINS).astype(np.float64) - (votes.outcome == B_WINS)) / 2
    return Arrowhead(
        first=votes.candidate_a,
        second=votes.candidate_b,
        owner=k,
        n_common=votes.n_candidates,
        n_owners=n_annotators,
        lever=reliability[k] * priors.strength,
        own=np.stack([pull * priors.ln_reliability, side * priors.bias]),
        own_tie=priors.ln_tie,
        # Of the sufficient statistics of d and ln nu: (y_a - y_b) / 2 and y_tie.
        by_d=(p[:, A_WINS] + p[:, B_WINS] - gap**2) / 4,
        by_both=-gap * p[:, TIE] / 2,
        by_tie=p[:, TIE] * (1 - p[:, TIE]),
        residual=lead - gap / 2 if observed else np.zeros_like(gap),
        bend=priors.ln_reliability,
    )


def _check(columns: VoteColumns, side: IntArray, n_annotators: int) -> None:
    n_votes = len(columns.outcome)
    if n_votes == 0:
        raise ValueError("no votes: the annotator model needs at least one")
    if side.shape != (n_votes,):
        raise ValueError(f"side has shape {side.shape}: it must be ({n_votes},), one for each vote")
    if not np.isin(side, (-1, 0, 1)).all():
        raise ValueError("side holds another value than 1 (left), -1 (right) and 0 (unknown)")
    if columns.annotator.max() >= n_annotators:
        raise ValueError(
            f"annotator holds {columns.annotator.max()}: it must be below"
            f" n_annotators = {n_annotators}"
        )
