"""Errors of strengths when votes hang together two ways: by annotator, and by what was shown."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from annotate.ranking.arrays import FloatArray, IntArray, number_present, sum_at
from annotate.ranking.methods import Clustering
from annotate.ranking.scores import score_blocks
from annotate.ranking.tally import Tally
from annotate.ranking.votes import Ballots

# With fewer prompts t is so wide that nothing is left to rank by: the ranking is then one of what
# those prompts show, and not of what others would.
FEW_CLUSTERS = 5
# A product of matrices does so many multiplications while one is done cell by cell.
_DENSE = 8


@dataclass(frozen=True)
class Crossing:
    """Votes counted again by a second kind of cluster, for instance the prompt.

    Attributes:
        by: what the votes are clustered by: the annotator and the second kind.
        other: cells of second cluster and pair; what it calls annotators are those clusters.
        both: cells of second cluster, annotator and pair, likewise.
    """

    by: Clustering
    other: Tally
    both: Tally

    @property
    def is_useful(self) -> bool:
        """Whether the second clusters are not too few, and say more than single votes do."""
        n_clusters, n_votes = self.other.n_annotators, self.other.n_votes
        return FEW_CLUSTERS <= n_clusters < n_votes

    @property
    def is_nested(self) -> bool:
        """Whether each second cluster holds votes of one annotator, who thus says it all."""
        return self.both.n_annotators == self.other.n_annotators

    def within(self, members: IntArray) -> "Crossing":
        """Return the cells between members only, as `Tally.within` does."""
        return Crossing(self.by, self.other.within(members), self.both.within(members))


def cross_votes(
    columns: Ballots, clusters: Iterable[tuple[Clustering, IntArray]]
) -> list[Crossing]:
    """Count the votes by each second kind of cluster.

    Args:
        clusters: each with its (votes,) indices, 0 or more, with or without gaps.
    """
    n_annotators, annotator = number_present(columns.annotator)
    annotator = annotator.astype(np.int64, copy=False)
    crossings = []
    for by, cluster in clusters:
        other = _number(cluster)
        both = _number(other * n_annotators + annotator)
        tallies = [Tally(replace(columns, annotator=key)) for key in (other, both)]
        crossings.append(Crossing(by, *tallies))
    return crossings


def _number(keys: IntArray) -> IntArray:
    """Return the place of each among the distinct: on keys far apart faster than a search."""
    order = np.argsort(keys)
    ordered = keys[order]
    place = np.empty_like(keys)
    place[order] = np.cumsum(np.diff(ordered, prepend=ordered[:1]) > 0)
    return place


def check_clusters(name: str, column: ArrayLike, *, n_votes: int) -> IntArray:
    """Return a column of clusters once every value is known to be an index.

    Raises:
        ValueError: it is not one-dimensional, not of integers, of another length than the votes,
            or holds a value below 0.
    """
    values = np.asarray(column)
    if values.shape != (n_votes,):
        raise ValueError(f"{name} has shape {values.shape}: it must be ({n_votes},), one a vote")
    if values.size and not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{name} holds {values.dtype}: it must hold integers")
    if (values < 0).any():
        position = int(np.argmax(values < 0))
        raise ValueError(
            f"{name} at position {position} is {values[position]}: it must be an index of 0 or more"
        )
    return values.astype(np.int64, copy=False)


def sandwich(tally: Tally, strengths: FloatArray, bread: FloatArray) -> FloatArray:
    """Return (n, n) the CR1 covariance bread' G'G bread A / (A - 1) of clusters of any size.

    Args:
        bread: (n, n) inverse information about the mean.
    """
    n_clusters = tally.n_annotators
    sizes = np.bincount(tally.annotator, minlength=n_clusters)
    if (sizes**2).sum() < n_clusters * tally.n_candidates**2 / _DENSE:
        meat = _multiply_cells(tally, strengths)
    else:
        meat = np.zeros_like(bread)
        for scores in score_blocks(tally, strengths):
            meat += scores.T @ scores
    return np.asarray(bread.T @ meat @ bread * (n_clusters / (n_clusters - 1)))


def _multiply_cells(tally: Tally, strengths: FloatArray) -> FloatArray:
    """Return G'G cell by cell: each times itself, and times those after it in its cluster."""
    n, owner = tally.n_candidates, tally.annotator
    chance = expit(strengths[tally.first] - strengths[tally.second])
    excess = tally.half_wins - tally.votes * chance
    sides = ((tally.first, 1), (tally.second, -1))
    meat = np.zeros((n, n))
    here, apart = np.arange(len(owner)), 0
    while len(here):
        there = here + apart
        product = excess[here] * excess[there]
        once = np.zeros(n * n)
        for (row, sign), (column, other_sign) in itertools.product(sides, sides):
            once += sign * other_sign * sum_at(row[here] * n + column[there], product, n * n)
        square = once.reshape(n, n)
        meat += square + square.T if apart else square
        apart += 1
        here = here[: np.searchsorted(here, len(owner) - apart)]
        here = here[owner[here] == owner[here + apart]]
    return meat
