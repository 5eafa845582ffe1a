"""Evidence that may be looked at after every vote: e-values and confidence sequences."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_ndtr

from annotate.ranking.arrays import FloatArray

# A difference of strengths as one expects it. The chance of a wrong stop holds whatever it is;
# how soon a round stops depends on it.
EXPECTED_DIFFERENCE = 0.5
# Larger evidence is given as e to this power, which a JSON number can hold.
_LARGEST_LOG = 700.0


def e_value(
    difference: ArrayLike, variance: ArrayLike, *, tau: float = EXPECTED_DIFFERENCE
) -> FloatArray:
    """Return the evidence that a difference has the sign that is seen, 1 being none.

    Under the other sign it exceeds 1 / alpha at any time at all, however often one looks, with a
    chance of at most alpha: it is the likelihood ratio of a half-normal mixture over differences
    of that sign against none (Robbins 1970; Johari, Koomen, Pekelis & Walsh 2022), in the normal
    approximation. With I = 1 / variance, rho = tau² I / (1 + tau² I) and z = |difference| sqrt(I)

        B = 2 Phi(z sqrt(rho)) · sqrt(1 - rho) · exp(z² rho / 2)

    Its two-sided part B / (2 Phi(z sqrt(rho))), at least half of B, is over 1 / alpha exactly
    where `confidence_radius` is below |difference|. So an interval that leaves 0 out at alpha
    means B > 1 / alpha, and B >= 1 / alpha an interval that leaves 0 out at 2 alpha.

    Args:
        difference, variance: of any shapes that go together; a variance may be 0 or infinite.

    Raises:
        ValueError: a variance below 0, or tau not above 0.
    """
    v = _check(variance, tau)
    distance = np.abs(np.asarray(difference, dtype=np.float64))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        root = distance * tau / np.sqrt(v * (tau**2 + v))  # z sqrt(rho)
        log_value = np.log(2) + log_ndtr(root) - _log_spread(v, tau) / 2 + root**2 / 2
    certain = np.where(distance > 0, _LARGEST_LOG, 0.0)
    log_value = np.where(v == 0, certain, np.where(np.isinf(v), 0.0, log_value))
    return np.asarray(np.exp(np.minimum(log_value, _LARGEST_LOG)))


def confidence_radius(
    variance: ArrayLike, *, alpha: float, tau: float = EXPECTED_DIFFERENCE
) -> FloatArray:
    """Return how far a confidence sequence reaches to either side of a difference.

    All its intervals together, however many are looked at, hold the difference with a chance of
    at least 1 - alpha (Robbins 1970), in the normal approximation:

        radius² = variance (1 + 1 / (tau² I)) (ln(1 + tau² I) + 2 ln(1 / alpha)),  I = 1 / variance

    Raises:
        ValueError: a variance below 0, tau not above 0, or alpha not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha:g}: it must be above 0 and below 1")
    v = _check(variance, tau)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        square = v * (1 + v / tau**2) * (_log_spread(v, tau) - 2 * np.log(alpha))
    return np.asarray(np.sqrt(np.where(v == 0, 0.0, square)))


def _log_spread(variance: FloatArray, tau: float) -> FloatArray:
    """Return ln(1 + tau² / variance), which is -ln(1 - rho)."""
    return np.asarray(np.log1p(tau**2 / variance))


def _check(variance: ArrayLike, tau: float) -> FloatArray:
    if not tau > 0:
        raise ValueError(f"tau is {tau:g}: it must be above 0")
    checked = np.asarray(variance, dtype=np.float64)
    if not (checked >= 0).all():
        raise ValueError(f"variance is {checked.min():g}: it must be 0 or more")
    return checked
