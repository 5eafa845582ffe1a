"""Votes that were counted apart and added up are ranked as if counted at once."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from annotate.ranking.cube import count_cube
from annotate.ranking.spread import Spread, measure_spread
from annotate.ranking.strengths import fit_strengths
from annotate.ranking.tally import Tally, count_votes
from annotate.ranking.votes import Ballots, check_ballots
from tests.ranking.columns import Vote, columns

N = 4


def draw(seed: int, size: int) -> list[Vote]:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, N, size)
    b = (a + rng.integers(1, N, size)) % N
    table = (a, b, rng.integers(0, 4, size), rng.integers(0, 9, size))
    return list(zip(*(column.tolist() for column in table), strict=True))


def count(cast: list[Vote]) -> Ballots:
    """Return a row for each kind of vote there is, and how many it stands for."""
    kinds, counts = np.unique(np.array(cast), axis=0, return_counts=True)
    return check_ballots(**columns(kinds.tolist()), n_candidates=N, count=counts)


def merge(first: Ballots, second: Ballots) -> Ballots:
    """Return the rows of both, each kind of vote once for each, as stored tallies are read."""
    names = ("candidate_a", "candidate_b", "outcome", "annotator", "count")
    both = {
        name: np.concatenate([getattr(half, name) for half in (first, second)]) for name in names
    }
    return replace(first, **both)


def fit(tally: Tally) -> tuple[np.ndarray, Spread]:
    strengths = fit_strengths(tally.half_win_matrix(), prior=0.5)
    return strengths, measure_spread(tally, strengths, prior=0.5, level=0.95)


@given(seed=st.integers(0, 10_000), size=st.integers(30, 300), part=st.floats(0.1, 0.9))
def test_tallies_merged_are_ranked_as_all_votes_at_once(seed: int, size: int, part: float) -> None:
    cast = draw(seed, size)
    cut = int(size * part)
    merged, _ = count_votes(merge(count(cast[:cut]), count(cast[cut:])))
    at_once, _ = count_votes(check_ballots(**columns(cast), n_candidates=N))
    (strengths, spread), (expected, wanted) = fit(merged), fit(at_once)
    assert np.array_equal(strengths, expected)
    assert np.array_equal(spread.rows, wanted.rows)
    assert (spread.df, merged.n_votes) == (wanted.df, at_once.n_votes)


@given(seed=st.integers(0, 10_000), size=st.integers(2, 100), cut=st.integers(0, 100))
def test_cubes_add_up_to_that_of_all_votes(seed: int, size: int, cut: int) -> None:
    cast = draw(seed, size)
    parts = [
        count_cube(check_ballots(**columns(some), n_candidates=N))
        for some in (cast[:cut], cast[cut:], cast)
    ]
    both = parts[0] + parts[1]
    assert np.array_equal(both.counts, parts[2].counts)
    assert np.array_equal(both.half_wins, parts[2].half_wins)
    assert both.n_votes == size
