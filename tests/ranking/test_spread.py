"""Intervals agree with the formulas written out, and cover where the naive ones do not."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm, t

from annotate.ranking.arrays import FloatArray
from annotate.ranking.methods import IntervalMethod
from annotate.ranking.ranks import pair_errors
from annotate.ranking.sequences import confidence_radius
from annotate.ranking.spread import Spread, measure_spread
from annotate.ranking.strengths import fit_strengths
from annotate.ranking.tally import Tally, count_votes
from annotate.ranking.votes import check_votes
from benchmarks.ranking.worlds import World, ballots
from tests.ranking.arena import Arena, draw_pairs
from tests.ranking.columns import Vote, columns, rank, tally, votes

Z = norm.ppf(0.975)


def half_width(cast: list[Vote], n: int, **settings: float) -> float:
    top = rank(cast, n, **settings).standings[0]
    assert top.low is not None
    assert top.high is not None
    return (top.high - top.low) / 2


def test_one_annotator_gives_fisher_information() -> None:
    # A tree of two pairs, three votes each at p = 2/3: each difference has variance
    # 1 / (3 * 2/9) = 1.5, and the top is (2 d1 + d2) / 3 above the mean.
    cast = votes(0, 1, a=2, b=1) + votes(1, 2, a=2, b=1)
    fit = rank(cast, 3, prior=0)
    assert fit.interval_method == "fisher"
    expected = Z * math.sqrt((4 * 1.5 + 1.5) / 9)
    assert half_width(cast, 3, prior=0) == pytest.approx(expected, abs=1e-9)


def test_three_annotators_give_the_jackknife_worked_by_hand() -> None:
    # p = 2/3, H = 12 * 2/9, each H_a = 4 * 2/9, G = (1/3, -2/3, 1/3), so that
    # delta = (-3, 6, -3) / 16 and the variance of the difference is 2/3 * 54/256 = (3/8)^2.
    cast = votes(0, 1, a=3, b=1, annotator=1) + votes(0, 1, a=2, b=2, annotator=2)
    cast += votes(0, 1, a=3, b=1, annotator=3)
    assert rank(cast, 2, prior=0).interval_method == "cr3"
    expected = t.ppf(0.975, 2) * (3 / 8) / 2
    assert half_width(cast, 2, prior=0) == pytest.approx(expected, abs=1e-9)


def test_annotators_who_vote_much_count_for_fewer_annotators() -> None:
    # Twelve cast 20 votes and eight cast 60: (720)^2 / (12 * 20^2 + 8 * 60^2) = 15.43 of 20.
    cast = [
        (a, b, outcome, k)
        for k in range(20)
        for a, b, outcome, _ in random_cast(k, 3, 1, 20 if k < 12 else 60)
    ]
    counted = tally(cast, 3)
    strengths = fit_strengths(counted.half_win_matrix(), prior=0.5)
    spreads = [
        measure_spread(counted, strengths, prior=0.5, level=0.95, evenly=evenly)
        for evenly in (False, True)
    ]
    assert [spread.df for spread in spreads] == [pytest.approx(720**2 / 33_600), 19]
    assert np.array_equal(spreads[0].rows, spreads[1].rows)


def test_two_hundred_annotators_give_the_sandwich_worked_by_hand() -> None:
    # p = 3/4, H = 400 * 3/16 = 75, every G is +-1/2.
    cast = [vote for k in range(100) for vote in votes(0, 1, a=2, annotator=k)]
    cast += [vote for k in range(100, 200) for vote in votes(0, 1, a=1, b=1, annotator=k)]
    assert rank(cast, 2, prior=0).interval_method == "cr1"
    expected = t.ppf(0.975, 199) * math.sqrt(200 / 4 / 75**2 * 200 / 199) / 2
    assert half_width(cast, 2, prior=0) == pytest.approx(expected, abs=1e-9)


def test_each_group_has_its_own_method() -> None:
    cast = votes(0, 1, tie=2, annotator=1) + votes(1, 2, a=1, annotator=2)
    cast += votes(3, 4, a=1, b=1, annotator=3)
    assert rank(cast, 5).interval_method == "cr3+fisher"


def test_a_wider_level_gives_a_wider_interval() -> None:
    cast = votes(0, 1, a=3, b=2)
    ratio = half_width(cast, 2, level=0.99) / half_width(cast, 2, level=0.9)
    assert ratio == pytest.approx(norm.ppf(0.995) / norm.ppf(0.95), abs=1e-9)


def random_cast(seed: int, n: int, n_annotators: int, n_votes: int) -> list[Vote]:
    """Return votes at random, on random pairs by random annotators."""
    rng = np.random.default_rng(seed)
    a, b = draw_pairs(n, n_votes, rng)
    annotator = rng.integers(0, n_annotators, n_votes)
    return list(
        zip(
            a.tolist(),
            b.tolist(),
            rng.integers(0, 4, n_votes).tolist(),
            annotator.tolist(),
            strict=True,
        )
    )


def curvature(
    counted: Tally, strengths: FloatArray, prior: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return H (n, n), every H_a (annotators, n, n) and G (annotators, n), cell by cell."""
    n, n_annotators = counted.n_candidates, counted.n_annotators
    own = np.zeros((n_annotators, n, n))
    score = np.zeros((n_annotators, n))
    for k, i, j, count, wins in zip(
        counted.annotator, counted.first, counted.second, counted.votes, counted.half_wins,
        strict=True,
    ):  # fmt: skip
        contrast = np.zeros(n)
        contrast[[i, j]] = 1, -1
        p = expit(strengths[i] - strengths[j])
        own[k] += count * p * (1 - p) * np.outer(contrast, contrast)
        score[k] += (wins - count * p) * contrast
    phantom = np.diag(2 * prior * expit(strengths) * expit(-strengths))
    return own.sum(axis=0) + phantom, own, score


def written_out(counted: Tally, strengths: FloatArray, prior: float) -> FloatArray:
    """Return the CR3 covariance, every H - H_a inverted as it stands."""
    information, own, score = curvature(counted, strengths, prior)
    middle = np.eye(counted.n_candidates) - 1 / counted.n_candidates
    deltas = np.array(
        [
            -middle @ np.linalg.pinv(information - own_a, rcond=1e-9) @ score_a
            for own_a, score_a in zip(own, score, strict=True)
        ]
    )
    deltas -= deltas.mean(axis=0)
    return np.asarray((len(score) - 1) / len(score) * deltas.T @ deltas)


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 6),
    n_annotators=st.integers(8, 12),
    prior=st.sampled_from([0.0, 0.5]),
)
def test_the_jackknife_agrees_with_its_formula_written_out(
    seed: int, n: int, n_annotators: int, prior: float
) -> None:
    # Enough votes that no candidate is thin, and none joined by one annotator alone.
    counted = tally(random_cast(seed, n, n_annotators, 100 * n), n)
    strengths = fit_strengths(counted.half_win_matrix(), prior=prior)
    spread = measure_spread(counted, strengths, prior=prior, level=0.95)
    assert len(spread.rows) == n_annotators
    assert np.abs(spread.covariance - written_out(counted, strengths, prior)).max() < 1e-10


def test_the_sandwich_agrees_with_its_formula_written_out() -> None:
    # More annotators than are held at once.
    n, n_annotators = 4, 1500
    counted = tally(random_cast(3, n, n_annotators, 20_000), n)
    strengths = fit_strengths(counted.half_win_matrix(), prior=0)
    information, _, score = curvature(counted, strengths, 0)
    inverse = np.linalg.pinv(information, rcond=1e-9)
    expected = inverse @ score.T @ score @ inverse * n_annotators / (n_annotators - 1)
    spread = measure_spread(counted, strengths, prior=0, level=0.95)
    assert spread.method == IntervalMethod.CR1
    assert np.abs(spread.covariance - expected).max() < 1e-10


@pytest.mark.parametrize("prior", [0.0, 0.5])
def test_an_annotator_who_alone_joins_a_candidate_leaves_the_others_intervals(
    prior: float,
) -> None:
    cast = random_cast(1, 3, 10, 600)
    joined = cast + votes(0, 3, a=10, b=10, annotator=0)
    differences = []
    for some, n in ((cast, 3), (joined, 4)):
        counted = tally(some, n)
        strengths = fit_strengths(counted.half_win_matrix(), prior=prior)
        spread = measure_spread(counted, strengths, prior=prior, level=0.95)
        differences.append(pair_errors(spread.rows))
    before, after = differences
    assert after[:3, :3] == pytest.approx(before, rel=0.02)
    # Twenty votes at p = 1/2 between 3 and 0: at least Fisher's 1 / 5, before the t and centring.
    assert after[0, 3] > 0.8 * math.sqrt(1 / 5)


def test_unanimous_votes_get_fishers_interval_and_not_none() -> None:
    cast = [vote for k in range(20) for vote in votes(0, 1, a=1, annotator=k)]
    counted = tally(cast, 2)
    strengths = fit_strengths(counted.half_win_matrix(), prior=0.5)
    spread = measure_spread(counted, strengths, prior=0.5, level=0.95)
    gap = strengths[0] - strengths[1]
    known = 20 * expit(gap) * expit(-gap) + expit(strengths[0]) * expit(-strengths[0]) / 2
    assert spread.half_widths(0.95) == pytest.approx([Z / math.sqrt(known) / 2] * 2)


def test_who_is_nearly_unbeaten_gets_fishers_interval_at_least() -> None:
    cast = random_cast(2, 3, 20, 600)
    cast += [vote for k in range(20) for vote in votes(3, k % 3, a=1 + k % 2, annotator=k)]
    counted = tally(cast, 4)
    strengths = fit_strengths(counted.half_win_matrix(), prior=0.5)
    spread = measure_spread(counted, strengths, prior=0.5, level=0.95)
    known = Z * np.sqrt((spread.independent**2).sum(axis=0))
    clustered = t.ppf(0.975, 19) * np.sqrt(np.diag(written_out(counted, strengths, 0.5)))
    assert clustered[3] < 0.5 * known[3]
    assert spread.half_widths(0.95)[3] == pytest.approx(known[3])


def test_nothing_but_ties_gets_fishers_interval_and_not_none() -> None:
    cast = [vote for k in range(50) for vote in votes(0, 1, tie=1, annotator=k)]
    assert half_width(cast, 2, prior=0) == pytest.approx(Z / math.sqrt(50 / 4) / 2, abs=1e-9)


def test_at_every_moment_intervals_are_those_of_the_confidence_sequence() -> None:
    rows = np.diag([0.1, 0.2])
    spread = Spread(IntervalMethod.FISHER, math.inf, rows, rows)
    variance = np.array([0.01, 0.04])
    expected = confidence_radius(variance, alpha=0.1)
    assert spread.half_widths(0.9, anytime=True) == pytest.approx(expected)
    assert (expected > spread.half_widths(0.9)).all()
    few = Spread(IntervalMethod.CR3, 4, rows, rows)
    ratio = t.ppf(0.95, 4) / norm.ppf(0.95)
    wider = confidence_radius(variance * ratio**2, alpha=0.1)
    assert few.half_widths(0.9, anytime=True) == pytest.approx(wider)


def looks_held(world: World, truth: FloatArray, seed: int) -> FloatArray:
    """Return (2,) shares of candidates held at each of 15 looks, by fixed and anytime intervals."""
    rng = np.random.default_rng(seed)
    cast = world.gather(rng).vote(*draw_pairs(6, 1600, rng), rng)
    held = np.ones((2, 6), dtype=np.bool_)
    for n_votes in range(200, 1601, 100):
        table = {name: column[:n_votes] for name, column in ballots(cast).items()}
        counted, _ = count_votes(check_votes(**table, n_candidates=6))
        strengths = fit_strengths(counted.half_win_matrix(), prior=0.5)
        spread = measure_spread(counted, strengths, prior=0.5, level=0.95)
        error = np.abs(strengths - strengths.mean() - truth)
        widths = [spread.half_widths(0.95, anytime=anytime) for anytime in (False, True)]
        held &= error <= np.array(widths)
    return np.asarray(held.mean(axis=1))


@pytest.mark.slow
def test_who_looks_often_is_misled_by_fixed_intervals_and_not_by_those_of_every_moment() -> None:
    world = World(tuple(np.linspace(0.8, -0.8, 6)), n_annotators=20, taste=0.6)
    truth = world.true_strengths()
    fixed, anytime = np.mean([looks_held(world, truth, seed) for seed in range(60)], axis=0)
    assert fixed < 0.9
    assert anytime > 0.95


def covers(arena: Arena, truth: FloatArray, seed: int, n_annotators: int) -> FloatArray:
    """Return (2, n) whether the clustered and the independent interval held the truth."""
    rng = np.random.default_rng(seed)
    n, n_votes = len(truth), 800
    a, b = draw_pairs(n, n_votes, rng)
    cast = arena.vote(rng.integers(0, n_annotators, n_votes), rng, a, b)
    counted = tally(np.column_stack(list(cast.values())).tolist(), n)
    strengths = fit_strengths(counted.half_win_matrix(), prior=0.5)
    clustered = measure_spread(counted, strengths, prior=0.5, level=0.95)
    naive = Spread(IntervalMethod.FISHER, math.inf, clustered.independent, clustered.independent)
    error = np.abs(strengths - strengths.mean() - truth)
    return np.array([error <= spread.half_widths(0.95) for spread in (clustered, naive)])


def test_clustered_intervals_cover_annotators_taste_and_independent_ones_do_not() -> None:
    arena = Arena(np.linspace(-0.8, 0.8, 6), taste=1.0, spam=0.1)
    truth = arena.true_strengths(np.random.default_rng(0))
    held = np.array([covers(arena, truth, seed, n_annotators=20) for seed in range(400)])
    clustered, naive = held.mean(axis=(0, 2))
    # 2,400 intervals; those of one simulation move together, so the error is about .008.
    assert 0.92 < clustered < 0.975
    assert naive < 0.85


def test_arena_columns_are_votes() -> None:
    rng = np.random.default_rng(0)
    a, b = draw_pairs(4, 50, rng)
    cast = Arena(np.zeros(4)).vote(rng.integers(0, 3, 50), rng, a, b)
    assert list(cast) == list(columns([]))
    assert (a != b).all()
