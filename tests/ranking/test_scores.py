"""Scores of annotators are the same however their votes come."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from annotate.ranking import RankingSettings, rank_candidates
from annotate.ranking.scores import MANY_VOTES, score_blocks, score_by_cell, score_by_vote
from annotate.ranking.tally import Tally
from tests.ranking.ballots import ballots, cast, kept, tallied

seeds = st.integers(0, 10_000)


def strengths(seed: int, n: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, n)


@given(seed=seeds)
def test_score_is_what_was_won_less_the_chance_to_win_it(seed: int) -> None:
    columns, theta = cast(seed, n_votes=30), strengths(seed)
    present = np.unique(columns["annotator"])
    expected = np.zeros((len(present), 7))
    for a, b, outcome, annotator in zip(*columns.values(), strict=True):
        excess = (1.0, 0.0, 0.5, 0.5)[outcome] - 1 / (1 + np.exp(theta[b] - theta[a]))
        expected[np.searchsorted(present, annotator), [a, b]] += [excess, -excess]
    tally = Tally(ballots(columns))
    by_cell = score_by_cell(tally, theta, 0, len(present))
    assert np.allclose(by_cell, expected, rtol=0, atol=1e-12)
    assert np.allclose(score_by_vote(tally, theta), expected, rtol=0, atol=1e-12)


@given(seed=seeds)
def test_scores_by_vote_are_equal_to_the_bit_in_any_order(seed: int) -> None:
    columns, theta = cast(seed), strengths(seed)
    turned = kept(columns, np.random.default_rng(seed).permutation(400))
    scores, others = (score_by_vote(Tally(ballots(each)), theta) for each in (columns, turned))
    assert np.array_equal(scores, others)


@given(seed=seeds)
def test_scores_from_tallies_are_equal_to_the_bit_to_those_from_votes(seed: int) -> None:
    columns, theta = cast(seed), strengths(seed)
    votes, rows = Tally(ballots(columns)), Tally(ballots(tallied(columns, seed)))
    n_annotators = votes.n_annotators
    assert np.array_equal(score_by_vote(votes, theta), score_by_vote(rows, theta))
    by_cell = [score_by_cell(tally, theta, 0, n_annotators) for tally in (votes, rows)]
    assert np.array_equal(*by_cell)


def test_scores_of_many_votes_come_vote_by_vote_and_of_few_cell_by_cell() -> None:
    theta = strengths(1)
    few, many = (Tally(ballots(cast(0, n_votes=n))) for n in (1000, MANY_VOTES))
    (block,) = score_blocks(few, theta)
    assert np.array_equal(block, score_by_cell(few, theta, 0, few.n_annotators))
    (block,) = score_blocks(many, theta)
    assert np.array_equal(block, score_by_vote(many, theta))
    assert np.allclose(block, score_by_cell(many, theta, 0, many.n_annotators), rtol=0, atol=1e-7)


def test_blocks_of_annotators_are_the_rows_of_all() -> None:
    tally = Tally(ballots(cast(0, n_votes=9000, n_annotators=3000)))
    blocks = list(score_blocks(tally, strengths(0)))
    assert [len(block) for block in blocks[:-1]] == [1024] * (len(blocks) - 1)
    whole = score_by_cell(tally, strengths(0), 0, tally.n_annotators)
    assert np.array_equal(np.vstack(blocks), whole)


def test_a_ranking_of_many_votes_is_the_same_in_any_order_and_any_width() -> None:
    columns = cast(3, n_votes=MANY_VOTES + 1, n_candidates=12, n_annotators=300)
    settings = RankingSettings(n_resamples=100)
    fit = rank_candidates(**columns, n_candidates=12, settings=settings)
    order = np.random.default_rng(0).permutation(MANY_VOTES + 1)
    wide = {name: column[order].astype(np.int64) for name, column in columns.items()}
    assert rank_candidates(**wide, n_candidates=12, settings=settings).standings == fit.standings
