"""Which candidates may be ranked against each other."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from annotate.ranking.arrays import IntArray
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
    half_wins = tally.half_win_matrix()
    votes = half_wins.sum(axis=0) + half_wins.sum(axis=1)
    # An edge from each candidate to those it has half a win over.
    _, label = connected_components(
        csr_array(half_wins), directed=True, connection="weak" if prior > 0 else "strong"
    )
    voted = np.flatnonzero(votes)
    groups = [voted[label[voted] == group] for group in np.flatnonzero(np.bincount(label[voted]))]
    return sorted(groups, key=lambda members: (-len(members), -votes[members].sum(), members[0]))
