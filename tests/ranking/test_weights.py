"""Weights undo how pairs were drawn."""

import numpy as np
import pytest

from annotate.ranking.contextual import contrast_styles
from annotate.ranking.weights import weigh_by_design


def test_evenly_drawn_votes_weigh_one_each() -> None:
    found = weigh_by_design(propensity=np.full(5, 1 / 6), n_pairs=np.full(5, 6))
    np.testing.assert_allclose(found.weights, np.ones(5))
    assert (found.effective_votes, found.largest) == pytest.approx((5, 1))
    assert found.n_truncated == 0


def test_weights_are_inverse_to_the_chance_of_the_pair() -> None:
    found = weigh_by_design(propensity=np.array([0.8, 0.1, 0.1]), n_pairs=np.full(3, 3))
    np.testing.assert_allclose(found.weights, np.array([1, 8, 8]) * 3 / 17)
    assert found.effective_votes == pytest.approx(17**2 / (1 + 64 + 64))


def test_rounds_of_other_sizes_have_evenly_drawn_votes_of_equal_weight() -> None:
    found = weigh_by_design(propensity=np.array([1 / 6, 1 / 45]), n_pairs=np.array([6, 45]))
    np.testing.assert_allclose(found.weights, [1, 1])


def test_weights_are_cut_and_it_is_said() -> None:
    found = weigh_by_design(propensity=np.array([1 / 3, 1 / 300]), n_pairs=np.full(2, 3))
    np.testing.assert_allclose(found.weights, np.array([1, 20]) * 2 / 21)
    assert (found.largest, found.n_truncated) == (pytest.approx(100), 1)


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.1, np.nan])
def test_weights_refuse_what_is_no_chance(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"^propensity at position 1 is "):
        weigh_by_design(propensity=np.array([0.5, wrong]), n_pairs=np.full(2, 3))


def test_weights_refuse_no_votes() -> None:
    with pytest.raises(ValueError, match=r"^no votes: there is nothing to weigh$"):
        weigh_by_design(propensity=np.empty(0), n_pairs=np.empty(0, dtype=np.int64))


def test_styles_contrast_is_a_share_in_standard_deviations() -> None:
    a, b = np.array([[10.0, 0], [2, 0], [4, 0]]), np.array([[5.0, 0], [1, 0], [4, 0]])
    found = contrast_styles(a, b)
    assert found[:, 0] == pytest.approx(np.array([1, 1, 0]) * np.sqrt(3 / 2))
    assert found[:, 1].tolist() == [0, 0, 0]


def test_styles_change_sign_with_the_sides() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.poisson(3, (2, 20, 3)).astype(np.float64)
    np.testing.assert_array_equal(contrast_styles(a, b), -contrast_styles(b, a))
    assert contrast_styles(a[:0], b[:0]).shape == (0, 3)
