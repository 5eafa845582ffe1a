"""Rank intervals hold for all candidates at once."""

import math

import numpy as np
import pytest
from scipy.stats import norm, studentized_range, t

from annotate.ranking.methods import IntervalMethod
from annotate.ranking.ranks import bound_ranks, simultaneous_value
from annotate.ranking.resampling import draw_errors
from annotate.ranking.sequences import confidence_radius
from annotate.ranking.spread import Spread, measure_spread
from annotate.ranking.strengths import fit_strengths
from tests.ranking.arena import Arena, draw_pairs
from tests.ranking.columns import tally


def known_spread(errors: list[float], df: float = math.inf) -> Spread:
    rows = np.diag(errors)
    return Spread(IntervalMethod.FISHER, df, rows, rows)


def value(spread: Spread, n_resamples: int = 20_000) -> float:
    rng = np.random.default_rng(3)
    drawn = draw_errors(spread.rows, n_resamples=n_resamples, rng=rng)
    return simultaneous_value(spread, drawn, level=0.95, rng=rng)


def test_two_candidates_need_the_usual_value() -> None:
    assert value(known_spread([1.0, 1.0])) == pytest.approx(norm.ppf(0.975), rel=0.02)


def test_few_annotators_need_the_value_of_t() -> None:
    assert value(known_spread([1.0, 1.0], df=4)) == pytest.approx(t.ppf(0.975, 4), rel=0.03)


def test_all_pairs_at_once_need_the_studentized_range() -> None:
    expected = studentized_range.ppf(0.95, 10, 1e6) / math.sqrt(2)
    assert value(known_spread([1.0] * 10)) == pytest.approx(expected, rel=0.02)


def test_ranks_are_bounded_by_what_is_certain() -> None:
    # One standard error of a difference is about .14, so that only .1 is in doubt.
    strengths = np.array([2.0, 1.0, 0.9, -3.9])
    rng = np.random.default_rng(0)
    ranks = bound_ranks(strengths, known_spread([0.1] * 4), level=0.95, n_resamples=500, rng=rng)
    assert ranks.rank.tolist() == [1, 2, 3, 4]
    assert ranks.low.tolist() == [1, 2, 2, 4]
    assert ranks.high.tolist() == [1, 3, 3, 4]


def test_at_every_moment_each_pair_has_its_part_of_alpha() -> None:
    # Independent errors of .1: a difference has variance .02, and alpha .05 is shared by 6 pairs.
    rng = np.random.default_rng(0)
    reach = float(confidence_radius(0.02, alpha=0.05 / 6))
    strengths = np.array([0.0, -reach - 0.01, -2 * reach, -3 * reach - 0.01])
    ranks = bound_ranks(
        strengths, known_spread([0.1] * 4), level=0.95, n_resamples=500, rng=rng, anytime=True
    )
    assert ranks.low.tolist() == [1, 2, 2, 4]
    assert ranks.high.tolist() == [1, 3, 3, 4]


def test_the_chance_to_be_best_comes_with_the_ranks() -> None:
    rng = np.random.default_rng(0)
    ranks = bound_ranks(
        np.array([0.1, 0.0, -9.0]), known_spread([0.06, 0.08, 0.1]), level=0.95,
        n_resamples=20_000, rng=rng,
    )  # fmt: skip
    assert ranks.p_best == pytest.approx([norm.cdf(1), 1 - norm.cdf(1), 0], abs=0.01)


def test_equal_strengths_share_a_rank() -> None:
    rng = np.random.default_rng(0)
    ranks = bound_ranks(
        np.array([0.5, 0.5, -1.0]), known_spread([0.1] * 3), level=0.95, n_resamples=500, rng=rng
    )
    assert ranks.rank.tolist() == [1, 1, 3]
    assert (ranks.low.tolist(), ranks.high.tolist()) == ([1, 1, 3], [2, 2, 3])


@pytest.mark.parametrize("n_annotators", [3, 12])
def test_candidates_that_are_equal_are_seldom_told_apart(n_annotators: int) -> None:
    arena = Arena(np.zeros(6), taste=0.4)
    told_apart = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        a, b = draw_pairs(6, 300, rng)
        cast = arena.vote(rng.integers(0, n_annotators, 300), rng, a, b)
        counted = tally(np.column_stack(list(cast.values())).tolist(), 6)
        strengths = fit_strengths(counted.half_win_matrix(), prior=0.5)
        spread = measure_spread(counted, strengths, prior=0.5, level=0.95)
        ranks = bound_ranks(strengths, spread, level=0.95, n_resamples=200, rng=rng)
        told_apart += bool((ranks.low > 1).any() or (ranks.high < 6).any())
    # Five in a hundred are meant; 300 draws err by .013.
    assert told_apart / 300 < 0.09
