"""Weighted sums of strengths have the intervals that the standings have."""

import math

import numpy as np
import pytest

from annotate.ranking import JointStrengths, RankingFit
from tests.ranking.columns import Vote, by_candidate, rank, votes


def close_race(**settings: object) -> RankingFit:
    rng = np.random.default_rng(1)
    a = rng.integers(0, 5, 900)
    b = (a + rng.integers(1, 5, 900)) % 5
    table = (a, b, rng.integers(0, 4, 900), rng.integers(0, 30, 900))
    cast: list[Vote] = list(zip(*(column.tolist() for column in table), strict=True))
    return rank(cast, 5, **settings)


def joint(fit: RankingFit) -> JointStrengths:
    (group,) = fit.groups
    return group


@pytest.mark.parametrize("anytime", [False, True])
def test_one_strength_by_itself_has_the_interval_of_its_standing(anytime: bool) -> None:
    fit = close_race(level=0.9, anytime=anytime)
    estimate, low, high = joint(fit).interval(np.eye(5))
    for row in by_candidate(fit):
        assert row.strength == estimate[row.candidate]
        assert (row.low, row.high) == (
            round(float(low[row.candidate]), 10),
            round(float(high[row.candidate]), 10),
        )


def test_the_mean_of_all_is_zero_without_error() -> None:
    estimate, low, high = joint(close_race()).interval(np.full((1, 5), 0.2))
    assert [*estimate, *low, *high] == pytest.approx([0, 0, 0], abs=1e-8)


def test_a_difference_of_two_turns_about_with_its_sign() -> None:
    weights = np.array([[1.0, -1, 0, 0, 0], [-1, 1, 0, 0, 0]])
    estimate, low, high = joint(close_race()).interval(weights)
    assert estimate[0] == -estimate[1]
    assert (low[0], high[0]) == pytest.approx((-high[1], -low[1]))
    assert low[0] < estimate[0] < high[0]


def test_two_candidates_differ_by_twice_their_strength() -> None:
    fit = rank(votes(0, 1, a=30, b=20), 2, prior=0)
    _, low, high = joint(fit).interval([[1, -1]])
    first = by_candidate(fit)[0]
    assert first.low is not None
    assert first.high is not None
    assert (low[0], high[0]) == pytest.approx((2 * first.low, 2 * first.high), abs=1e-9)


def test_a_group_of_one_has_no_interval() -> None:
    fit = rank(votes(0, 1, a=1, b=1) + votes(2, 0, a=3), 3, prior=0)
    alone = fit.groups[1]
    estimate, low, high = alone.interval([[1.0]])
    assert (alone.members.tolist(), estimate.tolist()) == ([2], [0.0])
    assert math.isnan(low[0])
    assert math.isnan(high[0])
