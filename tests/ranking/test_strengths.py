"""Strengths agree with algebra on small cases and with plain choix on large ones."""

import math

import choix
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.ranking.strengths import (
    StrengthsDidNotConverge,
    climb_likelihood,
    fit_strengths,
    score,
    win_chances,
)


def matrix(n: int, **wins: float) -> np.ndarray:
    """Return half-wins from `w01=3`: 0 beat 1 three times."""
    half_wins = np.zeros((n, n))
    for pair, count in wins.items():
        half_wins[int(pair[1]), int(pair[2])] = count
    return half_wins


def test_two_candidates_without_a_prior_differ_by_their_log_odds() -> None:
    strengths = fit_strengths(matrix(2, w01=3, w10=1), prior=0)
    assert strengths == pytest.approx([math.log(3) / 2, -math.log(3) / 2], abs=1e-12)


def test_a_tree_adds_up_the_log_odds_along_it() -> None:
    strengths = fit_strengths(matrix(3, w01=2, w10=1, w12=2, w21=1), prior=0)
    assert strengths == pytest.approx([math.log(2), 0, -math.log(2)], abs=1e-12)


def test_a_phantom_keeps_one_win_finite() -> None:
    # By symmetry the two stand at +x and -x about the phantom, and with t = e^x the slope
    # 1 / (1 + t^2) = (t - 1) / (2 (t + 1)) is 0 where t^3 - t^2 - t - 3 = 0.
    (root,) = [r.real for r in np.roots([1, -1, -1, -3]) if abs(r.imag) < 1e-12]
    strengths = fit_strengths(matrix(2, w01=1), prior=0.5)
    assert strengths == pytest.approx([math.log(root), -math.log(root)], abs=1e-12)


def test_equal_records_give_equal_strengths() -> None:
    strengths = fit_strengths(matrix(3, w01=1, w12=1, w20=1), prior=0.5)
    assert strengths == pytest.approx([0, 0, 0], abs=1e-12)


@given(seed=st.integers(0, 10_000), n=st.integers(2, 12), votes=st.sampled_from([3.0, 60.0]))
def test_strengths_without_a_prior_agree_with_plain_choix(seed: int, n: int, votes: float) -> None:
    # One more win each way makes every graph strongly connected, as plain choix needs it.
    half_wins = np.random.default_rng(seed).poisson(votes, (n, n)) / 2 + 1
    np.fill_diagonal(half_wins, 0)
    plain = choix.ilsr_pairwise_dense(half_wins, alpha=0, tol=1e-13, max_iter=10_000)
    assert np.abs(fit_strengths(half_wins, prior=0) - plain).max() < 1e-9


@given(
    seed=st.integers(0, 10_000), n=st.integers(2, 12), prior=st.sampled_from([0.05, 0.5, 1.0, 20.0])
)
def test_a_prior_is_wins_each_way_against_one_more_candidate(
    seed: int, n: int, prior: float
) -> None:
    half_wins = np.random.default_rng(seed).poisson(0.7, (n, n)) / 2
    np.fill_diagonal(half_wins, 0)
    grown = np.full((n + 1, n + 1), prior)
    grown[:n, :n] = half_wins
    grown[n, n] = 0
    plain = choix.ilsr_pairwise_dense(grown, alpha=0, tol=1e-14, max_iter=100_000)
    strengths = fit_strengths(half_wins, prior=prior)
    assert np.abs(strengths - (plain[:n] - plain[n])).max() < 1e-9


@given(seed=st.integers(0, 10_000), prior=st.sampled_from([0.001, 0.5, 50.0]))
def test_a_total_order_of_many_votes_converges(seed: int, prior: float) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 30))
    half_wins = np.triu(rng.poisson(500, (n, n)), k=1).astype(np.float64)
    strengths = fit_strengths(half_wins, prior=prior)
    assert (np.diff(strengths) < 0).all()
    assert np.abs(strengths - climb_likelihood(half_wins, prior=prior)).max() < 1e-6


def test_a_step_that_leaves_no_information_is_damped() -> None:
    # Found by search: rounding leaves the information singular on the way.
    half_wins = matrix(6, w02=1, w14=1, w20=1, w23=1, w30=1, w54=1)
    strengths = fit_strengths(half_wins, prior=1e-6)
    slope = score(strengths, half_wins, half_wins + half_wins.T, prior=1e-6)
    assert np.abs(slope).max() < 1e-12


def test_a_matrix_that_has_no_maximum_is_refused_by_name() -> None:
    with pytest.raises(StrengthsDidNotConverge, match="a prior above 0 settles it"):
        fit_strengths(matrix(2, w01=3), prior=0)


def test_chances_of_strengths_whose_weights_would_overflow_are_those_of_their_difference() -> None:
    near, far = np.array([1.0, 0.0, -2.0]), np.array([401.0, 400.0, 398.0])
    assert np.abs(win_chances(far) - win_chances(near)).max() < 1e-15


@given(seed=st.integers(0, 10_000), prior=st.sampled_from([0.0, 0.5]))
def test_the_climb_ends_where_one_sweep_of_choix_stays(seed: int, prior: float) -> None:
    half_wins = np.random.default_rng(seed).poisson(20, (9, 9)) / 2 + 1
    np.fill_diagonal(half_wins, 0)
    climbed = climb_likelihood(half_wins, prior=prior)
    assert np.abs(climbed - fit_strengths(half_wins, prior=prior)).max() < 1e-12


@given(seed=st.integers(0, 10_000))
def test_strengths_do_not_depend_on_how_candidates_are_numbered(seed: int) -> None:
    rng = np.random.default_rng(seed)
    half_wins = rng.poisson(8, (15, 15)) / 2
    np.fill_diagonal(half_wins, 0)
    order = rng.permutation(15)
    turned = fit_strengths(half_wins[np.ix_(order, order)], prior=0.5)
    assert np.abs(turned - fit_strengths(half_wins, prior=0.5)[order]).max() < 1e-12
