"""P(best) and FastChat's bootstrap agree with what can be worked out."""

import math

import numpy as np
import pytest
from scipy.stats import binom, norm, t

from annotate.ranking.resampling import chance_best, draw_errors, vote_bootstrap
from annotate.ranking.votes import check_votes
from tests.ranking.columns import columns, votes


def best(strengths: list[float], errors: list[float], df: float = math.inf) -> np.ndarray:
    rng = np.random.default_rng(0)
    drawn = draw_errors(np.diag(errors), n_resamples=40_000, rng=rng)
    return chance_best(np.array(strengths), drawn, df=df, rng=rng)


def test_drawn_errors_have_the_covariance_of_their_rows() -> None:
    rows = np.array([[1.0, 0.5], [0.0, 2.0], [0.3, 0.0]])
    drawn = draw_errors(rows, n_resamples=100_000, rng=np.random.default_rng(0))
    assert np.cov(drawn.T) == pytest.approx(rows.T @ rows, abs=0.04)


def test_the_chance_of_two_is_that_of_the_sign_of_their_difference() -> None:
    chances = best([0.5, 0.0], [0.3, 0.4])
    assert chances[0] == pytest.approx(norm.cdf(0.5 / 0.5), abs=0.01)
    assert chances.sum() == 1


def test_with_few_clusters_the_chance_is_that_of_t() -> None:
    chances = best([1.0, 0.0], [0.3, 0.4], df=2)
    assert chances[0] == pytest.approx(t.cdf(2.0, 2), abs=0.01)
    assert chances[0] < best([1.0, 0.0], [0.3, 0.4])[0]


def test_equals_share_the_chance() -> None:
    assert best([0.0] * 4, [1.0] * 4) == pytest.approx([0.25] * 4, abs=0.01)


def test_who_is_far_behind_has_no_chance() -> None:
    assert best([9.0, 0.0], [0.1, 0.1]).tolist() == [1.0, 0.0]


def bootstrap(n_annotators: int, prior: float = 0.0) -> tuple[float, float, float]:
    """Return FastChat's interval of the first of two, who won 90 of 120 votes and drew none."""
    cast = [
        vote
        for k in range(n_annotators)
        for vote in votes(0, 1, a=90 // n_annotators, b=30 // n_annotators, annotator=k)
    ]
    found = vote_bootstrap(
        check_votes(**columns(cast), n_candidates=2), prior=prior, level=0.95, n_resamples=2000,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    return float(found.low[0]), float(found.median[0]), float(found.high[0])


def test_the_vote_bootstrap_has_the_percentiles_of_a_binomial() -> None:
    low, median, high = bootstrap(1)
    wins = binom.ppf([0.025, 0.5, 0.975], 120, 0.75)
    # A win more or less moves the end by .02.
    assert (low, median, high) == pytest.approx(np.log(wins / (120 - wins)) / 2, abs=0.03)


def test_the_vote_bootstrap_does_not_see_annotators() -> None:
    assert bootstrap(30) == bootstrap(2)


def test_the_vote_bootstrap_reads_ties_as_half_wins_and_sides_as_candidates() -> None:
    cast = votes(0, 1, a=40, tie=20) + votes(1, 0, a=10, both_bad=20)
    found = vote_bootstrap(
        check_votes(**columns(cast), n_candidates=2), prior=0, level=0.9, n_resamples=500,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert found.median == pytest.approx([math.log(2) / 2, -math.log(2) / 2], abs=0.02)
    assert (found.low < found.median).all()
    assert (found.median < found.high).all()


def test_a_prior_keeps_a_resample_of_one_sided_votes_finite() -> None:
    cast = votes(0, 1, a=5) + votes(1, 2, a=5)
    found = vote_bootstrap(
        check_votes(**columns(cast), n_candidates=3), prior=0.5, level=0.95, n_resamples=50,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert np.isfinite([found.low, found.high]).all()
