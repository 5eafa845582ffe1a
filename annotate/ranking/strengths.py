"""Bradley-Terry strengths of one connected group: a Newton start, then choix's iLSR."""

import choix
import numpy as np
from scipy.linalg.lapack import dposv, dpotrf, dpotri
from scipy.special import expit, logit

from annotate.ranking.arrays import FloatArray

_MAX_STEPS = 100
_MAX_HALVINGS = 60
# Newton's error squares itself: once the next step must be this small, it is lost in rounding. At
# 1e-10 one strength in 400 differed in its tenth decimal from rankings that were stored before.
_LAST_STEP = 1e-15
# Rates of winning in which the climb begins, so that it begins at a finite height.
_STEEPEST_START = 0.999
# Weights e^strength neither vanish nor overflow, nor do their ratios, while no strength is larger.
_LARGEST_EXPONENT = 300.0
# Choix's own test of convergence, on the mean move of a sweep.
_LAST_SWEEP = 1e-8
# Share of the mean information added to each candidate's own: it bends no result, only the way
# there, and keeps the step finite where wins so lopsided leave next to no information.
_DAMPING = 1e-12


class StrengthsDidNotConverge(RuntimeError):
    """The solver gave up on a win matrix."""


def fit_strengths(half_wins: FloatArray, *, prior: float) -> FloatArray:
    """Return (n,) strengths on the log scale: the phantom is at 0, without one their mean is.

    Choix's iLSR (Maystre & Grossglauser 2015) with alpha = 0 on the matrix with one more
    candidate, the phantom, that has `prior` wins each way against every candidate.

    Args:
        half_wins: (n, n) of row over column, n >= 2; strongly connected where prior is 0.
        prior: wins each way of the phantom; 0 leaves it out.

    Raises:
        StrengthsDidNotConverge: choix gave up; the message says on what.
    """
    start = climb_likelihood(half_wins, prior=prior)
    wins = half_wins if prior == 0 else _with_phantom(half_wins, prior)
    initial = start if prior == 0 else np.append(start, 0.0)
    strengths = _run_ilsr(wins, initial, prior)
    return strengths if prior == 0 else strengths[:-1] - strengths[-1]


def _run_ilsr(wins: FloatArray, initial: FloatArray, prior: float) -> FloatArray:
    advice = "a larger prior settles it" if prior > 0 else "a prior above 0 settles it"
    where = f"{len(wins)} rows of half-wins with prior {prior:g}: {advice}"
    try:
        # Rates that overflow end in values that are not finite, and those are refused below.
        with np.errstate(all="ignore"):
            strengths = choix.lsr_pairwise_dense(wins, alpha=0.0, initial_params=initial)
            moved = np.abs(strengths - (initial - initial.mean())).mean()
            # One sweep that stays where it began is as good as two that agree.
            if not moved <= _LAST_SWEEP:
                strengths = choix.ilsr_pairwise_dense(wins, alpha=0.0, initial_params=initial)
    except (RuntimeError, ValueError) as error:
        raise StrengthsDidNotConverge(f"choix gave up on {where} ({error})") from error
    if not np.isfinite(strengths).all():
        raise StrengthsDidNotConverge(f"strengths are not finite on {where}")
    return np.asarray(strengths, dtype=np.float64)


def climb_likelihood(half_wins: FloatArray, *, prior: float) -> FloatArray:
    """Return (n,) strengths by Newton's method with step halving, relative to the phantom at 0.

    Without a prior they are relative to their mean. Three to five steps on most votes.
    """
    strengths = _begin(half_wins.sum(axis=1), half_wins.sum(axis=0), prior)
    chances = win_chances(strengths)
    value = _negative_log_likelihood(strengths, chances, half_wins, prior)
    length = 0.0
    for _ in range(_MAX_STEPS):
        step = _newton_step(strengths, chances, half_wins, prior)
        for _ in range(_MAX_HALVINGS):
            tried = win_chances(strengths + step)
            moved = _negative_log_likelihood(strengths + step, tried, half_wins, prior)
            # Near the top the difference drowns in rounding, where the full step is right.
            if moved <= value + 1e-12 * abs(value):
                break
            step /= 2
        strengths, chances, value = strengths + step, tried, moved
        length, before = float(np.abs(step).max()), length
        if length**3 <= _LAST_STEP * before**2:  # the next is about length (length / before)^2
            break
    return strengths


def _begin(won: FloatArray, lost: FloatArray, prior: float) -> FloatArray:
    """Return (n,) the strengths of candidates that had all met the same average opponent."""
    met = won + lost + 2 * prior
    rate = np.divide(won + prior, met, out=np.full(len(met), 0.5), where=met > 0)
    start = logit(np.clip(rate, 1 - _STEEPEST_START, _STEEPEST_START))
    return np.asarray(start if prior > 0 else start - start.mean())


def _newton_step(
    strengths: FloatArray, chances: FloatArray, half_wins: FloatArray, prior: float
) -> FloatArray:
    # 1 - p of a pair is p of the pair turned round, and loses nothing where p is next to 1.
    surprise = half_wins * chances.T
    slope = surprise.sum(axis=1) - surprise.sum(axis=0) - prior * np.tanh(strengths / 2)
    weight = surprise * chances  # N p (1 - p) is this of both orders of a pair
    curve = pinned(_laplacian(weight + weight.T, strengths, prior), prior)
    curve[np.diag_indices_from(curve)] += _DAMPING * np.trace(curve) / len(curve)
    _, step, failed = dposv(curve, slope)
    return np.asarray(np.linalg.solve(curve, slope) if failed else step)


def win_chances(strengths: FloatArray) -> FloatArray:
    """Return (n, n) the chance of row to win against column."""
    if np.abs(strengths).max(initial=0) > _LARGEST_EXPONENT:
        return np.asarray(expit(strengths[:, None] - strengths[None, :]))
    weight = np.exp(strengths)  # one division a pair, in place of an exponential each
    return np.asarray(weight[:, None] / (weight[:, None] + weight[None, :]))


def information(strengths: FloatArray, pairs: FloatArray, prior: float) -> FloatArray:
    """Return (n, n) the Fisher information: Laplacian of N p (1 - p), the phantom's part included.

    Args:
        pairs: (n, n) symmetric counts of votes.
    """
    chances = win_chances(strengths)
    return _laplacian(pairs * chances * chances.T, strengths, prior)


def invert_information(strengths: FloatArray, pairs: FloatArray, prior: float) -> FloatArray:
    """Return (n, n) the inverse of the Fisher information, pinned where there is no phantom."""
    curve = pinned(information(strengths, pairs, prior), prior)
    root, failed = dpotrf(curve)
    if failed:  # so little information that rounding made a variance negative
        return np.asarray(np.linalg.inv(curve))
    upper = np.triu(dpotri(root)[0])
    return np.asarray(upper + np.triu(upper, 1).T)


def _laplacian(weight: FloatArray, strengths: FloatArray, prior: float) -> FloatArray:
    own = weight.sum(axis=1) + 2 * prior * win_variance(strengths)
    return np.diag(own) - weight


def pinned(matrix: FloatArray, prior: float) -> FloatArray:
    """Return a Laplacian made regular: without a phantom only differences are known.

    Adding c 11' moves nothing that sums to 0, as scores and centred strengths do.
    """
    if prior > 0:
        return matrix
    n = len(matrix)
    return matrix + float(np.trace(matrix)) / n**2


def score(
    strengths: FloatArray, half_wins: FloatArray, pairs: FloatArray, prior: float
) -> FloatArray:
    """Return (n,) the slope of the log-likelihood, the phantom's part included."""
    expected = pairs * expit(strengths[:, None] - strengths[None, :])
    return np.asarray((half_wins - expected).sum(axis=1) + prior * (1 - 2 * expit(strengths)))


def win_variance(difference: FloatArray) -> FloatArray:
    """Return p (1 - p) for a difference of strengths, without loss at large ones."""
    return np.asarray(expit(difference) * expit(-difference))


def _negative_log_likelihood(
    strengths: FloatArray, chances: FloatArray, half_wins: FloatArray, prior: float
) -> float:
    # No strength so low that it rounds to no chance at all is believed.
    lost = np.log(np.maximum(chances, np.finfo(np.float64).tiny))
    phantom = np.logaddexp(0, strengths) + np.logaddexp(0, -strengths)
    return float(prior * phantom.sum() - np.einsum("ij,ij->", half_wins, lost))


def _with_phantom(half_wins: FloatArray, prior: float) -> FloatArray:
    grown = np.pad(half_wins, (0, 1), constant_values=prior)
    grown[-1, -1] = 0.0
    return grown
