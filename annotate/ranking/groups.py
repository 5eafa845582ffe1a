"""Which candidates may be ranked against each other."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from annotate.ranking.arrays import IntArray, sum_at
from annotate.ranking.tally import Tally


def split_groups(tally: Tally, *, prior: float) -> list[IntArray]:
    """Return the connected groups of candidates with votes, the largest first.

    With a prior, any chain of votes joins two candidates (weakly connected): the phantom opponent
    keeps an unbeaten or winless candidate finite, so it stays with those that it met. Without one
    the maximum likelihood exists only where each candidate leads to each other by a chain of
    half-wins (strongly connected; Ford 1957), so an unbeaten candidate is a group of its own.

    Groups of equal size: the one with more votes first, then the one with the lowest index. The
    members of each ascend.
    """
    votes = _votes_each(tally)
    _, label = connected_components(
        _half_win_graph(tally), directed=True, connection="weak" if prior > 0 else "strong"
    )
    voted = np.flatnonzero(votes)
    groups = [voted[label[voted] == group] for group in np.unique(label[voted])]
    return sorted(groups, key=lambda members: (-len(members), -votes[members].sum(), members[0]))


def _votes_each(tally: Tally) -> IntArray:
    n = tally.n_candidates
    votes = sum_at(tally.first, tally.votes, n) + sum_at(tally.second, tally.votes, n)
    return votes.astype(np.int64)


def _half_win_graph(tally: Tally) -> coo_array:
    """Return the graph with an edge from each candidate to those it has half a win over."""
    won, lost = tally.half_wins > 0, tally.half_wins < tally.votes
    winner = np.concatenate([tally.first[won], tally.second[lost]])
    loser = np.concatenate([tally.second[won], tally.first[lost]])
    return coo_array((np.ones(len(winner)), (winner, loser)), shape=(tally.n_candidates,) * 2)
