"""Verdicts on pairs of texts: majorities, calibrated probabilities, and strengths as choix has."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotate.ranking.annotators import AnnotatorFit, AnnotatorPriors, fit_annotators
from annotate.ranking.strengths import fit_strengths
from annotate.ranking.verdicts import (
    PairTally,
    fit_many,
    judge_by_majority,
    judge_by_reliability,
    rank_texts,
    tally_pairs,
)

A, B, TIE, BAD = range(4)


def tally(*votes: tuple[int, int, int], depth: int = 1) -> PairTally:
    """Count votes on pairs of texts: first, second, outcome."""
    first, second, outcome = np.array(votes, dtype=np.int64).reshape(-1, 3).T
    return tally_pairs(
        first=first, second=second, depth=np.full(len(first), depth), outcome=outcome
    )


def typical(n: int, reliability: float | list[float] = 1.0) -> AnnotatorFit:
    """Give annotators that cast few ties, and are of these reliabilities."""
    ones = np.ones(n)
    return AnnotatorFit(
        priors=AnnotatorPriors(), strengths=np.zeros(2), reliability=ones * reliability,
        reliability_se=ones, bias=0 * ones, tie=ones,
    )  # fmt: skip


def judge(counted: PairTally, outcomes: list[int], fit: AnnotatorFit) -> NDArray[np.float64]:
    """Give the agreement of each pair by reliability; annotators take turns, sides are unknown."""
    n = len(outcomes)
    verdicts = judge_by_reliability(
        counted, outcome=np.array(outcomes), annotator=np.arange(n) % len(fit.tie),
        side=np.zeros(n, dtype=np.int64), fit=fit,
    )  # fmt: skip
    return verdicts.agreement


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(5, 9), st.integers(1, 3),
                          st.integers(0, 3)), max_size=60))  # fmt: skip
def test_tally_counts_every_vote_once(votes: list[tuple[int, int, int, int]]) -> None:
    first, second, depth, outcome = np.array(votes, dtype=np.int64).reshape(-1, 4).T
    counted = tally_pairs(first=first, second=second, depth=depth, outcome=outcome)
    found = {
        (int(a), int(b), int(d), code): int(n)
        for a, b, d, row in zip(
            counted.first, counted.second, counted.depth, counted.outcomes, strict=True
        )
        for code, n in enumerate(row)
        if n
    }
    assert found == {vote: votes.count(vote) for vote in set(votes)}
    keys = list(zip(counted.first, counted.second, counted.depth, strict=True))
    assert keys == sorted(set(keys))
    assert [keys[pair] for pair in counted.of_vote] == [vote[:3] for vote in votes]


def test_majority_takes_no_side_of_ties() -> None:
    counted = tally((0, 1, A), (0, 1, A), (0, 1, B), (0, 2, TIE), (0, 2, BAD), (1, 2, A), (1, 2, B))
    verdicts = judge_by_majority(counted)
    assert verdicts.lead.tolist() == [1, 0, 0]
    assert verdicts.margin.tolist() == [pytest.approx(1 / 3), 0, 0]
    assert verdicts.agreement.tolist() == [pytest.approx(2 / 3), 0.5, 0.5]


def test_reliability_trusts_more_votes_and_better_annotators() -> None:
    one = tally((0, 1, A))
    few, many = judge(one, [A], typical(1)), judge(tally(*[(0, 1, A)] * 4), [A] * 4, typical(1))
    sharp, blind = judge(one, [A], typical(1, 3.0)), judge(one, [A], typical(1, 0.01))
    assert 0.5 < blind[0] < 0.51 < few[0] < sharp[0] < many[0] < 1
    against = tally((0, 1, A), (0, 1, B), (0, 1, B))
    trusted = judge_by_reliability(
        against, outcome=np.array([A, B, B]), annotator=np.array([0, 1, 1]),
        side=np.zeros(3, dtype=np.int64), fit=typical(2, [4.0, 0.2]),
    )  # fmt: skip
    assert trusted.lead.tolist() == [1]
    assert judge_by_majority(against).lead.tolist() == [-1]


def test_reliability_takes_no_side_of_ties() -> None:
    counted = tally((0, 1, TIE), (0, 1, BAD), (2, 3, A), (2, 3, B))
    verdicts = judge_by_reliability(
        counted, outcome=np.array([TIE, BAD, A, B]), annotator=np.arange(4),
        side=np.zeros(4, dtype=np.int64), fit=typical(4),
    )  # fmt: skip
    assert (verdicts.lead[0], verdicts.agreement[0], verdicts.margin[0]) == (0, 0.5, 0)
    assert verdicts.agreement[1] == pytest.approx(0.5)


def test_reliability_discounts_the_side_that_an_annotator_favours() -> None:
    fit = typical(1)
    fit.bias[:] = 1.5
    on_left, on_right = (
        judge_by_reliability(
            tally((0, 1, A)), outcome=np.array([A]), annotator=np.zeros(1, dtype=np.int64),
            side=np.array([side]), fit=fit,
        ).agreement[0]
        for side in (1, -1)
    )  # fmt: skip
    assert on_left < on_right


def test_reliability_is_calibrated_where_the_model_is_true() -> None:
    """Of pairs with probability p, about p have the better text chosen; spam costs nothing."""
    rng = np.random.default_rng(7)
    n_pairs, n_votes, n_annotators, n = 8_000, 24_000, 60, 8
    gamma = np.exp(rng.normal(0, 0.5, n_annotators))
    gamma[:8] = 0.01
    theta = rng.normal(0, 0.7, n)
    a = rng.integers(0, n - 1, n_pairs)
    b = a + 1 + rng.integers(0, n - 1 - a)
    d = theta[a] - theta[b] + rng.normal(0, 1.5, n_pairs)
    pair, k = rng.integers(0, n_pairs, n_votes), rng.integers(0, n_annotators, n_votes)
    logit = gamma[k] * d[pair]
    weights = np.stack([np.exp(logit / 2), np.exp(-logit / 2), np.full(n_votes, 0.4)], axis=1)
    drawn = rng.random(n_votes)[:, None] * weights.sum(axis=1, keepdims=True)
    outcome = (drawn > weights.cumsum(axis=1)).sum(axis=1)
    side = rng.choice([-1, 1], n_votes)
    fit = fit_annotators(
        candidate_a=a[pair], candidate_b=b[pair], outcome=outcome, annotator=k, side=side,
        n_candidates=n, n_annotators=n_annotators,
    )  # fmt: skip
    counted = tally_pairs(
        first=2 * pair, second=2 * pair + 1, depth=np.ones(n_votes, dtype=int), outcome=outcome
    )
    verdicts = judge_by_reliability(counted, outcome=outcome, annotator=k, side=side, fit=fit)
    right = np.sign(d[counted.first // 2]) == verdicts.lead
    for low in (0.6, 0.7, 0.8, 0.9):
        kept = (verdicts.agreement >= low) & (verdicts.agreement < low + 0.1)
        assert right[kept].mean() == pytest.approx(verdicts.agreement[kept].mean(), abs=0.04)
    # Where as many pairs are chosen, more of them are right than by majority.
    majority = judge_by_majority(counted)
    n_chosen = int((majority.margin * counted.decisive >= 2).sum())
    by_majority = np.sign(d[counted.first // 2]) == majority.lead
    plain = by_majority[majority.margin * counted.decisive >= 2].mean()
    assert right[np.argsort(-verdicts.agreement)[:n_chosen]].mean() > plain + 0.01


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_fit_many_gives_the_strengths_of_choix(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    half_wins = rng.integers(0, 4, (5, n, n)) * rng.integers(0, 2, (5, n, n)) / 2
    half_wins *= 10.0 ** rng.integers(0, 3, (5, 1, 1))
    half_wins[:, np.arange(n), np.arange(n)] = 0
    found = fit_many(half_wins, prior=0.5)
    for group, strengths in zip(half_wins, found, strict=True):
        if n > 1:
            assert strengths == pytest.approx(fit_strengths(group, prior=0.5), abs=1e-8)
        assert np.isfinite(strengths).all()


def test_rank_texts_compares_what_a_chain_of_votes_joins() -> None:
    """0 beat 1, 1 beat 2: 0 is above 2, which it never met; 3 and 4 are another prompt's."""
    counted = tally(*[(0, 1, A)] * 3, *[(1, 2, A)] * 3, (3, 4, B), (3, 4, B))
    ranked = rank_texts(counted)
    assert ranked.text.tolist() == [0, 1, 2, 3, 4]
    assert ranked.group.tolist() == [0, 0, 0, 1, 1]
    assert ranked.votes.tolist() == [3, 6, 3, 2, 2]
    assert ranked.strength[[0, 1, 2]].mean() == pytest.approx(0)
    pairs = {
        (int(ranked.text[better]), int(ranked.text[worse]))
        for block in ranked.pairs(min_probability=0.75, min_votes=1)
        for better, worse, verdict in zip(*block, strict=True)
        if verdict > 0
    }
    assert pairs == {(0, 1), (1, 2), (0, 2), (4, 3)}


def test_rank_texts_keeps_depths_apart() -> None:
    first, second = tally((0, 1, A), depth=1), tally((0, 1, B), depth=2)
    joined = tally_pairs(
        first=np.array([0, 0]), second=np.array([1, 1]), depth=np.array([1, 2]),
        outcome=np.array([A, B]),
    )  # fmt: skip
    ranked = rank_texts(joined)
    assert ranked.depth.tolist() == [1, 1, 2, 2]
    assert ranked.strength[:2] == pytest.approx(rank_texts(first).strength)
    assert ranked.strength[2:] == pytest.approx(rank_texts(second).strength)


def test_rank_texts_has_no_sure_pair_among_equals() -> None:
    ranked = rank_texts(tally((0, 1, TIE), (0, 1, BAD), (0, 2, A), (0, 2, B)))
    for _better, _worse, verdict in ranked.pairs(min_probability=0.51, min_votes=1):
        assert (verdict <= 0).all()


def test_nothing_comes_of_no_votes() -> None:
    counted = tally()
    assert len(judge_by_majority(counted).lead) == 0
    assert len(rank_texts(counted).text) == 0
