"""Two-way clusters agree with the formula written out, and cover where prompts matter."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from annotate.ranking import RankingSettings, rank_candidates
from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.clustered import centre
from annotate.ranking.crossed import Crossing, check_clusters, cross_votes, sandwich
from annotate.ranking.methods import Clustering, IntervalMethod
from annotate.ranking.spread import (
    Fitted,
    Spread,
    cluster_annotators,
    cross_spread,
    find_widest,
    measure_spread,
)
from annotate.ranking.strengths import fit_strengths, information
from annotate.ranking.tally import Tally, count_votes
from annotate.ranking.votes import VoteColumns, check_votes
from benchmarks.ranking.worlds import World, ballots, draw_pairs

Votes = Mapping[str, IntArray]
FLAT = World(tuple(np.linspace(-0.6, 0.6, 6)), n_annotators=20, taste=0.4, n_prompts=30)
TWO_WAYS = ((Clustering.ANNOTATOR_PAIR, "pair"), (Clustering.ANNOTATOR_PROMPT, "prompt"))


def cast(world: World, n_votes: int, seed: int) -> Votes:
    rng = np.random.default_rng(seed)
    crowd = world.gather(rng)
    return crowd.vote(*draw_pairs(world.n_candidates, n_votes, rng), rng)


def count(votes: Votes, n: int) -> tuple[VoteColumns, Tally, FloatArray]:
    columns = check_votes(**ballots(votes), n_candidates=n)
    tally, _ = count_votes(columns)
    return columns, tally, fit_strengths(tally.half_win_matrix(), prior=0.5)


def crossings(columns: VoteColumns, votes: Votes) -> list[Crossing]:
    return cross_votes(columns, [(by, votes[name]) for by, name in TWO_WAYS])


def measure(votes: Votes, n: int) -> tuple[FloatArray, Spread, Spread]:
    """Return strengths, and their spread by annotator alone and as shipped."""
    columns, tally, strengths = count(votes, n)
    alone = measure_spread(tally, strengths, prior=0.5, level=0.95)
    widest = measure_spread(
        tally, strengths, prior=0.5, level=0.95, crossings=crossings(columns, votes)
    )
    return strengths - strengths.mean(), alone, widest


def scores_of(votes: Votes, cluster: IntArray, strengths: FloatArray) -> FloatArray:
    """Return (clusters, n) the scores, vote by vote."""
    _, place = np.unique(cluster, return_inverse=True)
    scores = np.zeros((place.max() + 1, len(strengths)))
    for k, a, b, outcome in zip(
        place, votes["candidate_a"], votes["candidate_b"], votes["outcome"], strict=True
    ):
        excess = (1.0, 0.0, 0.5)[outcome] - expit(strengths[a] - strengths[b])
        scores[k, a] += excess
        scores[k, b] -= excess
    return scores


def test_two_ways_add_the_covariances_of_both_and_take_off_that_of_their_meeting() -> None:
    # 250 annotators and 300 prompts, so that all three are the plain sandwich.
    votes = cast(replace(FLAT, n_annotators=250, n_prompts=300), 2500, seed=1)
    columns, tally, strengths = count(votes, 6)
    half_wins = tally.half_win_matrix()
    curve = information(strengths, half_wins + half_wins.T, 0.5)
    fit = Fitted(strengths, curve, np.linalg.inv(curve))
    (_, crossing) = crossings(columns, votes)
    found = cross_spread(cluster_annotators(tally, fit), crossing, fit)

    def covariance(cluster: IntArray) -> FloatArray:
        scores = scores_of(votes, cluster, strengths)
        bread = np.linalg.inv(curve) @ (np.eye(6) - 1 / 6)
        n_clusters = len(scores)
        return np.asarray(bread.T @ scores.T @ scores @ bread * n_clusters / (n_clusters - 1))

    meeting = votes["annotator"] * 1000 + votes["prompt"]
    expected = covariance(votes["annotator"]) + covariance(votes["prompt"]) - covariance(meeting)
    assert (np.linalg.eigvalsh(expected) > -1e-12).all()
    assert found.covariance == pytest.approx(expected, abs=1e-12)
    cast_each = np.bincount(votes["annotator"])
    assert found.df == pytest.approx(2500**2 / (cast_each**2).sum())
    assert found.clusters == Clustering.ANNOTATOR_PROMPT


@pytest.mark.parametrize("n_prompts", [3, 30, 100])
@pytest.mark.parametrize("which", [0, 1])
def test_clusters_of_few_votes_and_of_many_give_the_sandwich(n_prompts: int, which: int) -> None:
    # A pair of completions has 16, 2 or no votes beside the first, a prompt 233, 23 or 7.
    votes = cast(replace(FLAT, n_prompts=n_prompts), 700, seed=2)
    columns, tally, strengths = count(votes, 6)
    crossing = crossings(columns, votes)[which]
    half_wins = tally.half_win_matrix()
    bread = centre(np.linalg.inv(information(strengths, half_wins + half_wins.T, 0.5)))
    scores = scores_of(votes, votes[("pair", "prompt")[which]], strengths)
    expected = bread.T @ scores.T @ scores @ bread * len(scores) / (len(scores) - 1)
    assert sandwich(crossing.other, strengths, bread) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_a_covariance_of_few_clusters_has_no_direction_below_zero(seed: int) -> None:
    votes = cast(replace(FLAT, n_annotators=5, n_prompts=6), 300, seed=seed)
    columns, tally, strengths = count(votes, 6)
    half_wins = tally.half_win_matrix()
    curve = information(strengths, half_wins + half_wins.T, 0.5)
    fit = Fitted(strengths, curve, np.linalg.inv(curve))
    own = cluster_annotators(tally, fit)
    for crossing in crossings(columns, votes):
        found = cross_spread(own, crossing, fit)
        values = np.linalg.eigvalsh(found.covariance)
        assert values.min() > -1e-12
        assert found.df == 4


def test_the_widest_has_the_largest_total_variance_and_the_first_of_equals() -> None:
    def spread(errors: list[float], clusters: Clustering) -> Spread:
        rows = np.diag(errors)
        return Spread(IntervalMethod.CR3, 9, rows, rows, clusters)

    own = spread([1.0, 1.0], Clustering.ANNOTATOR)
    same = spread([1.0, 1.0], Clustering.ANNOTATOR_PAIR)
    uneven = spread([1.5, 0.1], Clustering.ANNOTATOR_PROMPT)
    assert find_widest([own, same]) is own
    assert find_widest([own, same, uneven]) is uneven


@pytest.mark.slow
def test_prompts_that_correlate_votes_widen_intervals_until_they_cover() -> None:
    world = replace(FLAT, prompt_sd=1.0, n_prompts=12)
    truth = world.true_strengths()
    held = []
    for seed in range(250):
        strengths, alone, widest = measure(cast(world, 800, seed), 6)
        assert widest.clusters == Clustering.ANNOTATOR_PROMPT
        error = np.abs(strengths - truth)
        held.append([error <= spread.half_widths(0.95) for spread in (alone, widest)])
    by_annotator, shipped = np.mean(held, axis=(0, 2))
    # 1,500 intervals in 250 simulations: an error of about .01.
    assert by_annotator < 0.85
    assert 0.92 < shipped < 0.985


def test_prompts_that_do_not_matter_widen_intervals_by_little() -> None:
    ratios = []
    for seed in range(100):
        _, alone, widest = measure(cast(FLAT, 800, seed), 6)
        assert (widest.rows**2).sum() >= (alone.rows**2).sum()
        ratios.append(widest.half_widths(0.95).mean() / alone.half_widths(0.95).mean())
    assert np.mean(ratios) < 1.06


def test_a_single_annotator_is_clustered_by_prompts_that_correlate_the_votes() -> None:
    world = replace(FLAT, n_annotators=1, taste=0.0, prompt_sd=1.0, n_prompts=40)
    truth = world.true_strengths()
    held, used = [], set()
    for seed in range(150):
        strengths, alone, widest = measure(cast(world, 800, seed), 6)
        assert alone.clusters == Clustering.NONE
        used.add(widest.clusters)
        error = np.abs(strengths - truth)
        held.append([error <= spread.half_widths(0.95) for spread in (alone, widest)])
    by_fisher, shipped = np.mean(held, axis=(0, 2))
    assert used == {Clustering.PROMPT}
    assert by_fisher < 0.91
    assert 0.92 < shipped < 0.985


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(np.arange(800), id="every vote under a prompt of its own"),
        pytest.param(np.arange(800) % 4, id="four prompts"),
        pytest.param(np.zeros(800, dtype=int), id="one prompt"),
    ],
)
def test_clusters_that_cannot_tell_leave_the_ranking_as_it_is(column: IntArray) -> None:
    votes = ballots(cast(FLAT, 800, 3))
    settings = RankingSettings(n_resamples=100)
    without = rank_candidates(**votes, n_candidates=6, settings=settings)
    found = rank_candidates(**votes, n_candidates=6, settings=settings, prompt=column)
    assert found == without
    assert found.clusters == "annotator"


def test_prompts_each_of_one_annotator_leave_the_ranking_as_it_is() -> None:
    votes = ballots(cast(FLAT, 800, 3))
    own = votes["annotator"] * 3 + np.arange(800) % 3
    settings = RankingSettings(n_resamples=100)
    without = rank_candidates(**votes, n_candidates=6, settings=settings)
    assert rank_candidates(**votes, n_candidates=6, settings=settings, prompt=own) == without


def test_settings_that_ask_for_annotators_look_at_nothing_else() -> None:
    votes = cast(replace(FLAT, prompt_sd=1.0), 800, 4)
    fits = {
        clusters: rank_candidates(
            **ballots(votes), n_candidates=6, pair=votes["pair"], prompt=votes["prompt"],
            settings=RankingSettings(n_resamples=100, clusters=clusters),
        )
        for clusters in ("annotator", "widest")
    }  # fmt: skip
    alone = rank_candidates(
        **ballots(votes), n_candidates=6,
        settings=RankingSettings(n_resamples=100, clusters="annotator"),
    )  # fmt: skip
    assert fits["annotator"] == alone
    assert (fits["annotator"].clusters, fits["widest"].clusters) == (
        "annotator",
        "annotator_prompt",
    )


@pytest.mark.parametrize("seed", range(8))
def test_neither_order_nor_sides_of_votes_change_a_ranking_of_two_ways(seed: int) -> None:
    votes = cast(replace(FLAT, prompt_sd=0.8, n_prompts=12), 400, seed)
    rng = np.random.default_rng(seed)
    order, swap = rng.permutation(400), rng.random(400) < 0.5
    a, b, outcome = votes["candidate_a"], votes["candidate_b"], votes["outcome"]
    turned = {
        **votes,
        "candidate_a": np.where(swap, b, a),
        "candidate_b": np.where(swap, a, b),
        "outcome": np.where(swap, np.array([1, 0, 2, 3])[outcome], outcome),
    }
    moved = {name: column[order] for name, column in turned.items()}
    fits = [
        rank_candidates(
            **ballots(some), n_candidates=6, pair=some["pair"], prompt=some["prompt"],
            settings=RankingSettings(n_resamples=100),
        )
        for some in (votes, moved)
    ]  # fmt: skip
    assert fits[0] == fits[1]
    assert fits[0].clusters == "annotator_prompt"


def test_numbers_of_prompts_may_have_gaps() -> None:
    votes = cast(replace(FLAT, prompt_sd=1.0), 800, 5)
    settings = RankingSettings(n_resamples=100)
    fits = [
        rank_candidates(**ballots(votes), n_candidates=6, settings=settings, prompt=prompt)
        for prompt in (votes["prompt"], votes["prompt"] * 10**9 + 7)
    ]
    assert fits[0] == fits[1]


def test_each_group_is_clustered_by_its_own_votes() -> None:
    first = cast(replace(FLAT, prompt_sd=1.2), 800, 6)
    second = cast(replace(FLAT, taste=1.5, n_annotators=8), 800, 9)
    both = {name: np.concatenate([first[name], second[name]]) for name in first}
    for side in ("candidate_a", "candidate_b"):
        both[side][800:] += 6
    for name in ("annotator", "prompt"):
        both[name][800:] += 1000
    fit = rank_candidates(
        **ballots(both), n_candidates=12, prompt=both["prompt"],
        settings=RankingSettings(n_resamples=100),
    )  # fmt: skip
    assert fit.clusters == "annotator_prompt+annotator"


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([0, 1], r"^prompt has shape \(2,\): it must be \(3,\), one a vote"),
        ([[0, 1, 2]], r"^prompt has shape \(1, 3\)"),
        ([0.0, 1.0, 2.0], "^prompt holds float64: it must hold integers"),
        ([0, -2, 1], "^prompt at position 1 is -2: it must be an index of 0 or more"),
    ],
)
def test_clusters_that_are_no_column_of_the_votes_are_refused(
    column: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check_clusters("prompt", column, n_votes=3)
