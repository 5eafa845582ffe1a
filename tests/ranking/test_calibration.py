"""Votes are foretold by fits that did not see them, and the bins say how well."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.ranking.calibration import bin_votes, deal_folds, foretell, log_losses
from annotate.ranking.votes import VoteColumns, check_votes
from benchmarks.ranking.worlds import World, ballots, draw_pairs
from tests.ranking.columns import columns, votes

WORLD = World(strengths=(-0.9, -0.3, 0.0, 0.4, 0.8), n_annotators=30, taste=0.3)


def simulate(n_votes: int, seed: int, world: World = WORLD) -> VoteColumns:
    rng = np.random.default_rng(seed)
    cast = world.gather(rng).vote(*draw_pairs(world.n_candidates, n_votes, rng), rng)
    return check_votes(**ballots(cast), n_candidates=world.n_candidates)


def folds(cast: VoteColumns, n_folds: int = 5) -> np.ndarray:
    return deal_folds(cast.annotator, n_folds=n_folds, rng=np.random.default_rng(0))


def test_folds_keep_an_annotator_together_and_are_about_equal() -> None:
    annotator = np.random.default_rng(1).integers(0, 40, 1000)
    fold = deal_folds(annotator, n_folds=4, rng=np.random.default_rng(0))
    assert all(len(set(fold[annotator == each])) == 1 for each in range(40))
    assert np.bincount(fold, minlength=4).min() > 200


def test_a_vote_is_foretold_without_itself() -> None:
    """Turning all votes of one fold around changes no forecast of that fold."""
    cast = simulate(400, seed=2)
    fold = folds(cast)
    mirrored = np.where(fold == 3, np.array([1, 0, 2, 3])[cast.outcome], cast.outcome)
    turned = VoteColumns(cast.candidate_a, cast.candidate_b, mirrored, cast.annotator, 5)
    there, back = (foretell(each, fold=fold, prior=0.5).chances for each in (cast, turned))
    np.testing.assert_array_equal(there[fold == 3], back[fold == 3])
    assert np.abs(there[fold == 2] - back[fold == 2]).max() > 0.01


def test_candidates_that_the_other_votes_do_not_join_are_not_foretold() -> None:
    cast = check_votes(
        **columns(
            [*votes(0, 1, annotator=0, a=3, b=2), *votes(0, 1, annotator=1, a=2, b=3),
             *votes(1, 2, annotator=1, a=1)]
        ),
        n_candidates=3,
    )  # fmt: skip
    told = foretell(cast, fold=cast.annotator, prior=0.5)
    assert told.is_known.tolist() == [True] * 10 + [False]
    assert np.isnan(told.chances[10]).all()


def test_forecasts_of_the_true_model_beat_base_rates() -> None:
    cast = simulate(3000, seed=3)
    told = foretell(cast, fold=folds(cast), prior=0.5)
    gains = log_losses(told.base, cast.outcome) - log_losses(told.chances, cast.outcome)
    assert gains.mean() > 0.03
    assert told.chances.sum(axis=1) == pytest.approx(np.ones(3000))


def test_constant_ties_keep_the_expected_half_wins_of_what_is_no_tie() -> None:
    cast = simulate(400, seed=6)
    told = foretell(cast, fold=folds(cast), prior=0.5)
    flat = told.constant_ties
    assert flat.sum(axis=1) == pytest.approx(np.ones(400))
    assert flat[:, 2] == pytest.approx(told.base[:, 2])
    rate = told.chances[:, 0] + told.chances[:, 2] / 2
    assert flat[:, 0] / (flat[:, 0] + flat[:, 1]) == pytest.approx(rate)


def test_bins_cover_what_is_seen() -> None:
    """Votes follow their chances, and annotators do not differ: .95 of the bins should cover."""
    covered = []
    for seed in range(40):
        cast = simulate(1000, seed, World(strengths=WORLD.strengths, n_annotators=30))
        told = foretell(cast, fold=folds(cast), prior=0.5)
        bins = bin_votes(
            chances=told.chances, outcome=cast.outcome, annotator=cast.annotator, n_bins=5
        )
        covered += [each.low <= each.predicted <= each.high for each in bins]
    assert 0.9 < np.mean(covered) <= 1.0


def test_bins_are_seen_from_the_favourite() -> None:
    chances = np.array([[0.7, 0.1, 0.2], [0.1, 0.7, 0.2], [0.4, 0.4, 0.2], [0.4, 0.4, 0.2]])
    (rare, sure) = bin_votes(
        chances=chances, outcome=np.array([1, 1, 0, 1]), annotator=np.array([0, 1, 2, 3]), n_bins=2
    )
    assert (rare.predicted, rare.observed, rare.votes) == (0.5, 0.5, 2)
    assert (sure.predicted, sure.observed, sure.votes) == (pytest.approx(0.8), 0.5, 2)


def test_swapping_sides_changes_no_bin() -> None:
    cast = simulate(300, seed=5)
    told = foretell(cast, fold=folds(cast), prior=0.5)
    args = {"annotator": cast.annotator, "n_bins": 4}
    there = bin_votes(chances=told.chances, outcome=cast.outcome, **args)
    swapped = np.array([1, 0, 2, 3])[cast.outcome]
    assert there == bin_votes(chances=told.chances[:, [1, 0, 2]], outcome=swapped, **args)


def test_a_bins_interval_is_wider_where_annotators_disagree() -> None:
    chances = np.tile([0.6, 0.3, 0.1], (80, 1))
    outcome = np.array([0, 1] * 40)
    apart = bin_votes(chances=chances, outcome=outcome, annotator=outcome, n_bins=1)[0]
    mixed = bin_votes(chances=chances, outcome=outcome, annotator=np.arange(80) // 2, n_bins=1)[0]
    assert (apart.low, apart.high) == (0.0, 1.0)
    assert mixed.high - mixed.low < 0.25


def test_log_losses_are_the_logarithm_of_the_chance() -> None:
    chances = np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])
    losses = log_losses(chances, np.array([0, 3, 1]))
    assert losses == pytest.approx([np.log(2), np.log(4), np.log(1e6)])


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(0, 3), st.integers(0, 1)),
        min_size=2,
        max_size=25,
    ),
    st.sampled_from([0.0, 0.5]),
)
def test_any_votes_have_chances_or_none(
    told: list[tuple[int, int, int, int]], prior: float
) -> None:
    cast = check_votes(
        **columns((a, (a + step) % 4, outcome, who) for a, step, outcome, who in told),
        n_candidates=4,
    )
    if len(set(cast.annotator.tolist())) < 2:
        return
    found = foretell(cast, fold=cast.annotator, prior=prior)
    known = found.is_known
    assert found.chances[known].sum(axis=1) == pytest.approx(np.ones(known.sum()))
    assert np.isnan(found.chances[~known]).all()
    if known.any():
        bins = bin_votes(
            chances=found.chances[known], outcome=cast.outcome[known],
            annotator=cast.annotator[known], n_bins=2,
        )  # fmt: skip
        assert sum(each.votes for each in bins) == known.sum()
        assert all(0 <= each.low <= each.observed <= each.high <= 1 for each in bins)
