"""Kinds of annotators are compared by order and by vote."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from annotate.ranking.concordance import measure_concordance, measure_tau, reach_of_mean

STRENGTHS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=9)


@given(STRENGTHS)
def test_tau_in_one_group_is_kendalls(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs, dtype=np.float64).T
    together = np.zeros(len(pairs), dtype=np.int64)
    found = measure_tau(first, second, first_group=together, second_group=together)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(kendalltau(first, second).statistic)


def test_tau_compares_only_within_groups_of_both() -> None:
    first, second = np.array([3.0, 2, 1, 0]), np.array([2.0, 3, 0, 1])
    groups = np.array([0, 0, 1, 1])
    found = measure_tau(first, second, first_group=groups, second_group=groups)
    assert found == -1.0
    unvoted = np.array([0, -1, -1, -1])
    assert measure_tau(first, second, first_group=groups, second_group=unvoted) is None


def test_concordance_counts_an_annotator_once_for_a_unit() -> None:
    found = measure_concordance(
        unit=np.array([0, 0, 0, 1, 1]), annotator=np.array([0, 0, 1, 0, 1]),
        outcome=np.array([0, 1, 0, 2, 3]), is_first=np.array([1, 1, 0, 1, 0], dtype=np.bool_),
        is_second=np.array([0, 0, 1, 0, 1], dtype=np.bool_), cluster=np.array([0, 0, 0, 1, 1]),
    )  # fmt: skip
    assert (found.share, found.n_units) == (0.5, 2)


def test_concordance_is_the_chance_that_two_votes_say_the_same() -> None:
    rng = np.random.default_rng(0)
    unit, kind = rng.integers(0, 6, 60), rng.integers(0, 2, 60)
    annotator, outcome = np.arange(60), rng.integers(0, 4, 60)
    shares = [
        np.mean([x == y for x in outcome[(unit == u) & (kind == 0)]
                 for y in outcome[(unit == u) & (kind == 1)]])
        for u in range(6)
    ]  # fmt: skip
    found = measure_concordance(
        unit=unit, annotator=annotator, outcome=outcome, is_first=kind == 0, is_second=kind == 1,
        cluster=unit,
    )  # fmt: skip
    assert found.share == pytest.approx(np.mean(shares))
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.share < found.high


def test_concordance_without_a_shared_unit_is_unknown() -> None:
    found = measure_concordance(
        unit=np.array([0, 1]), annotator=np.array([0, 1]), outcome=np.array([0, 0]),
        is_first=np.array([True, False]), is_second=np.array([False, True]),
        cluster=np.array([0, 1]),
    )  # fmt: skip
    assert (found.share, found.low, found.high, found.n_units) == (None, None, None, 0)


def test_reach_of_independent_values_is_students() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    expected = 3.182446305284263 * values.std(ddof=1) / 2
    assert reach_of_mean(values, np.arange(4), level=0.95) == pytest.approx(expected)
    assert reach_of_mean(values, np.zeros(4, dtype=np.int64), level=0.95) == 0.0
