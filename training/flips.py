"""How many labels are wrong, from how often annotators disagree."""

import math
from collections import Counter
from collections.abc import Sequence

from training.data import DatasetError

# Below .5, where a label says nothing and the robust loss has no value.
HIGHEST = 0.499
_HALVINGS = 50

# How many pairs have which votes, for chosen and for rejected.
Tally = Counter[tuple[int, int]]


def estimate_flip_rate(votes: Sequence[tuple[int, int]]) -> float:
    """Return the share of pairs whose chosen reply is the worse one, from the votes behind them.

    `votes` are the decisive ones of each pair, for chosen and for rejected. Each vote is taken to
    be wrong with one probability e, independently; a pair that leads by d votes is then wrong with
    probability 1 / (1 + ((1-e)/e)^d). Over pairs of n votes that is on average the binomial tail,
    but it holds as well where pairs were kept for their lead. Pairs without a vote tell nothing.

    The result, 0 to below .5, is what TRL's robust loss takes (Chowdhury 2024).

    Raises DatasetError where no pair has votes enough for a disagreement to be seen.
    """
    tally = Counter(pair for pair in votes if sum(pair))
    error = estimate_vote_error(tally)
    wrong = sum(n * _wrong_share(error, lead=pair[0] - pair[1]) for pair, n in tally.items())
    return min(wrong / tally.total(), HIGHEST)


def estimate_vote_error(tally: Tally) -> float:
    """Return the probability, 0 to .5, that one vote is wrong.

    Two votes on one pair disagree with probability 2e(1-e); e is where as many pairs of votes are
    expected to disagree as do. What is expected is expected of pairs that lead by as much as the
    pairs at hand: an export leaves out those without a majority, so that its pairs of two votes
    never disagree, however careless the annotators.
    """
    least_lead = min((abs(won - lost) for won, lost in tally), default=1)
    sizes: Counter[int] = Counter()
    counted = 0
    for (won, lost), n in tally.items():
        sizes[won + lost] += n
        counted += n * won * lost
    if not any(size >= least_lead + 2 for size in sizes):
        raise DatasetError(
            f"no pair has {least_lead + 2} decisive votes or more, and as each leads by"
            f" {least_lead} or more, nobody can be seen to disagree: the share of wrong labels is"
            " not known; expected label_smoothing to be set"
        )
    low, high = 0.0, 0.5
    for _ in range(_HALVINGS if counted else 0):
        error = (low + high) / 2
        expected = sum(n * _expect_disagreements(error, size, least_lead)
                       for size, n in sizes.items())  # fmt: skip
        low, high = (error, high) if expected < counted else (low, error)
    return low


def _expect_disagreements(error: float, size: int, least_lead: int) -> float:
    """Return how many pairs of votes disagree on average, of `size` votes with a lead so large."""
    weights = []
    losers = range((size - least_lead) // 2 + 1)
    for lost in losers:
        won = size - lost
        # Either side may be the right one; a draw is the same from both.
        ways = math.comb(size, lost) / (2 if won == lost else 1)
        right = error**lost * (1 - error) ** won
        wrong = error**won * (1 - error) ** lost
        weights.append(ways * (right + wrong))
    disagreements = (
        weight * lost * (size - lost) for weight, lost in zip(weights, losers, strict=True)
    )
    return math.fsum(disagreements) / math.fsum(weights)


def _wrong_share(error: float, *, lead: int) -> float:
    if error == 0:
        return 0.5 if lead == 0 else float(lead < 0)
    return 1 / (1 + ((1 - error) / error) ** lead)
