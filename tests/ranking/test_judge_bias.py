"""Position and length bias: counted by hand, planted and found, and covered by their intervals."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit

from annotate.ranking.judge_bias import (
    fit_length_slope,
    measure_longer,
    measure_position_bias,
    measure_share,
)

A, B, TIE, BOTH_BAD, UNREAD = 0, 1, 2, 3, -1


def test_position_bias_is_counted_over_both_orders() -> None:
    """Decided readings: ab a, b, a; ba b, b. First: a of ab, twice, and b of ba, twice: 4 of 5."""
    ab, ba = np.array([A, B, A, TIE, BOTH_BAD, UNREAD]), np.array([B, B, UNREAD, TIE, TIE, UNREAD])
    found = measure_position_bias(ab, ba, cluster=np.arange(6))
    assert (found.first.n, found.first.value) == (5, pytest.approx(4 / 5))
    assert (found.inconsistent.n, found.inconsistent.value) == (4, pytest.approx(2 / 4))


def test_judge_who_always_prefers_the_first_is_told_from_a_fair_one() -> None:
    n = 30
    biased = measure_position_bias(np.full(n, A), np.full(n, B), cluster=np.arange(n))
    assert (biased.first.value, biased.inconsistent.value) == (1.0, 1.0)
    assert biased.first.low is not None
    assert biased.first.low > 0.9
    rng = np.random.default_rng(0)
    same = rng.integers(0, 2, n)
    fair = measure_position_bias(same, same, cluster=np.arange(n))
    assert (fair.first.value, fair.inconsistent.value) == (0.5, 0.0)


def test_longer_leaves_draws_and_equal_lengths_out() -> None:
    outcome = np.array([A, B, A, TIE, A, B])
    length_a, length_b = np.array([9, 1, 1, 9, 5, 7]), np.array([1, 9, 9, 1, 5, 6])
    found = measure_longer(outcome, length_a, length_b, cluster=np.arange(6))
    assert (found.n, found.value) == (4, pytest.approx(2 / 4))


def test_shares_of_nothing_and_of_one_cluster() -> None:
    none = measure_share(np.array([]), np.array([]))
    assert (none.value, none.low, none.high, none.n) == (None, None, None, 0)
    one = measure_share(np.array([1, 1, 0]), np.array([4, 4, 4]))
    assert one.low is not None
    assert one.high is not None
    assert one.low < 2 / 3 < one.high


def draw(
    rng: np.random.Generator, *, slope: float, n_clusters: int, per_cluster: int = 6
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw votes that lean towards length, more on some prompts than on others."""
    cluster = np.repeat(np.arange(n_clusters), per_cluster)
    length_a, length_b = rng.integers(50, 800, (2, len(cluster)))
    x = np.log2((length_a + 1) / (length_b + 1))
    own = (slope + 0.5 * rng.standard_normal(n_clusters))[cluster]
    outcome = np.where(rng.random(len(cluster)) < expit(own * x), A, B)
    outcome[rng.random(len(cluster)) < 0.15] = TIE
    return outcome, length_a, length_b, cluster


def test_slope_is_the_highest_posterior() -> None:
    outcome, length_a, length_b, cluster = draw(np.random.default_rng(2), slope=0.8, n_clusters=20)
    kept = outcome < TIE
    x = np.log2((length_a + 1) / (length_b + 1))[kept]
    sign = np.where(outcome[kept] == A, 1, -1)
    best = minimize_scalar(lambda b: np.logaddexp(0, -sign * b * x).sum() + b**2 / 2).x
    found = fit_length_slope(outcome, length_a, length_b, cluster=cluster)
    assert found.value == pytest.approx(best, abs=1e-5)
    assert found.n == kept.sum()


def test_slope_stays_finite_where_the_longer_always_wins() -> None:
    length_a = np.array([10, 200, 30, 400])
    found = fit_length_slope(
        np.array([B, A, B, A]), length_a, np.full(4, 100), cluster=np.arange(4)
    )
    assert found.value is not None
    assert 0 < found.value < 5
    assert fit_length_slope(*np.zeros((3, 0), np.int64), cluster=np.zeros(0, np.int64)).n == 0
    alone = fit_length_slope(np.array([A]), np.array([9]), np.array([3]), cluster=np.array([0]))
    assert (alone.n, alone.low) == (1, None)


def test_intervals_of_slope_and_share_hold_the_truth() -> None:
    rng = np.random.default_rng(4)
    many = draw(rng, slope=0.6, n_clusters=40_000)
    slope = fit_length_slope(*many[:3], cluster=many[3]).value
    share = measure_longer(*many[:3], cluster=many[3]).value
    assert slope is not None
    assert share is not None
    held = []
    for _round in range(500):
        outcome, length_a, length_b, cluster = draw(rng, slope=0.6, n_clusters=30)
        found = fit_length_slope(outcome, length_a, length_b, cluster=cluster)
        longer = measure_longer(outcome, length_a, length_b, cluster=cluster)
        held.append(
            (found.low <= slope <= found.high, longer.low <= share <= longer.high)  # type: ignore[operator]
        )
    covered = np.mean(held, axis=0)
    assert 0.92 <= covered[0] <= 0.985
    assert 0.92 <= covered[1] <= 0.985
