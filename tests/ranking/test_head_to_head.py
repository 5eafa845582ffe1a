"""Three-way probabilities are Davidson's, and the likeliest for the votes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.head_to_head import ThreeWay, fit_three_way
from annotate.ranking.votes import BOTH_BAD, TIE
from benchmarks.ranking.adjusted import three_way_losses
from benchmarks.ranking.llmfao_votes import read_llmfao


def cast(truth: ThreeWay, n_votes: int, seed: int = 0) -> tuple[FloatArray, IntArray]:
    """Return differences and outcomes of votes that follow the truth."""
    rng = np.random.default_rng(seed)
    difference = rng.normal(0, 1, n_votes)
    u = rng.random((n_votes, 1))
    return difference, (u > truth.predict(difference).cumsum(axis=1)[:, :2]).sum(axis=1)


def test_predict_is_davidsons_model() -> None:
    chances = ThreeWay(scale=2.0, tie_weight=0.5).predict(np.array([np.log(4.0), 0.0]))
    total = 4 + 1 / 4 + 0.5
    assert chances == pytest.approx(
        np.array([[4 / total, 0.25 / total, 0.5 / total], [0.4, 0.4, 0.2]])
    )


def test_fit_recovers_the_truth() -> None:
    difference, outcome = cast(ThreeWay(scale=1.4, tie_weight=0.8), 50_000)
    fit = fit_three_way(difference=difference, outcome=outcome)
    assert (fit.scale, fit.tie_weight) == pytest.approx((1.4, 0.8), abs=0.03)


def test_fit_is_the_top_of_the_penalised_likelihood() -> None:
    """Searched for by another method, with the likelihood written down again."""
    difference, outcome = cast(ThreeWay(scale=1.4, tie_weight=0.8), 40)

    def unlikelihood(place: FloatArray) -> float:
        scale, ln_tie = place
        chances = ThreeWay(scale, float(np.exp(ln_tie))).predict(difference)
        penalty = ((scale - 1) ** 2 + ln_tie**2) / 18
        return float(penalty - np.log(chances[np.arange(40), outcome]).sum())

    top = minimize(
        unlikelihood, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13}
    )
    fit = fit_three_way(difference=difference, outcome=outcome)
    assert (fit.scale, np.log(fit.tie_weight)) == pytest.approx(tuple(top.x), abs=1e-6)


def test_both_bad_counts_as_a_tie() -> None:
    difference, outcome = cast(ThreeWay(scale=1.0, tie_weight=1.0), 60)
    bad = np.where(outcome == TIE, BOTH_BAD, outcome)
    assert fit_three_way(difference=difference, outcome=bad) == fit_three_way(
        difference=difference, outcome=outcome
    )


def test_without_a_tie_none_is_foretold() -> None:
    fit = fit_three_way(difference=np.array([1.0, 1.0, 1.0]), outcome=np.array([0, 0, 1]))
    assert fit.tie_weight == 0.0
    assert fit.predict(np.array([3.0]))[0, TIE] == 0.0
    assert fit.predict(np.array([3.0])).sum() == pytest.approx(1.0)


@given(st.lists(st.tuples(st.floats(-4, 4), st.integers(0, 3)), min_size=1, max_size=12))
def test_any_votes_have_a_finite_fit(votes: list[tuple[float, int]]) -> None:
    difference, outcome = np.array([v[0] for v in votes]), np.array([v[1] for v in votes])
    fit = fit_three_way(difference=difference, outcome=outcome)
    assert np.isfinite([fit.scale, fit.tie_weight]).all()
    assert fit.predict(difference).sum(axis=1) == pytest.approx(np.ones(len(votes)))


@given(st.lists(st.tuples(st.floats(-4, 4), st.integers(0, 3)), min_size=1, max_size=12))
def test_swapping_sides_changes_nothing(votes: list[tuple[float, int]]) -> None:
    difference, outcome = np.array([v[0] for v in votes]), np.array([v[1] for v in votes])
    swapped = np.array([1, 0, 2, 3])[outcome]
    there = fit_three_way(difference=difference, outcome=outcome)
    back = fit_three_way(difference=-difference, outcome=swapped)
    assert (there.scale, there.tie_weight) == pytest.approx((back.scale, back.tie_weight), abs=1e-9)


def test_fit_refuses_no_votes() -> None:
    with pytest.raises(ValueError, match=r"^no votes: the calibration of ties needs at least one$"):
        fit_three_way(difference=np.empty(0), outcome=np.empty(0, dtype=np.int64))


def test_calibrated_ties_foretell_real_votes_better_than_a_constant_rate(real_data: Path) -> None:
    """Out of sample, 10 folds; the order is that of the figures in docs/benchmarks.md."""
    folder = real_data / "llmfao"
    if not folder.is_dir():
        pytest.skip(f"no LLMFAO votes at {folder}; set KURABE_REAL_DATA")
    losses = three_way_losses(read_llmfao(folder), n_folds=10, seed=0)
    assert losses["calibrated ties"] < losses["constant tie rate"] - 0.005
    assert losses["constant tie rate"] < losses["base rates"] - 0.03
