"""Bradley-Terry strengths of one connected group: a Newton start, then choix's iLSR."""

import choix
import numpy as np
from scipy.special import expit

from annotate.ranking.arrays import FloatArray

_MAX_STEPS = 100
_MAX_HALVINGS = 60
# Newton's error squares itself: after a step this small the next would be lost in rounding.
_LAST_STEP = 1e-9
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
            strengths = choix.ilsr_pairwise_dense(wins, alpha=0.0, initial_params=initial)
    except (RuntimeError, ValueError) as error:
        raise StrengthsDidNotConverge(f"choix gave up on {where} ({error})") from error
    if not np.isfinite(strengths).all():
        raise StrengthsDidNotConverge(f"strengths are not finite on {where}")
    return np.asarray(strengths, dtype=np.float64)


def climb_likelihood(half_wins: FloatArray, *, prior: float) -> FloatArray:
    """Return (n,) strengths by Newton's method with step halving, relative to the phantom at 0.

    Without a prior they are relative to their mean. Four to six steps on most votes.
    """
    strengths = np.zeros(len(half_wins))
    pairs = half_wins + half_wins.T
    value = _negative_log_likelihood(strengths, half_wins, prior)
    for _ in range(_MAX_STEPS):
        slope = score(strengths, half_wins, pairs, prior)
        curve = pinned(information(strengths, pairs, prior), prior)
        curve[np.diag_indices_from(curve)] += _DAMPING * np.trace(curve) / len(curve)
        step = np.linalg.solve(curve, slope)
        for _ in range(_MAX_HALVINGS):
            moved = _negative_log_likelihood(strengths + step, half_wins, prior)
            # Near the top the difference drowns in rounding, where the full step is right.
            if moved <= value + 1e-12 * abs(value):
                break
            step /= 2
        strengths, value = strengths + step, moved
        if np.abs(step).max() < _LAST_STEP:
            break
    return strengths


def information(strengths: FloatArray, pairs: FloatArray, prior: float) -> FloatArray:
    """Return (n, n) the Fisher information: Laplacian of N p (1 - p), the phantom's part included.

    Args:
        pairs: (n, n) symmetric counts of votes.
    """
    weight = pairs * win_variance(strengths[:, None] - strengths[None, :])
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


def _negative_log_likelihood(strengths: FloatArray, half_wins: FloatArray, prior: float) -> float:
    lost = np.logaddexp(0, strengths[None, :] - strengths[:, None])
    phantom = np.logaddexp(0, strengths) + np.logaddexp(0, -strengths)
    return float((half_wins * lost).sum() + prior * phantom.sum())


def _with_phantom(half_wins: FloatArray, prior: float) -> FloatArray:
    grown = np.pad(half_wins, (0, 1), constant_values=prior)
    grown[-1, -1] = 0.0
    return grown
