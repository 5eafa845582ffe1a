"""The annotator model: its slope and errors by other means, and what it recovers."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotate.ranking.annotators import AnnotatorFit, AnnotatorPriors, fit_annotators
from annotate.ranking.arrays import FloatArray, IntArray
from benchmarks.ranking.annotators import MODELS, foretell
from benchmarks.ranking.llmfao_votes import read_llmfao
from tests.ranking.columns import Vote, columns, votes

Columns = dict[str, IntArray]


def fit(cast: Iterable[Vote], *, side: int = 0, **options: Any) -> AnnotatorFit:
    """Fit votes on two candidates whose sides are all the same."""
    named = columns(cast)
    sides = np.full(len(named["outcome"]), side)
    options = {"n_candidates": 2, "n_annotators": 3} | options
    return fit_annotators(**named, side=sides, **options)


def simulate(
    rng: np.random.Generator,
    *,
    n_votes: int,
    strengths: FloatArray,
    reliability: FloatArray,
    bias: FloatArray,
    tie: FloatArray,
) -> Columns:
    """Draw votes by the model itself, written out one by one."""
    n, m = len(strengths), len(reliability)
    a = rng.integers(0, n, n_votes)
    b = (a + rng.integers(1, n, n_votes)) % n
    who, side = rng.integers(0, m, n_votes), rng.choice([-1, 1], n_votes)
    d = reliability[who] * (strengths[a] - strengths[b]) + bias[who] * side
    weights = np.stack([np.exp(d / 2), np.exp(-d / 2), tie[who]])
    edges = np.cumsum(weights / weights.sum(axis=0), axis=0)
    outcome = (rng.random(n_votes) > edges[:2]).sum(axis=0)
    return {"candidate_a": a, "candidate_b": b, "outcome": outcome, "annotator": who, "side": side}


def test_fit_finds_reliability_bias_and_ties_again() -> None:
    rng = np.random.default_rng(2)
    truth = {
        "strengths": np.linspace(-1.5, 1.5, 8),
        "reliability": np.exp(rng.normal(0, 0.5, 30)),
        "bias": rng.normal(0, 0.32, 30),
        "tie": np.exp(rng.normal(-0.3, 0.8, 30)),
    }
    cast = simulate(rng, n_votes=30_000, **truth)
    found = fit_annotators(**cast, n_candidates=8, n_annotators=30)
    assert np.corrcoef(np.log(found.reliability), np.log(truth["reliability"]))[0, 1] > 0.95
    assert np.corrcoef(found.bias, truth["bias"])[0, 1] > 0.9
    assert np.corrcoef(np.log(found.tie), np.log(truth["tie"]))[0, 1] > 0.98
    np.testing.assert_allclose(found.strengths, truth["strengths"], atol=0.15)


def test_errors_of_reliability_cover() -> None:
    """Drawn from the priors anew each time, the truth lies within two errors that often."""
    rng = np.random.default_rng(8)
    inside = []
    for _ in range(12):
        truth = np.exp(rng.normal(0, 0.5, 20))
        cast = simulate(
            rng, n_votes=1_200, strengths=rng.normal(0, 1, 6), reliability=truth,
            bias=rng.normal(0, 0.32, 20), tie=np.full(20, 0.8),
        )  # fmt: skip
        found = fit_annotators(**cast, n_candidates=6, n_annotators=20)
        error = found.reliability_se / found.reliability
        inside.extend(np.abs(np.log(found.reliability / truth)) < 1.96 * error)
    assert 0.91 < np.mean(inside) < 0.98


def test_order_of_votes_changes_no_digit() -> None:
    """The optimiser stops a thousandth of an error short; Newton's method goes to the top."""
    cast = draw_small(np.random.default_rng(11))
    order = np.random.default_rng(12).permutation(200)
    there = fit_annotators(**cast, n_candidates=4, n_annotators=5)
    turned = {name: column[order] for name, column in cast.items()}
    back = fit_annotators(**turned, n_candidates=4, n_annotators=5)
    for field in ("strengths", "reliability", "bias", "tie"):
        np.testing.assert_allclose(getattr(there, field), getattr(back, field), atol=1e-12)


def test_guessing_annotator_has_the_least_reliability() -> None:
    rng = np.random.default_rng(0)
    cast = simulate(
        rng, n_votes=4_000, strengths=np.array([-1.0, -0.3, 0.3, 1.0]),
        reliability=np.array([1.0, 1.0, 0.0, 1.0, 1.0]), bias=np.zeros(5), tie=np.full(5, 0.5),
    )  # fmt: skip
    found = fit_annotators(**cast, n_candidates=4, n_annotators=5)
    assert int(np.argmin(found.reliability)) == 2
    assert found.reliability[2] < 0.4 < 0.7 < np.delete(found.reliability, 2).min()


def test_left_leaning_annotator_has_a_bias_to_the_left() -> None:
    """Annotator 0 takes the left, whoever stands there; annotator 1 the right."""
    cast = [*votes(0, 1, a=10), *votes(1, 0, a=10)]
    cast += [*votes(0, 1, annotator=1, b=10), *votes(1, 0, annotator=1, b=10)]
    found = fit(cast, side=1)
    assert found.bias[0] == pytest.approx(-found.bias[1], abs=1e-4)
    assert found.bias[0] > 0.2
    assert found.bias[2] == 0


def test_unknown_sides_say_nothing_of_bias() -> None:
    assert fit([*votes(0, 1, a=10, b=1), *votes(0, 1, annotator=1, a=9)]).bias.tolist() == [0, 0, 0]


def test_tie_weight_of_equals_by_hand() -> None:
    """Held to one annotator's nu, P(tie) = nu / (2 + nu): 30 of 50 votes, so nu = 3."""
    priors = AnnotatorPriors(ln_reliability=0, bias=0, ln_tie=0, strength=1)
    found = fit(votes(0, 1, a=10, b=10, tie=20, both_bad=10), priors=priors)
    assert found.tie == pytest.approx(3.0, abs=1e-4)
    assert found.strengths == pytest.approx(0.0, abs=1e-5)


def test_held_parameters_stay_where_they_are() -> None:
    priors = AnnotatorPriors(ln_reliability=0, bias=0, ln_tie=0)
    found = fit([*votes(0, 1, a=9, tie=3), *votes(0, 1, annotator=1, b=4)], side=1, priors=priors)
    assert found.reliability.tolist() == [1, 1, 1]
    assert found.bias.tolist() == [0, 0, 0]
    assert len(set(found.tie.tolist())) == 1
    assert found.reliability_se.tolist() == [0, 0, 0]


def test_annotator_without_votes_is_as_the_priors_say() -> None:
    found = fit([*votes(0, 1, a=9, tie=3), *votes(0, 1, annotator=1, b=4)])
    assert found.reliability[2] == 1
    assert found.reliability_se[2] == pytest.approx(0.5)


def test_fit_is_the_highest_point_nearby() -> None:
    """Moving any one parameter lowers the posterior, written out here on its own."""
    rng = np.random.default_rng(6)
    cast, priors = draw_small(rng), AnnotatorPriors()
    found = fit_annotators(**cast, n_candidates=4, n_annotators=5, priors=priors)
    whole = parameters(found)
    top = log_posterior(whole, cast)
    for place in range(len(whole)):
        for step in (-0.02, 0.02):
            moved = whole.copy()
            moved[place] += step
            assert log_posterior(moved, cast) < top + 1e-7


def test_errors_equal_those_of_the_dense_information() -> None:
    """The arrowhead gives what inverting J' W J over all parameters gives."""
    rng = np.random.default_rng(7)
    cast = draw_small(rng)
    found = fit_annotators(**cast, n_candidates=4, n_annotators=5)
    whole = parameters(found)
    n = len(whole)
    steps = 1e-6 * np.eye(n)
    slopes = np.stack(
        [(chances(whole + step, cast) - chances(whole - step, cast)) / 2e-6 for step in steps]
    )
    weighted = slopes / chances(whole, cast)
    information = np.einsum("ivc,jvc->ij", weighted, slopes)
    information[:4, :4] += np.eye(4) / 2.0**2
    information[4:9, 4:9] += np.eye(5) / 0.5**2
    information[9:14, 9:14] += np.eye(5) / 0.32**2
    # ln nu of each about a free mean: what a mean without a prior leaves of independent priors.
    information[14:, 14:] += np.eye(5) - np.ones((5, 5)) / 5
    errors = np.sqrt(np.diag(np.linalg.inv(information)))[4:9]
    assert found.reliability_se / found.reliability == pytest.approx(errors, rel=1e-4)


def draw_small(rng: np.random.Generator) -> Columns:
    return simulate(
        rng, n_votes=200, strengths=np.array([-1.0, 0.0, 0.2, 0.8]),
        reliability=np.array([0.5, 1.0, 1.0, 2.0, 1.5]), bias=np.array([0.3, 0, 0, -0.3, 0]),
        tie=np.array([0.5, 1.0, 1.0, 2.0, 0.2]),
    )  # fmt: skip


def parameters(found: AnnotatorFit) -> FloatArray:
    """Return theta, ln gamma, beta and ln nu in a row."""
    logs = (np.log(found.reliability), found.bias, np.log(found.tie))
    return np.concatenate([found.strengths, *logs])


def chances(whole: FloatArray, cast: Columns) -> FloatArray:
    """Return (votes, 3) the probabilities at parameters in a row, 4 candidates, 5 annotators."""
    theta, ln_gamma, beta, ln_nu = np.split(whole, [4, 9, 14])
    who = cast["annotator"]
    apart = theta[cast["candidate_a"]] - theta[cast["candidate_b"]]
    d = np.exp(ln_gamma[who]) * apart + beta[who] * cast["side"]
    weights = np.stack([np.exp(d / 2), np.exp(-d / 2), np.exp(ln_nu[who])], axis=1)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def log_posterior(whole: FloatArray, cast: Columns) -> float:
    """Return the log-posterior; only differences of theta count in the votes."""
    theta, ln_gamma, beta, ln_nu = np.split(whole, [4, 9, 14])
    seen = chances(whole, cast)[np.arange(len(cast["outcome"])), cast["outcome"]]
    prior = ((theta - theta.mean()) / 2.0) ** 2
    penalty = (prior.sum() + ((ln_nu - ln_nu.mean()) ** 2).sum()) / 2
    penalty += ((ln_gamma / 0.5) ** 2).sum() / 2 + ((beta / 0.32) ** 2).sum() / 2
    return float(np.log(seen).sum() - penalty)


def test_predict_is_the_model() -> None:
    rng = np.random.default_rng(9)
    cast = draw_small(rng)
    found = fit_annotators(**cast, n_candidates=4, n_annotators=5)
    asked = {name: cast[name] for name in ("candidate_a", "candidate_b", "annotator", "side")}
    np.testing.assert_allclose(found.predict(**asked), chances(parameters(found), cast), atol=1e-12)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"side": np.array([1, 2])}, "side holds another value than 1"),
        ({"side": np.array([1])}, r"side has shape \(1,\): it must be \(2,\)"),
        ({"n_annotators": 1}, "annotator holds 1: it must be below n_annotators = 1"),
        ({"candidate_b": np.array([1, 5])}, "candidate_b at position 1 is 5"),
    ],
)
def test_fit_refuses_what_are_not_votes(changed: dict[str, Any], message: str) -> None:
    whole: dict[str, Any] = {
        "candidate_a": np.array([0, 0]), "candidate_b": np.array([1, 1]),
        "outcome": np.array([0, 2]), "annotator": np.array([0, 1]), "side": np.array([1, 0]),
        "n_candidates": 2, "n_annotators": 2,
    }  # fmt: skip
    with pytest.raises(ValueError, match=f"^{message}"):
        fit_annotators(**whole | changed)


def test_fit_refuses_no_votes() -> None:
    with pytest.raises(ValueError, match=r"^no votes: the annotator model needs at least one$"):
        fit([])


def test_model_foretells_real_votes_better_than_one_without_annotators(real_data: Path) -> None:
    """Out of sample; the whole table is benchmarks/ranking/annotators.py."""
    folder = real_data / "llmfao"
    if not folder.is_dir():
        pytest.skip(f"no LLMFAO votes at {folder}; set KURABE_REAL_DATA")
    votes = read_llmfao(folder)
    fold = np.random.default_rng(1).permutation(len(votes.columns["outcome"])) % 2
    losses = [foretell(votes, fold, priors).mean() for priors in MODELS.values()]
    base, plain, *_parts, whole = losses
    assert base - plain > 0.05
    assert plain - whole > 0.05
