"""Evidence and confidence sequences: what they are, and how the two belong together."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from annotate.ranking.sequences import confidence_radius, e_value

differences = st.floats(-4, 4)
variances = st.floats(1e-4, 4)
alphas = st.floats(0.001, 0.5)


@pytest.mark.parametrize(
    ("difference", "variance", "tau"), [(0.3, 0.02, 0.5), (1.2, 0.2, 0.5), (0.0, 0.1, 1.0)]
)
def test_e_value_is_the_likelihood_ratio_of_a_half_normal_mixture(
    difference: float, variance: float, tau: float
) -> None:
    error = variance**0.5
    mixed, _ = quad(
        lambda true: 2 * norm.pdf(true, 0, tau) * norm.pdf(difference, true, error), 0, 10
    )
    expected = mixed / norm.pdf(difference, 0, error)
    assert e_value(difference, variance, tau=tau) == pytest.approx(expected, rel=1e-6)


@given(difference=differences, variance=variances)
def test_e_value_is_the_same_for_either_sign(difference: float, variance: float) -> None:
    assert e_value(difference, variance) == e_value(-difference, variance)


@given(difference=st.floats(0, 4), more=st.floats(0, 2), variance=variances)
def test_e_value_grows_with_the_difference(difference: float, more: float, variance: float) -> None:
    assert e_value(difference + more, variance) >= e_value(difference, variance)


@given(difference=differences, variance=variances, alpha=alphas)
def test_interval_leaves_0_out_exactly_where_the_two_sided_evidence_is_enough(
    difference: float, variance: float, alpha: float
) -> None:
    distance = abs(difference)
    rho = 0.25 / (0.25 + variance)
    two_sided = e_value(difference, variance) / (2 * norm.cdf(distance * (rho / variance) ** 0.5))
    radius = confidence_radius(variance, alpha=alpha)
    if abs(distance / radius - 1) > 1e-9:
        assert (distance > radius) == (two_sided > 1 / alpha)


@given(difference=differences, variance=variances, alpha=st.floats(0.001, 0.49))
def test_evidence_lies_between_the_intervals_at_alpha_and_at_twice_alpha(
    difference: float, variance: float, alpha: float
) -> None:
    enough = e_value(difference, variance) >= 1 / alpha
    narrow, wide = (confidence_radius(variance, alpha=level) for level in (2 * alpha, alpha))
    if abs(difference) > wide * (1 + 1e-9):
        assert enough
    if enough:
        assert abs(difference) > narrow * (1 - 1e-9)


@given(variance=variances, alpha=alphas, smaller=st.floats(0.1, 0.9))
def test_interval_is_wider_the_surer_it_is_to_be(
    variance: float, alpha: float, smaller: float
) -> None:
    assert confidence_radius(variance, alpha=alpha * smaller) > confidence_radius(
        variance, alpha=alpha
    )


@given(variance=variances, alpha=st.floats(0.001, 0.3))
def test_interval_is_wider_than_one_that_is_looked_at_once(variance: float, alpha: float) -> None:
    once = norm.isf(alpha / 2) * variance**0.5
    assert confidence_radius(variance, alpha=alpha) > once


def test_arrays_are_taken_element_by_element() -> None:
    difference, variance = np.array([[0.1], [0.4]]), np.array([0.01, 0.02, 0.04])
    evidence = e_value(difference, variance)
    assert evidence.shape == (2, 3)
    assert evidence[1, 2] == e_value(0.4, 0.04)
    assert confidence_radius(variance, alpha=0.1)[2] == confidence_radius(0.04, alpha=0.1)


def test_nothing_known_is_no_evidence_and_no_bound() -> None:
    assert e_value(3.0, np.inf) == 1
    assert confidence_radius(np.inf, alpha=0.05) == np.inf


def test_no_variance_is_certainty_that_json_can_hold() -> None:
    assert e_value([0.1, 0.0], 0).tolist() == [np.exp(700), 1]
    assert e_value(1e3, 1e-3) == np.exp(700)
    assert confidence_radius(0, alpha=0.05) == 0


def test_mean_of_normal_draws_seldom_looks_wrong_at_any_time() -> None:
    rng = np.random.default_rng(3)
    looks = np.arange(1, 401)
    means = np.cumsum(rng.normal(0, 1, (2000, 400)), axis=1) / looks
    crossed = ((means > 0) & (e_value(means, 1 / looks) >= 10)).any(axis=1)
    left = (np.abs(means) > confidence_radius(1 / looks, alpha=0.1)).any(axis=1)
    assert 0.02 < crossed.mean() < 0.1
    assert 0.02 < left.mean() < 0.1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"variance": -0.1, "alpha": 0.05}, "variance is -0.1: it must be 0 or more"),
        ({"variance": 1, "alpha": 0.05, "tau": 0}, "tau is 0: it must be above 0"),
        ({"variance": 1, "alpha": 1}, "alpha is 1: it must be above 0 and below 1"),
    ],
)
def test_values_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    variance = settings.pop("variance")
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        confidence_radius(variance, **settings)
