"""Means by group: their intervals hold what they should, and say nothing where nothing is known."""

import numpy as np
import pytest
from scipy.stats import t as student_t

from annotate.ranking.means import mean_by_group


def test_mean_of_clusters_of_one_is_the_usual_mean_with_students_interval() -> None:
    x = np.array([1.0, 2.0, 4.0, 9.0])
    means = mean_by_group(x, np.zeros(4, dtype=int), np.arange(4), n_groups=1)
    reach = student_t.ppf(0.975, 3) * x.std(ddof=1) / 2
    assert means.mean[0] == pytest.approx(4)
    assert (means.low[0], means.high[0]) == pytest.approx((4 - reach, 4 + reach))
    assert (means.n[0], means.n_clusters[0]) == (4, 4)


def test_interval_of_repeats_is_that_of_the_clusters_means() -> None:
    """Ten equal replies to a prompt tell no more than one of them."""
    x = np.array([1.0, 2.0, 4.0, 9.0])
    once = mean_by_group(x, np.zeros(4, dtype=int), np.arange(4), n_groups=1)
    often = mean_by_group(
        np.repeat(x, 10), np.zeros(40, dtype=int), np.repeat(np.arange(4), 10), n_groups=1
    )
    assert often.high[0] == pytest.approx(once.high[0])
    assert often.n[0] == 40


def test_groups_are_apart_and_what_is_unknown_counts_nowhere() -> None:
    values = [1.0, np.nan, 3.0, 10.0, 20.0]
    means = mean_by_group(values, [0, 0, 0, 2, 2], [0, 1, 2, 0, 1], n_groups=4)
    assert means.mean.tolist()[::2] == [2.0, 15.0]
    assert np.isnan(means.mean[[1, 3]]).all()
    assert means.n.tolist() == [2, 0, 2, 0]


def test_no_interval_from_one_cluster_or_from_equal_values() -> None:
    means = mean_by_group([1.0, 2.0, 5.0, 5.0], [0, 0, 1, 1], [0, 0, 0, 1], n_groups=2)
    assert np.isnan(means.low).all()
    assert np.isnan(means.high).all()
    assert means.mean.tolist() == [1.5, 5.0]


def test_intervals_of_clusters_of_uneven_size_cover_as_often_as_they_say() -> None:
    """400 worlds of 60 prompts with one to five replies each, prompts differing as replies do."""
    rng = np.random.default_rng(5)
    hits = 0
    for _world in range(400):
        sizes = rng.integers(1, 6, 60)
        prompt = np.repeat(np.arange(60), sizes)
        x = np.repeat(rng.normal(size=60), sizes) + rng.normal(size=len(prompt))
        means = mean_by_group(x, np.zeros(len(x), dtype=int), prompt, n_groups=1)
        hits += bool(means.low[0] <= 0 <= means.high[0])
    assert 0.92 < hits / 400 < 0.98
