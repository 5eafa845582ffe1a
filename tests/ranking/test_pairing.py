"""The pairs that met least come first."""

import re
from typing import Any

import numpy as np
import pytest

from annotate.ranking import order_pairs


def test_order_puts_the_least_exposed_pair_first() -> None:
    exposures = np.array([[9, 5, 2], [5, 9, 7], [2, 7, 9]])
    pairs = order_pairs(exposures=exposures, rng=np.random.default_rng(0))
    assert pairs.tolist() == [[0, 2], [0, 1], [1, 2]]


def test_order_draws_equals_at_random() -> None:
    rng = np.random.default_rng(0)
    first = [tuple(order_pairs(exposures=np.zeros((4, 4), int), rng=rng)[0]) for _ in range(3000)]
    pairs, counts = np.unique(first, axis=0, return_counts=True)
    assert len(pairs) == 6
    assert np.abs(counts - 500).max() < 5 * np.sqrt(500 * 5 / 6)


def test_order_is_the_same_for_the_same_seed() -> None:
    exposures = np.ones((9, 9), int)
    first, again = (
        order_pairs(exposures=exposures, rng=np.random.default_rng(5)).tolist() for _ in range(2)
    )
    assert first == again


def test_taking_the_first_pair_each_time_keeps_exposures_even() -> None:
    rng = np.random.default_rng(1)
    exposures = np.zeros((7, 7), dtype=np.int64)
    for _ in range(100):
        i, j = order_pairs(exposures=exposures, rng=rng)[0]
        exposures[i, j] += 1
        exposures[j, i] += 1
    met = exposures[np.triu_indices(7, k=1)]
    assert (met.min(), met.max()) == (4, 5)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_candidates_have_no_pair(n: int) -> None:
    pairs = order_pairs(exposures=np.zeros((n, n), int), rng=np.random.default_rng(0))
    assert pairs.shape == (0, 2)


@pytest.mark.parametrize(
    ("exposures", "message"),
    [
        (np.zeros((2, 3), int), "exposures has shape (2, 3): it must be square"),
        (np.zeros((2, 2)), "exposures holds float64: it must hold integers"),
        (
            np.array([[0, 1], [2, 0]]),
            "exposures[0, 1] is 1 but [1, 0] is 2: they must be equal",
        ),
        (np.array([[0, -1], [-1, 0]]), "exposures[0, 1] is -1: it must be 0 or more"),
    ],
)
def test_order_refuses_what_are_not_exposures(exposures: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        order_pairs(exposures=exposures, rng=np.random.default_rng(0))
