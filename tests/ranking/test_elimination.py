"""Who leaves a round is whom its rule names, and the best one leaves as seldom as it says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.ranking.elimination import Cut, CutRule, chance_best_shrunk, eliminate
from annotate.ranking.resampling import chance_best, draw_errors
from annotate.ranking.stopping import MIN_ANNOTATORS, weigh_evidence
from tests.ranking.test_stopping import cast, fit

LADDER = [2.0, 1.9, 0.0, -3.0, -4.0]


def cut(
    strengths: list[float],
    n_votes: int = 900,
    *,
    rule: CutRule = CutRule.BEATEN,
    keep: int = 2,
    alpha: float = 0.05,
    anchors: tuple[int, ...] = (),
    seed: int = 0,
    n_annotators: int = 20,
) -> Cut:
    tally = cast(strengths, n_votes, seed=seed, n_annotators=n_annotators)
    contends = ~np.isin(np.arange(len(strengths)), anchors)
    return eliminate(
        *fit(tally), tally, rule=rule, keep=keep, alpha=alpha, contends=contends,
        rng=np.random.default_rng(seed),
    )  # fmt: skip


def test_beaten_ones_leave_at_the_evidence_that_bonferroni_asks_for() -> None:
    found = cut(LADDER)
    assert found.threshold == pytest.approx((5 - 1) / 0.05)
    assert found.leaves.tolist() == (found.e_values >= found.threshold).tolist()
    assert found.leaves.tolist() == [False, False, True, True, True]
    assert (found.error, found.bound) == (0.05, 0.05)


def test_evidence_is_what_stops_are_found_by() -> None:
    tally = cast(LADDER, 900)
    evidence = weigh_evidence(*fit(tally), tally, alpha=0.05 / 4)
    found = cut(LADDER)
    np.testing.assert_array_equal(found.e_values, evidence.e_values)


def test_nobody_is_beaten_by_few_annotators() -> None:
    assert not cut(LADDER, n_annotators=MIN_ANNOTATORS - 1).leaves.any()
    assert cut(LADDER, n_annotators=MIN_ANNOTATORS).leaves.any()


def test_where_nobody_leaves_nothing_was_risked_but_the_bound_stays() -> None:
    found = cut([0.0, 0.0, 0.0], 200)
    assert not found.leaves.any()
    assert (found.error, found.bound) == (0.0, 0.05)


@pytest.mark.parametrize("keep", [2, 3, 4, 5, 9])
@pytest.mark.parametrize("rule", [CutRule.BEATEN, CutRule.TOP])
def test_as_many_stay_as_are_to_be_kept_and_the_strongest(rule: CutRule, keep: int) -> None:
    found = cut([6.0, 2.0, 1.0, -1.0, -2.0], 2000, rule=rule, keep=keep)
    assert np.flatnonzero(~found.leaves).tolist() == list(range(min(keep, 5)))


def test_top_says_how_likely_the_best_one_left() -> None:
    found = cut([0.1, 0.05, 0.0, -0.05, -0.1], 60, rule=CutRule.TOP, keep=2)
    assert found.leaves.sum() == 3
    assert found.error == found.bound == pytest.approx(found.p_best[found.leaves].sum())
    assert found.p_best.sum() == pytest.approx(1)
    assert 0.05 < found.error < 0.95


def test_none_sends_nobody_away() -> None:
    found = cut(LADDER, rule=CutRule.NONE)
    assert not found.leaves.any()
    assert (found.error, found.bound) == (0.0, 0.0)


@pytest.mark.parametrize("rule", [CutRule.BEATEN, CutRule.TOP])
def test_anchors_neither_leave_nor_send_away(rule: CutRule) -> None:
    """The anchor is far above the others, and the worst of all is one as well."""
    strengths = [5.0, 0.1, 0.0, -3.0, -6.0]
    found = cut(strengths, 2000, rule=rule, anchors=(0, 4))
    assert found.leaves.tolist() == [False, False, False, True, False]
    assert found.e_values[[0, 4]].tolist() == [1, 1]
    assert found.p_best[[0, 4]].tolist() == [0, 0]
    assert found.p_best.sum() == pytest.approx(1)
    assert found.threshold == pytest.approx(2 / 0.05)


@pytest.mark.parametrize("rule", list(CutRule))
@pytest.mark.parametrize("anchors", [(0, 1), (0, 1, 2)])
def test_a_single_contender_stays_and_none_at_all_is_no_matter(
    rule: CutRule, anchors: tuple[int, ...]
) -> None:
    found = cut([1.0, 0.0, -5.0], rule=rule, anchors=anchors)
    assert not found.leaves.any()
    assert found.error == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 6), keep=st.integers(2, 6))
def test_whoever_leaves_is_weaker_than_all_who_stay_for_keeping(
    seed: int, n: int, keep: int
) -> None:
    strengths = np.random.default_rng(seed).normal(0, 2, n).tolist()
    tally = cast(strengths, 300, seed=seed)
    fitted, spread = fit(tally)
    found = eliminate(
        fitted, spread, tally, rule=CutRule.TOP, keep=keep, alpha=0.05,
        contends=np.ones(n, np.bool_), rng=np.random.default_rng(0),
    )  # fmt: skip
    assert found.leaves.sum() == max(n - keep, 0)
    if found.leaves.any():
        assert fitted[found.leaves].max() <= fitted[~found.leaves].min()
    assert math.isclose(found.error, found.p_best[found.leaves].sum())


def shrunk(strengths: list[float], n_votes: int, seed: int = 0) -> np.ndarray:
    tally = cast(strengths, n_votes, seed=seed)
    everybody = np.ones(len(strengths), np.bool_)
    return chance_best_shrunk(*fit(tally), everybody, np.random.default_rng(seed))


def test_chance_of_equals_is_not_what_their_luck_seems_to_say() -> None:
    """The leader of eight equals leads by luck: its chance is far below what the normal says."""
    plain, careful = [], []
    for seed in range(20):
        tally = cast([0.0] * 8, 400, seed=seed)
        strengths, spread = fit(tally)
        rng = np.random.default_rng(seed)
        drawn = draw_errors(spread.rows, n_resamples=2000, rng=rng)
        plain.append(chance_best(strengths, drawn, df=spread.df, rng=rng).max())
        everybody = np.ones(8, np.bool_)
        careful.append(chance_best_shrunk(strengths, spread, everybody, rng).max())
    assert np.mean(plain) > 0.5
    assert 0.125 < np.mean(careful) < 0.4


def test_chance_of_one_far_ahead_is_near_one() -> None:
    found = shrunk([2.0, 0.0, 0.0, -1.0], 2000)
    assert found[0] > 0.999
    assert found.sum() == pytest.approx(1)


def test_chances_follow_the_strengths_of_candidates_that_are_known_as_well() -> None:
    found = shrunk([0.6, 0.4, 0.2, 0.0, -0.2], 1500)
    assert found.tolist() == sorted(found, reverse=True)
