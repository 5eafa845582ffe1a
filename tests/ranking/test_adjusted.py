"""Adjusted views: the plain ranking without an adjustment, the truth with it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.ranking import RankingSettings, Standing, rank_candidates
from annotate.ranking.adjusted import AdjustedGroup, rank_adjusted
from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.contextual import Design, fit_contextual
from annotate.ranking.contextual_spread import measure_contextual_spread
from annotate.ranking.methods import Clustering
from annotate.ranking.votes import check_votes
from benchmarks.ranking.worlds import World, ballots, draw_pairs
from tests.ranking.columns import columns, votes

STRENGTHS = (-1.0, -0.4, 0.0, 0.3, 1.1)
Cast = dict[str, IntArray]


def gather(world: World, n_votes: int, seed: int = 0) -> Cast:
    rng = np.random.default_rng(seed)
    return world.gather(rng).vote(*draw_pairs(world.n_candidates, n_votes, rng), rng)


def adjust(
    cast: Cast, covariates: FloatArray | None = None, n: int = 5, **options: Any
) -> list[AdjustedGroup]:
    """Rank votes of a simulated world; without covariates unless some are given."""
    if covariates is None:
        covariates = np.empty((len(cast["outcome"]), 0))
    settings = RankingSettings(**{"n_resamples": 100} | options.pop("settings", {}))
    others = {
        Clustering.ANNOTATOR_PAIR: cast["pair"], Clustering.ANNOTATOR_PROMPT: cast["prompt"],
    } if "pair" in cast else {}  # fmt: skip
    return rank_adjusted(
        check_votes(**ballots(cast), n_candidates=n), covariates=covariates, settings=settings,
        others=others, **options,
    )  # fmt: skip


def sides(cast: Cast) -> FloatArray:
    return cast["side"][:, None].astype(np.float64)


def plain(cast: Cast, n: int, **settings: Any) -> dict[int, Standing]:
    fit = rank_candidates(
        **ballots(cast), pair=cast["pair"], prompt=cast["prompt"], n_candidates=n,
        settings=RankingSettings(n_resamples=100, **settings),
    )  # fmt: skip
    return {standing.candidate: standing for standing in fit.standings}


@pytest.mark.parametrize("n_annotators", [1, 2, 12, 240])
@pytest.mark.parametrize("prior", [0.0, 0.5])
@pytest.mark.parametrize(
    "chosen", [{"clusters": "annotator"}, {"clusters": "widest"}, {"anytime": True}]
)
def test_without_an_adjustment_it_is_the_plain_ranking(
    n_annotators: int, prior: float, chosen: dict[str, Any]
) -> None:
    """Strengths, intervals and ranks, however votes are clustered."""
    world = World(
        STRENGTHS, n_annotators=n_annotators, taste=0.5, activity_skew=1.0, prompt_sd=0.8,
        n_prompts=12,
    )  # fmt: skip
    cast = gather(world, 900)
    expected = plain(cast, 5, prior=prior, **chosen)
    (group,) = adjust(cast, settings=chosen | {"prior": prior})
    assert group.half_widths is not None
    for place, member in enumerate(group.members.tolist()):
        standing = expected[member]
        assert standing.low is not None
        assert standing.high is not None
        assert group.strengths[place] == pytest.approx(standing.strength, abs=1e-9)
        reach = (standing.high - standing.low) / 2
        assert group.half_widths[place] == pytest.approx(reach, abs=1e-9)
        assert group.ranks[place] == standing.rank


def test_without_an_adjustment_groups_are_those_of_the_plain_ranking() -> None:
    cast = columns(
        [*votes(0, 1, a=3, b=1), *votes(0, 1, annotator=1, a=1, b=2, tie=2),
         *votes(2, 3, annotator=1, a=2, b=1), *votes(2, 3, annotator=2, tie=1, b=3)]
    )  # fmt: skip
    found = adjust(cast, n=6)
    assert [group.members.tolist() for group in found] == [[0, 1], [2, 3]]
    fit = rank_candidates(**cast, n_candidates=6, settings=RankingSettings(n_resamples=100))
    expected = {standing.candidate: standing for standing in fit.standings}
    for group in found:
        for member, strength in zip(group.members.tolist(), group.strengths, strict=True):
            assert strength == pytest.approx(expected[member].strength, abs=1e-9)


def test_side_effect_that_was_planted_is_found() -> None:
    world = World(STRENGTHS, tie_weight=0.0, side_bias=0.5, n_annotators=30)
    cast = gather(world, 20_000)
    (group,) = adjust(cast, sides(cast))
    assert group.coefficients == pytest.approx([0.5], abs=0.06)
    assert group.coefficient_half_widths[0] < 0.06
    np.testing.assert_allclose(group.strengths, STRENGTHS, atol=0.08)


def test_strengths_stay_true_where_sides_are_unbalanced() -> None:
    """The weakest nearly always stands on the left, and the left is preferred."""
    world = World((-0.5, 0.0, 0.5), tie_weight=0.0, side_bias=1.0, n_annotators=30)
    cast = gather(world, 12_000)
    kept = (cast["candidate_a"] != 0) | (cast["side"] == 1)
    kept &= (cast["candidate_b"] != 0) | (cast["side"] == -1)
    cast = {name: column[kept] for name, column in cast.items()}
    (naive,) = adjust(cast, n=3)
    (group,) = adjust(cast, sides(cast), n=3)
    assert abs(naive.strengths[0] + 0.5) > 0.3
    np.testing.assert_allclose(group.strengths, [-0.5, 0.0, 0.5], atol=0.12)


def test_style_that_was_planted_is_taken_out() -> None:
    """Longer replies win, and the weakest candidate writes them."""
    rng = np.random.default_rng(5)
    a, b = draw_pairs(3, 12_000, rng)
    truth, length = np.array([-0.5, 0.0, 0.5]), np.array([1.0, 0.0, 0.0])
    contrast = length[a] - length[b] + rng.normal(0, 0.5, 12_000)
    chance = 1 / (1 + np.exp(-(truth[a] - truth[b] + 0.8 * contrast)))
    outcome = (rng.random(12_000) > chance).astype(np.int64)
    cast = {"candidate_a": a, "candidate_b": b, "outcome": outcome}
    cast["annotator"] = rng.integers(0, 40, 12_000)
    (naive,) = adjust(cast, n=3)
    (group,) = adjust(cast, contrast[:, None], n=3)
    assert naive.strengths[0] > naive.strengths[1] + 0.2
    np.testing.assert_allclose(group.strengths, truth, atol=0.12)
    assert group.coefficients == pytest.approx([0.8], abs=0.08)


def test_intervals_of_strengths_and_side_cover() -> None:
    world = World(STRENGTHS, tie_weight=0.0, taste=0.4, side_bias=0.3, side_bias_sd=0.4)
    bias_seen, inside = [], []
    truth = world.true_strengths()
    for seed in range(60):
        cast = gather(world, 1200, seed)
        (group,) = adjust(cast, sides(cast), settings={"clusters": "annotator"})
        assert group.half_widths is not None
        inside.extend(np.abs(group.strengths - truth) < group.half_widths)
        bias_seen.append(np.abs(group.coefficients[0] - 0.28) < group.coefficient_half_widths[0])
    assert 0.91 < np.mean(inside) < 0.99
    assert np.mean(bias_seen) > 0.87


@given(st.integers(0, 10_000), st.booleans())
def test_swapping_sides_of_any_votes_changes_nothing(seed: int, widest: bool) -> None:
    cast = gather(World(STRENGTHS, n_annotators=6, side_bias=0.4, n_prompts=8), 120, seed)
    swap = np.random.default_rng(seed + 1).random(120) < 0.5
    turned = cast | {
        "candidate_a": np.where(swap, cast["candidate_b"], cast["candidate_a"]),
        "candidate_b": np.where(swap, cast["candidate_a"], cast["candidate_b"]),
        "outcome": np.where(swap, np.array([1, 0, 2, 3])[cast["outcome"]], cast["outcome"]),
        "side": np.where(swap, -cast["side"], cast["side"]),
    }
    chosen = {"clusters": "widest" if widest else "annotator"}
    there, back = (adjust(each, sides(each), settings=chosen) for each in (cast, turned))
    for first, second in zip(there, back, strict=True):
        np.testing.assert_allclose(first.strengths, second.strengths, atol=1e-9)
        np.testing.assert_allclose(first.coefficients, second.coefficients, atol=1e-9)
        assert first.half_widths == pytest.approx(second.half_widths, abs=1e-9)


def test_doubled_votes_are_votes_of_weight_two() -> None:
    """Clustered errors of doubled votes are those of single ones: the same annotators voted."""
    cast = gather(World(STRENGTHS, n_annotators=20, taste=0.4), 400)
    twice = {name: np.tile(column, 2) for name, column in cast.items()}
    chosen = {"clusters": "annotator"}
    (doubled,) = adjust(twice, sides(twice), settings=chosen)
    (weighed,) = adjust(cast, sides(cast), weights=np.full(400, 2.0), settings=chosen)
    np.testing.assert_allclose(doubled.strengths, weighed.strengths, atol=1e-9)
    np.testing.assert_allclose(doubled.coefficients, weighed.coefficients, atol=1e-9)
    assert doubled.half_widths == pytest.approx(weighed.half_widths, abs=1e-9)
    assert doubled.coefficient_half_widths == pytest.approx(weighed.coefficient_half_widths)


def test_weights_bring_back_the_even_design() -> None:
    """Where no strengths are quite true, they hang on which pairs are drawn how often."""
    beats = np.array([[0.5, 0.9, 0.3], [0.1, 0.5, 0.8], [0.7, 0.2, 0.5]])
    rng = np.random.default_rng(3)
    a, b = draw_pairs(3, 60_000, rng)
    outcome = (rng.random(60_000) > beats[a, b]).astype(np.int64)
    even = {"candidate_a": a, "candidate_b": b, "outcome": outcome}
    even["annotator"] = rng.integers(0, 50, 60_000)
    is_rare = a + b == 1
    kept = ~is_rare | (rng.random(60_000) < 0.1)
    uneven = {name: column[kept] for name, column in even.items()}
    weights = np.where(is_rare[kept], 10.0, 1.0)
    truth, naive = adjust(even, n=3)[0].strengths, adjust(uneven, n=3)[0].strengths
    (group,) = adjust(uneven, n=3, weights=weights / weights.mean())
    assert np.abs(naive - truth).max() > 0.2
    assert group.half_widths is not None
    assert (np.abs(group.strengths - truth) < group.half_widths).all()


def test_a_covariate_without_variation_has_no_coefficient() -> None:
    cast = gather(World(STRENGTHS, n_annotators=8), 200)
    (group,) = adjust(cast, np.column_stack([np.zeros(200), sides(cast)]))
    assert np.isnan(group.coefficients[0])
    assert np.isnan(group.coefficient_half_widths[0])
    assert np.isfinite(group.coefficients[1])


def test_votes_all_for_the_left_have_a_finite_side_effect() -> None:
    cast = columns([*votes(0, 1, a=4), *votes(1, 0, annotator=1, a=4)])
    (group,) = adjust(cast, np.ones((8, 1)), n=2)
    assert 1 < group.coefficients[0] < 4
    assert group.strengths == pytest.approx([0, 0], abs=1e-9)
    assert group.half_widths is not None
    assert np.isfinite(group.half_widths).all()


def test_jackknife_without_a_phantom_leaves_parts_where_they_were() -> None:
    """Annotator 0 alone joins 0-1 to 2-3: leaving them out says nothing of that distance."""
    cast = columns(
        [*votes(0, 1, annotator=1, a=3, b=2), *votes(0, 1, annotator=2, a=2, b=3),
         *votes(2, 3, annotator=1, a=1, b=3), *votes(2, 3, annotator=2, a=3, b=3),
         *votes(1, 2, annotator=0, a=4, b=3)]
    )  # fmt: skip
    (group,) = adjust(cast, np.ones((27, 1)), n=4, settings={"prior": 0.0})
    assert group.half_widths is not None
    assert np.isfinite(group.half_widths).all()
    assert (group.half_widths > 0.3).all()


def test_information_and_slope_are_those_of_the_likelihood() -> None:
    """The errors as if votes were independent, from a likelihood written down again."""
    rng = np.random.default_rng(6)
    design = Design(
        first=rng.integers(0, 2, 60), second=rng.integers(2, 4, 60),
        half_wins=rng.choice([0, 0.5, 1], 60), covariates=rng.normal(0, 1, (60, 2)),
        weights=np.ones(60), n_candidates=4,
    )  # fmt: skip
    place = fit_contextual(design, prior=0.5)

    def log_posterior(at: FloatArray) -> float:
        logit = at[design.first] - at[design.second] + design.covariates @ at[4:]
        p = 1 / (1 + np.exp(-logit))
        told = design.half_wins * np.log(p) + (1 - design.half_wins) * np.log(1 - p)
        phantom = 1 / (1 + np.exp(-at[:4]))
        known = 0.5 * (np.log(phantom) + np.log(1 - phantom)).sum()
        return float(told.sum() + known - (at[4:] ** 2).sum() / 2)

    steps = 1e-4 * np.eye(6)
    slope = [log_posterior(place + h) - log_posterior(place - h) for h in steps]
    np.testing.assert_allclose(slope, 0, atol=1e-9)
    curve = -np.array(
        [
            [
                log_posterior(place + h + k) - log_posterior(place + h - k)
                - log_posterior(place - h + k) + log_posterior(place - h - k)
                for h in steps
            ]
            for k in steps
        ]
    ) / 4e-8  # fmt: skip
    alone = measure_contextual_spread(
        design, place, prior=0.5, annotator=np.zeros(60, dtype=np.int64), others={}
    )
    centre = np.eye(6)
    centre[:4, :4] -= 1 / 4
    np.testing.assert_allclose(
        alone.covariance, centre @ np.linalg.inv(curve) @ centre, rtol=1e-3, atol=1e-5
    )


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(1, 3), st.integers(0, 3), st.integers(0, 3),
            st.integers(-1, 1),
        ),
        max_size=25,
    ),
    st.sampled_from([0.0, 0.5]),
)  # fmt: skip
def test_any_votes_give_finite_numbers_or_none(
    told: list[tuple[int, int, int, int, int]], prior: float
) -> None:
    cast = columns((a, (a + step) % 4, outcome, who) for a, step, outcome, who, _side in told)
    side = np.array([row[4] for row in told], dtype=np.float64).reshape(-1, 1)
    weights = np.linspace(0.5, 1.5, len(told))
    for group in adjust(cast, side, n=4, weights=weights, settings={"prior": prior}):
        assert np.isfinite(group.strengths).all()
        if group.half_widths is not None:
            assert np.isfinite(group.half_widths).all()
            assert (group.half_widths > 0).all()
        if len(group.members) > 1 and np.isfinite(group.coefficients[0]):
            assert np.isfinite(group.coefficient_half_widths[0])
