"""Agreement: worked by hand, side by side with evalica, and what moves nothing."""

import evalica
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.ranking.agreement import (
    Agreement,
    agreement_with_others,
    alpha_of_kinds,
    alpha_of_slots,
    count_units,
    measure_agreement,
    self_consistency,
)
from annotate.ranking.arrays import IntArray

A, B, TIE, BAD = range(4)

Ballot = tuple[int, int, int]
"""Unit, annotator, outcome."""

ballots = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=40
)

# Krippendorff (2011), example C: four observers, twelve units, nominal values, alpha = .743.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


def columns(cast: list[Ballot]) -> dict[str, IntArray]:
    table = np.array(cast, dtype=np.int64).reshape(-1, 3)
    return {"unit": table[:, 0], "annotator": table[:, 1], "outcome": table[:, 2]}


def measure(cast: list[Ballot], *, seed: int = 0, n_resamples: int = 200) -> Agreement:
    rng = np.random.default_rng(seed)
    return measure_agreement(**columns(cast), rng=rng, n_resamples=n_resamples)


def alpha_of_table(table: pd.DataFrame) -> float:
    return float(evalica.alpha(table, distance="nominal", solver="naive").alpha)


def test_alpha_of_a_published_example() -> None:
    """Its five values are more than there are outcomes, so it goes by way of counts."""
    counts = np.array([
        [sum(row[unit] == value for row in OBSERVERS) for value in range(1, 6)]
        for unit in range(12)
    ])  # fmt: skip
    counts = counts[counts.sum(axis=1) >= 2]
    (alpha,) = alpha_of_kinds(counts, np.ones((1, len(counts)), dtype=np.int64))
    assert alpha == pytest.approx(0.743, abs=5e-4)


def test_agreement_by_hand() -> None:
    """Three units: a a, a b, tie tie tie; a lone vote on a fourth counts nowhere.

    Of 2 + 2 + 6 ordered pairs of votes 2 + 0 + 6 agree: .8. D_o = (0 + 2 + 0) / 7;
    D_e = (49 - 9 - 1 - 9) / 42; alpha = 1 - (2 / 7) / (30 / 42) = .6.
    """
    cast = [(0, 0, A), (0, 1, A), (1, 0, A), (1, 1, B), (2, 0, TIE), (2, 1, TIE), (2, 2, TIE)]
    found = measure([*cast, (3, 0, BAD)])
    assert (found.n_units, found.n_votes) == (3, 7)
    assert found.raw is not None
    assert found.alpha is not None
    assert (found.raw.value, found.alpha.value) == pytest.approx((0.8, 0.6), abs=1e-12)


def test_tie_and_both_bad_are_values_of_their_own() -> None:
    found = measure([(0, 0, TIE), (0, 1, BAD), (1, 0, TIE), (1, 1, BAD)])
    assert found.raw is not None
    assert found.alpha is not None
    assert found.raw.value == 0
    assert found.alpha.value == pytest.approx(-0.5)


@given(cast=ballots)
def test_alpha_equals_evalica_on_a_table_of_annotators(cast: list[Ballot]) -> None:
    first = {(unit, who): outcome for unit, who, outcome in reversed(cast)}
    table = pd.DataFrame(np.nan, index=range(5), columns=range(7))
    for (unit, who), outcome in first.items():
        table.loc[who, unit] = float(outcome)
    counts = count_units(**columns(cast))
    if np.count_nonzero(counts.sum(axis=0)) < 2:
        assert measure(cast).alpha is None
        return
    expected = alpha_of_table(table)
    (ours,) = alpha_of_kinds(counts, np.ones((1, len(counts)), dtype=np.int64))
    assert alpha_of_slots(counts) == pytest.approx(expected, abs=1e-12)
    assert ours == pytest.approx(expected, abs=1e-12)


@given(cast=ballots, seed=st.integers(0, 99))
def test_agreement_knows_no_names(cast: list[Ballot], seed: int) -> None:
    """Other numbers for annotators and units change nothing."""
    renamed = [(10 - unit, 7 - who, outcome) for unit, who, outcome in cast]
    once, again = measure(cast, seed=seed), measure(renamed, seed=seed)
    assert (once.n_units, once.n_votes) == (again.n_units, again.n_votes)
    for one, other in ((once.alpha, again.alpha), (once.raw, again.raw)):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert one.value == pytest.approx(other.value, abs=1e-12)


def test_first_vote_of_an_annotator_counts() -> None:
    cast = [(0, 0, A), (0, 0, B), (0, 0, B), (0, 1, A), (1, 0, B), (1, 1, B)]
    found = measure(cast)
    assert found.n_votes == 4
    assert found.raw is not None
    assert found.raw.value == 1


def test_one_annotator_agrees_with_nobody() -> None:
    found = measure([(0, 0, A), (0, 0, A), (1, 0, B)])
    assert found == Agreement(n_units=0, n_votes=0, alpha=None, raw=None)


def test_votes_all_alike_have_no_alpha() -> None:
    found = measure([(0, 0, A), (0, 1, A), (1, 0, A), (1, 1, A)])
    assert found.alpha is None
    assert found.raw is not None
    assert (found.raw.value, found.raw.low, found.raw.high) == (1, 1, 1)


def test_one_unit_has_no_interval() -> None:
    found = measure([(0, 0, A), (0, 1, B)])
    assert found.alpha is not None
    assert (found.alpha.value, found.alpha.low, found.alpha.high) == (0, None, None)


def test_interval_is_the_same_for_the_same_seed() -> None:
    rng = np.random.default_rng(5)
    cast = [(unit, who, int(rng.integers(0, 3))) for unit in range(30) for who in range(3)]
    assert measure(cast, seed=1) == measure(cast, seed=1)
    assert measure(cast, seed=1) != measure(cast, seed=2)


def test_bootstrap_draws_units() -> None:
    """Its spread is that of a bootstrap that draws one unit after the other."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 80)
    cast = [
        (unit, who, int(truth[unit] if rng.random() < 0.7 else rng.integers(0, 3)))
        for unit in range(80)
        for who in range(rng.integers(2, 5))
    ]
    counts = count_units(**columns(cast))
    slow = [
        alpha_of_kinds(counts[rng.integers(0, len(counts), len(counts))], np.ones((1, 80), int))[0]
        for _ in range(4000)
    ]
    found = measure(cast, n_resamples=4000)
    assert found.alpha is not None
    low, high = np.quantile(slow, [0.025, 0.975])
    assert (found.alpha.low, found.alpha.high) == pytest.approx((low, high), abs=0.015)


def test_interval_covers_the_truth() -> None:
    """Two annotators, each right with .8 and else at random among three: alpha is .64 by far."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        truth = rng.integers(0, 3, 150)
        cast = []
        for who in range(2):
            guess = rng.integers(0, 3, 150)
            told = np.where(rng.random(150) < 0.8, truth, guess)
            cast += [(unit, who, int(value)) for unit, value in enumerate(told)]
        found = measure(cast, seed=int(rng.integers(99)), n_resamples=400).alpha
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.64 <= found.high
    assert 180 <= covered <= 199


def test_agreement_with_others_by_hand() -> None:
    """Annotator 0 agrees with one of two on unit 0 and with none on 1; 3 meets nobody."""
    cast = [(0, 0, A), (0, 1, A), (0, 2, B), (1, 0, TIE), (1, 2, BAD), (2, 3, A)]
    all_of_them = np.ones(len(cast), dtype=np.bool_)
    shares = agreement_with_others(**columns(cast), is_counted=all_of_them, n_annotators=5)
    assert shares.tolist()[:3] == pytest.approx([1 / 3, 1 / 2, 0])
    assert np.isnan(shares[3:]).all()


def test_agreement_with_others_compares_nobody_with_votes_that_do_not_count() -> None:
    """1 does not count: 0 agrees with none of one, and 1 itself still with one of two."""
    cast = [(0, 0, A), (0, 1, A), (0, 2, B), (1, 1, B), (1, 3, B)]
    counted = np.array([who != 1 for _unit, who, _outcome in cast])
    shares = agreement_with_others(**columns(cast), is_counted=counted, n_annotators=4)
    assert shares.tolist()[:3] == pytest.approx([0, 2 / 3, 0])
    assert np.isnan(shares[3])


def test_self_consistency_by_hand() -> None:
    """Annotator 0: a a b on one unit, one pair of three agrees; 1: tie tie; 2 never twice."""
    cast = [(0, 0, A), (0, 0, A), (0, 0, B), (1, 1, TIE), (1, 1, TIE), (0, 2, A), (1, 2, A)]
    shares, pairs = self_consistency(**columns(cast), n_annotators=4)
    assert shares.tolist()[:2] == pytest.approx([1 / 3, 1])
    assert np.isnan(shares[2:]).all()
    assert pairs.tolist() == [3, 1, 0, 0]


def test_shares_of_no_votes_are_unknown() -> None:
    nothing = columns([])
    none = np.zeros(0, dtype=np.bool_)
    assert agreement_with_others(**nothing, is_counted=none, n_annotators=0).shape == (0,)
    shares, pairs = self_consistency(**nothing, n_annotators=2)
    assert shares.tolist() == pytest.approx([np.nan, np.nan], nan_ok=True)
    assert pairs.tolist() == [0, 0]
    assert measure([]).n_units == 0
