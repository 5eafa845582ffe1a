"""What the votes leave open, and the chances of pairs that follow from it."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from annotate.ranking.arrays import FloatArray
from annotate.ranking.posterior import (
    PairChances,
    Posterior,
    chances_of_pool,
    fit_posterior,
    top_two_chances,
)
from annotate.ranking.strengths import climb_likelihood, information


@st.composite
def posteriors(draw: st.DrawFn) -> Posterior:
    """Any state of knowledge of 2 to 7 candidates."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, 7))
    root = rng.normal(0, draw(st.floats(0.05, 2)), (n, n + 2))
    return Posterior(rng.normal(0, draw(st.floats(0, 2)), n), root @ root.T / n + 1e-3 * np.eye(n))


def square(chances: PairChances, n: int) -> FloatArray:
    """The chances as an (n, n) symmetric array."""
    whole = np.zeros((n, n))
    whole[chances.pairs[:, 0], chances.pairs[:, 1]] = chances.chances
    return whole + whole.T


@settings(deadline=None)
@given(posterior=posteriors(), seed=st.integers(0, 1000))
def test_chances_sum_to_1_and_name_each_pair_once(posterior: Posterior, seed: int) -> None:
    chances = top_two_chances(posterior, np.random.default_rng(seed), n_samples=24)
    assert chances.chances.sum() == pytest.approx(1, abs=1e-12)
    assert (chances.chances > 0).all()
    assert (chances.pairs[:, 0] < chances.pairs[:, 1]).all()
    assert (np.diff(chances.keys) > 0).all()


@settings(deadline=None)
@given(posterior=posteriors(), seed=st.integers(0, 1000))
@example(Posterior(np.zeros(3), np.diag([0.2, 1.6, 2.5])), 1)
def test_relabelled_candidates_have_their_chances_under_the_new_labels(
    posterior: Posterior, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    n = len(posterior.mean)
    pool = posterior.draw_pool(24, rng)
    label = rng.permutation(n)
    renamed = Posterior(posterior.mean[label], posterior.covariance[np.ix_(label, label)])
    before = square(chances_of_pool(posterior, pool, rng), n)
    after = square(chances_of_pool(renamed, pool[:, label], rng), n)
    np.testing.assert_allclose(after, before[np.ix_(label, label)], atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(posterior=posteriors(), seed=st.integers(0, 1000))
def test_chances_are_those_of_every_way_to_take_two_of_the_pool(
    posterior: Posterior, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pool = posterior.draw_pool(9, rng)
    n, mean, spread = len(posterior.mean), posterior.mean, posterior.covariance
    expected = np.zeros((n, n))
    for one in range(9):
        leader = int(pool[one].argmax())
        for other in (s for s in range(9) if s != one):
            rivals = [j for j in range(n) if j != leader and pool[other, j] >= pool[other, leader]]
            chance = 1 / (1 + np.exp(mean - mean[leader]))
            variance = spread[leader, leader] + np.diag(spread) - 2 * spread[leader]
            told = variance * chance * (1 - chance)
            if rivals:
                rival = max(rivals, key=lambda j: told[j])
            else:
                behind = (mean[leader] - mean) / np.sqrt(np.where(variance > 0, variance, 1))
                others = set(range(n)) - {leader}
                rival = min(others, key=lambda j: (behind[j], -told[j]))
            expected[leader, rival] += 1 / 72
            expected[rival, leader] += 1 / 72
    np.testing.assert_allclose(
        square(chances_of_pool(posterior, pool, rng), n), expected, atol=1e-12
    )


def test_chances_go_to_those_who_may_be_best() -> None:
    posterior = Posterior(np.array([2.0, 1.9, -1.0, -3.0]), 0.04 * np.eye(4))
    chances = top_two_chances(posterior, np.random.default_rng(0))
    assert chances.of(0, 1) > 0.99
    assert chances.of(2, 3) == 0


def test_leader_that_is_nearly_sure_meets_the_closest_and_not_the_least_known() -> None:
    posterior = Posterior(np.array([2.0, 1.2, -0.5]), np.diag([0.01, 0.01, 0.06]))
    chances = top_two_chances(posterior, np.random.default_rng(0))
    assert chances.of(0, 1) == 1


def test_equally_telling_rivals_have_equal_chances_before_any_vote() -> None:
    rng = np.random.default_rng(1)
    posterior = fit_posterior(np.zeros((5, 5)))
    mean = np.mean([square(top_two_chances(posterior, rng), 5) for _ in range(1000)], axis=0)
    assert np.abs(mean[np.triu_indices(5, k=1)] - 0.1).max() < 0.01


def test_posterior_is_the_mode_and_the_curvature_there() -> None:
    half_wins = np.array([[0, 5, 2], [1, 0, 3.5], [4, 2.5, 0]])
    posterior = fit_posterior(half_wins, prior=0.7)
    mean = climb_likelihood(half_wins, prior=0.7)
    chance = 1 / (1 + np.exp(mean - mean[:, None]))
    varies = ((half_wins + half_wins.T) * chance * (1 - chance)).sum() / 2
    phi = (half_wins * (1 - chance) ** 2).sum() / varies
    curve = information(mean, half_wins + half_wins.T, 0.0)
    np.testing.assert_allclose(posterior.mean, mean, atol=1e-9)
    np.testing.assert_allclose(
        np.linalg.inv(posterior.covariance), curve / phi + 0.35 * np.eye(3), rtol=1e-9
    )


def test_ties_leave_less_open() -> None:
    half_wins = np.full((3, 3), 4.0) - 4 * np.eye(3)
    decided, tied = fit_posterior(half_wins), fit_posterior(half_wins, n_ties=18)
    assert (np.diag(tied.covariance) < np.diag(decided.covariance)).all()
    # Of 24 votes between equals 18 were ties: they vary a quarter as much.
    curve = information(np.zeros(3), half_wins + half_wins.T, 0.0)
    np.testing.assert_allclose(
        np.linalg.inv(tied.covariance), curve * 4 + 0.25 * np.eye(3), rtol=1e-9
    )


def test_without_votes_all_is_the_prior() -> None:
    posterior = fit_posterior(np.zeros((4, 4)), prior=0.5)
    np.testing.assert_allclose(posterior.covariance, 4 * np.eye(4))
    assert posterior.mean.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("half_wins", "prior", "message"),
    [
        (np.zeros((2, 3)), 0.5, "half_wins has shape (2, 3): it must be square"),
        (-np.ones((2, 2)), 0.5, "half_wins holds -1: it must hold 0 or more"),
        (np.zeros((2, 2)), 0.0, "prior is 0: it must be above 0"),
    ],
)
def test_posterior_refuses_what_are_no_votes(half_wins: Any, prior: float, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        fit_posterior(half_wins, prior=prior)


def test_one_candidate_has_no_pair() -> None:
    with pytest.raises(ValueError, match="1 candidates and 256 samples"):
        top_two_chances(fit_posterior(np.zeros((1, 1))), np.random.default_rng(0))
