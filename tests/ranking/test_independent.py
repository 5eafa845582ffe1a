"""The vote sandwich is White's, vote by vote."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.ranking.clustered import centre, sandwich_root
from annotate.ranking.cube import count_cube
from annotate.ranking.independent import vote_rows
from annotate.ranking.strengths import fit_strengths, information, invert_information, pinned
from tests.ranking.ballots import ballots, cast
from tests.ranking.columns import columns, votes


@given(seed=st.integers(0, 10_000), prior=st.sampled_from([0.0, 0.5]))
def test_vote_sandwich_is_that_of_the_votes_one_by_one(seed: int, prior: float) -> None:
    cube = count_cube(ballots(cast(seed)))
    theta = fit_strengths(cube.half_wins, prior=prior)
    scores = []
    for outcome, a, b in np.argwhere(cube.counts):
        excess = (1.0, 0.0, 0.5, 0.5)[outcome] - 1 / (1 + np.exp(theta[b] - theta[a]))
        score = excess * (np.eye(7)[a] - np.eye(7)[b])
        scores += [score] * int(cube.counts[outcome, a, b])
    curve = information(theta, cube.half_wins + cube.half_wins.T, prior)
    moved = centre(np.array(scores) @ np.linalg.inv(pinned(curve, prior)))
    rows = vote_rows(cube, theta, prior=prior)
    assert np.allclose(rows.T @ rows, moved.T @ moved, rtol=1e-9, atol=1e-12)


def test_nothing_but_ties_leaves_no_error() -> None:
    cube = count_cube(ballots(columns(votes(0, 1, tie=4) + votes(1, 2, tie=2)), 3))
    rows = vote_rows(cube, np.zeros(3), prior=0)
    assert np.abs(rows.T @ rows).max() < 1e-15


@pytest.mark.parametrize("n_scores", [2, 40])
def test_sandwich_root_is_a_root_with_scores_in_few_directions_and_in_all(n_scores: int) -> None:
    rng = np.random.default_rng(0)
    scores = centre(rng.normal(size=(n_scores, 6)))
    bread = centre(rng.normal(size=(6, 6)))
    rows = sandwich_root(scores.T @ scores, bread)
    expected = bread.T @ scores.T @ scores @ bread
    assert np.allclose(rows.T @ rows, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("prior", [0.0, 0.5])
def test_information_is_inverted(prior: float) -> None:
    half_wins = count_cube(ballots(cast(0))).half_wins
    theta = fit_strengths(half_wins, prior=prior)
    pairs = half_wins + half_wins.T
    inverse = invert_information(theta, pairs, prior)
    assert np.array_equal(inverse, inverse.T)
    curve = pinned(information(theta, pairs, prior), prior)
    assert np.allclose(inverse @ curve, np.eye(7), rtol=0, atol=1e-12)


def test_information_that_rounding_made_singular_is_inverted_all_the_same() -> None:
    pairs = np.array([[0.0, 1.0], [1.0, 0.0]])
    inverse = invert_information(np.array([19.0, -19.0]), pairs, 1e-17)
    assert np.isfinite(inverse).all()
