"""Side bias: worked by hand, in limits that are known, and covered in simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.ranking.arrays import IntArray
from annotate.ranking.sides import LeftShare, measure_left_share, wilson_interval
from annotate.ranking.win_rate import win_rate

sided = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=40
)


def measure(cast: list[tuple[int, int, int]]) -> LeftShare:
    """Measure votes of (left, annotator, pair)."""
    table = np.array(cast, dtype=np.int64).reshape(-1, 3)
    return measure_left_share(is_left=table[:, 0], annotator=table[:, 1], pair=table[:, 2])


def test_left_share_by_hand() -> None:
    """Four votes, three left: errors 1/4 1/4 1/4 -3/4.

    By annotator the sums are 1/2 and -1/2: V = (1/4 + 1/4) / 16 * 2 = 1/16. By pair they are
    1/2, 1/4 and -3/4: V = (4 + 1 + 9) / 16 / 16 * 3/2 = 21/256. Both: 12/16 / 16 * 4/3 = 1/16.
    """
    found = measure([(1, 0, 0), (1, 0, 1), (1, 1, 0), (0, 1, 2)])
    assert (found.n_left, found.n_right, found.share) == (3, 1, 0.75)
    assert found.se == pytest.approx(math.sqrt(1 / 16 + 21 / 256 - 1 / 16))


def test_error_of_votes_of_their_own_is_the_plain_one() -> None:
    """Every vote by another annotator on another pair: s^2 / n."""
    found = measure([(1, 0, 0), (1, 1, 1), (0, 2, 2), (1, 3, 3), (0, 4, 4)])
    assert found.se == pytest.approx(math.sqrt(0.6 * 0.4 / 4))


def test_error_is_never_below_its_terms() -> None:
    """Each annotator and each pair once left, once right: both sums are 0, chance is not."""
    found = measure([(1, 0, 0), (0, 0, 1), (0, 1, 0), (1, 1, 1)])
    assert found.se == pytest.approx(math.sqrt(0.25 / 3))


@given(cast=sided, seed=st.integers(0, 99))
def test_left_share_mirrors_and_knows_no_order(cast: list[tuple[int, int, int]], seed: int) -> None:
    found = measure(cast)
    mirrored = [(1 - left, who + 3, pair * 2) for left, who, pair in cast]
    np.random.default_rng(seed).shuffle(mirrored)
    other = measure(mirrored)
    assert found.share is not None
    assert other.share == pytest.approx(1 - found.share)
    assert (found.n_left, found.n_right) == (other.n_right, other.n_left)
    assert (other.se is None) == (found.se is None)
    if found.se is not None:
        assert other.se == pytest.approx(found.se)


@pytest.mark.parametrize("cast", [[(1, 0, 0), (0, 0, 1)], [(1, 0, 0), (0, 1, 0)]])
def test_one_cluster_has_no_error(cast: list[tuple[int, int, int]]) -> None:
    found = measure(cast)
    assert (found.share, found.se) == (0.5, None)


@pytest.mark.parametrize("side", [0, 1])
def test_votes_for_one_side_have_no_error(side: int) -> None:
    """They differ by nothing, which does not make their share exact."""
    found = measure([(side, 0, 0), (side, 1, 1), (side, 2, 2)])
    assert (found.share, found.se) == (side, None)


def test_no_votes_have_no_share() -> None:
    assert measure([]) == LeftShare(0, 0, None, None)


def test_error_covers_where_annotators_lean_and_pairs_differ() -> None:
    """Naive errors cover half as often as they claim; clustered ones nearly as often."""
    rng = np.random.default_rng(4)
    clustered = naive = 0
    for _ in range(300):
        is_left, annotator, pair = draw_leaning(rng)
        found = measure_left_share(is_left=is_left, annotator=annotator, pair=pair)
        assert found.share is not None
        assert found.se is not None
        off = abs(found.share - 0.5)
        clustered += off < 1.96 * found.se
        naive += off < 1.96 * math.sqrt(found.share * (1 - found.share) / len(is_left))
    assert 273 <= clustered <= 297
    assert naive < 230


def draw_leaning(rng: np.random.Generator) -> tuple[IntArray, IntArray, IntArray]:
    """Draw 1,200 votes of 60 annotators on 150 pairs, each with a lean of its own."""
    annotator, pair = rng.integers(0, 60, 1200), rng.integers(0, 150, 1200)
    lean = rng.normal(0, 0.5, 60)[annotator] + rng.normal(0, 0.8, 150)[pair]
    is_left = (lean + rng.logistic(0, 1, 1200) > 0).astype(np.int64)
    return is_left, annotator, pair


@given(left=st.integers(0, 60), right=st.integers(0, 60))
def test_wilson_agrees_with_the_win_rate(left: int, right: int) -> None:
    low, high = wilson_interval(np.array([float(left)]), np.array([float(left + right)]))
    if left + right == 0:
        assert np.isnan([low, high]).all()
        return
    expected = win_rate(left, right, 0)
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), abs=1e-9)
