"""Pairs are drawn with the chances that are stored beside them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from annotate.ranking.arrays import BoolArray, IntArray
from annotate.ranking.pairing import Drawn, Policy, draw_pair, propensity_of
from annotate.ranking.posterior import PairChances, fit_posterior, top_two_chances

seeds = st.integers(0, 2**32 - 1)


def symmetric(values: IntArray) -> IntArray:
    """The upper triangle on both sides, nothing on the diagonal."""
    upper = np.triu(values, k=1)
    return upper + upper.T


def some_chances(n: int, rng: np.random.Generator) -> PairChances:
    half_wins = rng.integers(0, 6, (n, n)).astype(float)
    np.fill_diagonal(half_wins, 0)
    return top_two_chances(fit_posterior(half_wins), rng, n_samples=12)


def some_allowed(n: int, share: float, rng: np.random.Generator) -> BoolArray:
    return symmetric(rng.random((n, n)) < share).astype(np.bool_)


def all_pairs(allowed: BoolArray) -> Iterator[tuple[int, int]]:
    return zip(*(side.tolist() for side in np.nonzero(np.triu(allowed, k=1))), strict=True)


def draw(n: int, rng: np.random.Generator, **state: Any) -> Drawn | None:
    given = {"policy": Policy.ADAPTIVE, "met": np.zeros((n, n), int), "warm_up": 0}
    given |= {"candidate_met": np.zeros(n, int)} | state
    return draw_pair(rng=rng, **given)


@settings(deadline=None)
@given(n=st.integers(2, 8), seed=seeds, share=st.floats(0, 1), epsilon=st.floats(0.01, 1))
def test_propensities_of_all_allowed_pairs_sum_to_1(
    n: int, seed: int, share: float, epsilon: float
) -> None:
    rng = np.random.default_rng(seed)
    chances, allowed = some_chances(n, rng), some_allowed(n, share, rng)
    pairs = list(all_pairs(allowed))
    drawn = draw(n, rng, chances=chances, allowed=allowed, epsilon=epsilon)
    if drawn is None:
        assert pairs == []
        return
    kept = sum(chances.of(*pair) for pair in pairs)
    chance = {
        pair: propensity_of(*pair, n_pairs=len(pairs), chances=chances, epsilon=epsilon, share=kept)
        for pair in pairs
    }
    assert sum(chance.values()) == pytest.approx(1, abs=1e-9)
    assert drawn.propensity == pytest.approx(chance[drawn.first, drawn.second], rel=1e-9)


@pytest.mark.parametrize("share", [1.0, 0.6, 0.3])
@pytest.mark.parametrize("epsilon", [0.2, 1.0])
def test_adaptive_draws_are_as_frequent_as_their_propensities(share: float, epsilon: float) -> None:
    rng = np.random.default_rng(7)
    n = 7
    chances = some_chances(n, rng)
    allowed = None if share == 1 else some_allowed(n, share, rng)
    counts: dict[tuple[int, int], int] = {}
    propensity: dict[tuple[int, int], float] = {}
    for _ in range(20_000):
        drawn = draw(n, rng, chances=chances, allowed=allowed, epsilon=epsilon)
        assert drawn is not None
        pair = drawn.first, drawn.second
        counts[pair] = counts.get(pair, 0) + 1
        propensity[pair] = drawn.propensity
    assert sum(propensity.values()) == pytest.approx(1)
    expected = [20_000 * propensity[pair] for pair in counts]
    assert chisquare(list(counts.values()), expected).pvalue > 0.001


@pytest.mark.parametrize("policy", [Policy.UNIFORM, Policy.BALANCED])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
def test_blind_policies_draw_equal_pairs_equally_often(policy: Policy, share: float) -> None:
    rng = np.random.default_rng(8)
    n = 13
    allowed = some_allowed(n, share, rng)
    pairs = list(all_pairs(allowed))
    counts = dict.fromkeys(pairs, 0)
    for _ in range(200 * len(pairs)):
        drawn = draw(n, rng, policy=policy, allowed=None if share == 1 else allowed)
        assert drawn is not None
        assert drawn.propensity == 1 / len(pairs)
        counts[drawn.first, drawn.second] += 1
    assert chisquare(list(counts.values())).pvalue > 0.001


@settings(deadline=None)
@given(n=st.integers(2, 12), seed=seeds, share=st.floats(0, 1), most=st.integers(1, 50))
def test_balanced_draws_a_pair_that_met_least_of_those_allowed(
    n: int, seed: int, share: float, most: int
) -> None:
    rng = np.random.default_rng(seed)
    met, allowed = symmetric(rng.integers(0, most, (n, n))), some_allowed(n, share, rng)
    drawn = draw(n, rng, policy=Policy.BALANCED, met=met, allowed=allowed)
    if not allowed.any():
        assert drawn is None
        return
    assert drawn is not None
    assert allowed[drawn.first, drawn.second]
    assert met[drawn.first, drawn.second] == met[allowed].min()


def test_balanced_keeps_meetings_even() -> None:
    rng = np.random.default_rng(1)
    met = np.zeros((7, 7), dtype=np.int32)
    for _ in range(100):
        drawn = draw(7, rng, policy=Policy.BALANCED, met=met)
        assert drawn is not None
        met[drawn.first, drawn.second] += 1
        met[drawn.second, drawn.first] += 1
    kept = met[np.triu_indices(7, k=1)]
    assert (kept.min(), kept.max()) == (4, 5)


@pytest.mark.parametrize("n", [4, 9, 30])
def test_warm_up_gives_every_candidate_its_comparisons_with_hardly_one_too_many(n: int) -> None:
    rng = np.random.default_rng(2)
    met, candidate_met = np.zeros((n, n), int), np.zeros(n, int)
    chances, drawn_before = some_chances(n, rng), 0
    while candidate_met.min() < 5:
        drawn = draw(n, rng, met=met, candidate_met=candidate_met, chances=chances, warm_up=5)
        assert drawn is not None
        assert drawn.propensity == 2 / (n * (n - 1))
        for one, other in ((drawn.first, drawn.second), (drawn.second, drawn.first)):
            met[one, other] += 1
            candidate_met[one] += 1
        drawn_before += 1
    assert drawn_before == -(-5 * n // 2)
    assert candidate_met.max() <= 6
    assert met.max() <= -(-5 // (n - 1)) + 1


def test_warm_up_passes_over_a_newcomer_that_may_meet_nobody() -> None:
    rng = np.random.default_rng(3)
    allowed = symmetric(np.ones((4, 4), int)).astype(np.bool_)
    allowed[0] = allowed[:, 0] = False
    counts = np.array([0, 9, 2, 9])
    drawn = draw(4, rng, candidate_met=counts, allowed=allowed, warm_up=5)
    assert drawn is not None
    assert 2 in (drawn.first, drawn.second)
    assert 0 not in (drawn.first, drawn.second)


def test_adaptive_draws_from_all_allowed_pairs_where_its_chances_are_for_none() -> None:
    rng = np.random.default_rng(4)
    chances = PairChances(np.array([[0, 1]]), np.ones(1))
    allowed = symmetric(np.ones((4, 4), int)).astype(np.bool_)
    allowed[0, 1] = allowed[1, 0] = False
    drawn = [draw(4, rng, chances=chances, allowed=allowed) for _ in range(100)]
    assert {(each.first, each.second) for each in drawn if each} == set(all_pairs(allowed))
    assert {each.propensity for each in drawn if each} == {1 / 5}


def test_adaptive_is_balanced_until_it_has_chances() -> None:
    met = symmetric(np.array([[0, 3, 3], [0, 0, 1], [0, 0, 0]]))
    drawn = draw(3, np.random.default_rng(0), met=met, chances=None)
    assert drawn == Drawn(1, 2, 1 / 3)


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_candidates_have_no_pair(policy: Policy, n: int) -> None:
    assert draw(n, np.random.default_rng(0), policy=policy) is None


def test_same_seed_gives_the_same_pairs() -> None:
    chances = some_chances(9, np.random.default_rng(5))
    first, again = (
        [draw(9, rng, chances=chances) for _ in range(20)]
        for rng in (np.random.default_rng(6), np.random.default_rng(6))
    )
    assert first == again
