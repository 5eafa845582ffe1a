"""Votes are counted into a cube, whatever their order and however they are grouped."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.ranking.cube import MOST_CANDIDATES, count_cube
from annotate.ranking.tally import count_votes
from tests.ranking.ballots import ballots, cast, kept, tallied

seeds = st.integers(0, 10_000)


@given(seed=seeds)
def test_cube_counts_each_vote_where_it_belongs(seed: int) -> None:
    columns = cast(seed)
    expected = np.zeros((4, 7, 7), dtype=np.int64)
    for a, b, outcome in zip(
        columns["candidate_a"], columns["candidate_b"], columns["outcome"], strict=True
    ):
        expected[outcome, a, b] += 1
    cube = count_cube(ballots(columns))
    assert np.array_equal(cube.counts, expected)
    assert (cube.n_votes, cube.n_candidates) == (400, 7)


@given(seed=seeds, cut=st.integers(0, 400))
def test_cubes_of_two_parts_add_up_to_the_cube_of_all(seed: int, cut: int) -> None:
    columns = cast(seed)
    parts = np.split(np.random.default_rng(seed).permutation(400), [cut])
    first, second = (count_cube(ballots(kept(columns, part))) for part in parts)
    assert np.array_equal((first + second).counts, count_cube(ballots(columns)).counts)


@given(seed=seeds)
def test_cube_of_tallied_votes_has_the_half_wins_and_records_of_the_votes(seed: int) -> None:
    columns = cast(seed)
    cube, other = count_cube(ballots(columns)), count_cube(ballots(tallied(columns, seed)))
    assert np.array_equal(cube.half_wins, other.half_wins)
    assert np.array_equal(cube.record().votes, other.record().votes)
    assert np.array_equal(cube.record().wins, other.record().wins)


@given(seed=seeds)
def test_cube_and_cells_give_the_same_half_wins(seed: int) -> None:
    tally, record = count_votes(ballots(cast(seed)))
    cells = tally.cells
    forth, back = np.zeros((7, 7)), np.zeros((7, 7))
    np.add.at(forth, (cells.first, cells.second), cells.half_wins)
    np.add.at(back, (cells.second, cells.first), cells.votes - cells.half_wins)
    assert np.array_equal(tally.half_win_matrix(), forth + back)
    for name in ("wins", "losses", "ties", "both_bad"):
        assert np.array_equal(getattr(record, name), getattr(cells.record, name)), name


def test_more_candidates_than_a_cube_holds_are_counted_by_cells() -> None:
    n = MOST_CANDIDATES + 6
    columns = cast(0, n_candidates=n)
    with pytest.raises(ValueError, match=f"{n} candidates: a cube holds at most"):
        count_cube(ballots(columns, n))
    tally, record = count_votes(ballots(columns, n))
    assert tally.cube is None
    half_wins = tally.half_win_matrix()
    assert half_wins.sum() == 400
    assert np.array_equal(half_wins.sum(axis=1), record.wins + (record.ties + record.both_bad) / 2)
    voted = np.unique(np.concatenate([columns["candidate_a"], columns["candidate_b"]]))
    small = count_cube(ballots(place_among(voted, columns), len(voted)))
    assert np.array_equal(half_wins[np.ix_(voted, voted)], small.half_wins)


def place_among(voted: np.ndarray, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the columns with candidates numbered among those with votes."""
    places = {
        name: np.searchsorted(voted, columns[name]) for name in ("candidate_a", "candidate_b")
    }
    return columns | places
