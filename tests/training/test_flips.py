from collections import Counter

import numpy as np
import pytest

from training.data import DatasetError
from training.flips import HIGHEST, estimate_flip_rate, estimate_vote_error

REPEATS = 40


def simulate_votes(
    rng: np.random.Generator, *, error: float, sizes: list[int], least_lead: int
) -> tuple[list[tuple[int, int]], float]:
    """Vote on 600 pairs, keep those with the lead, and return them with the share that is wrong."""
    size = rng.choice(sizes, 600)
    wrong = rng.binomial(size, error)
    right = size - wrong
    is_kept = np.abs(right - wrong) >= least_lead
    # Of a draw that is kept, chance says which reply is called the chosen one.
    is_flipped = (wrong > right) | ((wrong == right) & (rng.random(600) < 0.5))
    chosen, rejected = np.maximum(right, wrong), np.minimum(right, wrong)
    votes = list(zip(chosen[is_kept].tolist(), rejected[is_kept].tolist(), strict=True))
    return votes, float(is_flipped[is_kept].mean())


@pytest.mark.parametrize("error", [0.05, 0.2, 0.35])
@pytest.mark.parametrize(
    ("sizes", "least_lead"),
    [
        ([3], 1),
        ([1, 2, 3, 4], 1),  # what an export leaves of it
        ([2, 5, 6], 2),  # one that asks for a lead of two
        ([1, 2, 3], 0),  # pairs that nobody selected
    ],
)
def test_flip_rate_is_that_of_simulated_votes(
    error: float, sizes: list[int], least_lead: int
) -> None:
    """Over many datasets the estimate is right on average, to three standard errors."""
    rng = np.random.default_rng(7)
    missed = []
    for _ in range(REPEATS):
        votes, truth = simulate_votes(rng, error=error, sizes=sizes, least_lead=least_lead)
        missed.append(estimate_flip_rate(votes) - truth)
    standard_error = np.std(missed, ddof=1) / np.sqrt(REPEATS)
    assert standard_error < 0.02
    assert abs(np.mean(missed)) < 3 * standard_error


def test_flip_rate_is_nothing_where_all_agree() -> None:
    assert estimate_flip_rate([(3, 0), (5, 0), (1, 0)]) == 0.0


def test_flip_rate_of_coins_is_below_half() -> None:
    assert estimate_flip_rate([(2, 1)] * 90 + [(3, 0)] * 10) == HIGHEST


def test_flip_rate_of_three_votes_is_the_binomial_tail() -> None:
    """Where two of three pairs of votes disagree as 2e(1-e) says, all of it can be told by hand."""
    error = 0.2
    # 3e(1-e) of pairs are split, whichever reply has the two.
    votes = [(2, 1)] * round(1000 * 3 * error * (1 - error))
    votes += [(3, 0)] * (1000 - len(votes))
    assert estimate_vote_error(Counter(votes)) == pytest.approx(error)
    assert estimate_flip_rate(votes) == pytest.approx(error**3 + 3 * error**2 * (1 - error))


def test_pair_without_votes_changes_nothing() -> None:
    votes = [(2, 1), (3, 0), (3, 0)]
    assert estimate_flip_rate([*votes, (0, 0)]) == estimate_flip_rate(votes)


@pytest.mark.parametrize(
    ("votes", "needed"), [([], 3), ([(0, 0)], 3), ([(1, 0), (2, 0)], 3), ([(2, 0), (3, 0)], 4)]
)
def test_flip_rate_says_when_nobody_can_disagree(votes: list[tuple[int, int]], needed: int) -> None:
    with pytest.raises(DatasetError, match=f"no pair has {needed} decisive .* label_smoothing"):
        estimate_flip_rate(votes)
