"""Errors of the annotator model's strengths, against leaving annotators out and the truth."""

import numpy as np
import pytest

from annotate.ranking.annotator_spread import CommonSpread, measure_common_spread
from annotate.ranking.annotators import AnnotatorFit, fit_annotators
from annotate.ranking.arrays import BoolArray, IntArray
from annotate.ranking.methods import Clustering, IntervalMethod
from annotate.ranking.votes import check_votes
from benchmarks.ranking.worlds import World, ballots, draw_pairs

WORLD = World(tuple(np.linspace(-1, 1, 6)), n_annotators=25, taste=0.4, side_bias=0.3)
Cast = dict[str, IntArray]


def gather(world: World, n_votes: int, seed: int) -> Cast:
    rng = np.random.default_rng(seed)
    return world.gather(rng).vote(*draw_pairs(world.n_candidates, n_votes, rng), rng)


def fit(cast: Cast, kept: BoolArray | slice = slice(None)) -> AnnotatorFit:
    columns = {name: column[kept] for name, column in ballots(cast).items()}
    return fit_annotators(
        **columns, side=cast["side"][kept], n_candidates=6,
        n_annotators=int(cast["annotator"].max()) + 1,
    )  # fmt: skip


def measure(cast: Cast) -> CommonSpread:
    columns = check_votes(**ballots(cast), n_candidates=6)
    return measure_common_spread(columns, cast["side"], fit(cast))


def test_errors_are_those_of_leaving_each_annotator_out() -> None:
    """Fitted anew without each of them, against one step of Newton's method."""
    cast = gather(WORLD, 1500, seed=0)
    left_out = []
    for annotator in range(25):
        found = fit(cast, cast["annotator"] != annotator)
        tie = np.exp(np.delete(np.log(found.tie), annotator).mean())
        left_out.append(found.strengths / (1 + tie / 2))
    moved = np.array(left_out) - np.mean(left_out, axis=0)
    expected = np.sqrt((moved**2).sum(axis=0) * 24 / 25)
    errors = np.sqrt(np.diag(measure(cast).spread.covariance))
    np.testing.assert_allclose(errors, expected, rtol=0.12)


def test_errors_by_prompt_are_those_of_leaving_each_prompt_out() -> None:
    world = World(WORLD.strengths, n_annotators=25, n_prompts=8, prompt_sd=1.0)
    cast = gather(world, 2000, seed=4)
    left_out = []
    for prompt in range(8):
        found = fit(cast, cast["prompt"] != prompt)
        left_out.append(found.strengths / (1 + np.exp(np.log(found.tie).mean()) / 2))
    moved = np.array(left_out) - np.mean(left_out, axis=0)
    by_prompt = (moved**2).sum(axis=0) * 7 / 8
    columns = check_votes(**ballots(cast), n_candidates=6)
    others = {Clustering.ANNOTATOR_PROMPT: cast["prompt"]}
    found = measure_common_spread(columns, cast["side"], fit(cast), others=others).spread
    alone = measure(cast).spread
    assert found.clusters == Clustering.ANNOTATOR_PROMPT
    assert found.df == 7
    assert 22 < alone.df <= 24
    # Annotators do not differ here, so that what they add is about what both share.
    np.testing.assert_allclose(np.diag(found.covariance), by_prompt, rtol=0.35)
    assert (np.diag(found.covariance) > 2 * np.diag(alone.covariance)).all()


def test_strengths_are_on_the_scale_of_half_wins() -> None:
    """Where annotators are alike it is what half-wins alone give, but for the priors."""
    world = World((-0.5, -0.3, -0.1, 0.1, 0.3, 0.5), n_annotators=25, tie_weight=1.0)
    cast = gather(world, 20_000, seed=1)
    found = measure(cast)
    assert found.scale == pytest.approx(1.5, abs=0.05)
    np.testing.assert_allclose(found.strengths, world.true_strengths(), atol=0.06)


def test_intervals_cover_where_annotators_differ_in_taste() -> None:
    """The truth: how an annotator of reliability 1 and no taste of their own votes."""
    world = World((-0.6, -0.3, 0.0, 0.1, 0.3, 0.5), n_annotators=25, taste=0.4, side_bias=0.3)
    inside, naive = [], []
    for seed in range(40):
        found = measure(gather(world, 1000, seed))
        scaled = np.array(world.strengths) / found.scale
        apart = np.abs(found.strengths - (scaled - scaled.mean()))
        inside.extend(apart < found.spread.half_widths(0.95))
        naive.extend(apart < 1.96 * np.sqrt((found.spread.independent**2).sum(axis=0)))
    assert 0.9 < np.mean(inside) < 0.985
    assert np.mean(naive) < np.mean(inside)


def test_many_annotators_have_the_sandwich_and_few_the_jackknife() -> None:
    few = World(WORLD.strengths, n_annotators=150, taste=0.4)
    many = World(WORLD.strengths, n_annotators=260, taste=0.4)
    spreads = [measure(gather(world, 5200, seed=2)).spread for world in (few, many)]
    assert [spread.method for spread in spreads] == [IntervalMethod.CR3, IntervalMethod.CR1]
    errors = [np.sqrt(np.diag(spread.covariance)).mean() for spread in spreads]
    assert errors[0] == pytest.approx(errors[1], rel=0.15)


def test_one_annotator_is_refused() -> None:
    cast = gather(World(WORLD.strengths, n_annotators=1), 60, seed=3)
    with pytest.raises(ValueError, match=r"^one annotator: errors clustered by annotator need two"):
        measure(cast)
