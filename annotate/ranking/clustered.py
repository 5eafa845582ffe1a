"""Errors of strengths when the votes of one annotator hang together: CR1 and CR3.

G is (annotators, n): the score of each annotator's votes; H is (n, n): the information of all
votes and of the phantom, H_a that of one annotator's votes (Cameron & Miller 2015; the jackknife
form of CR3 is Bell & McCaffrey's, 2002).
"""

import math
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from annotate.ranking.arrays import FloatArray, IntArray, sum_at
from annotate.ranking.strengths import win_variance
from annotate.ranking.tally import Tally

# Annotators whose scores are held at once: 8 MB for 1,000 candidates.
_BLOCK = 1024


def sandwich_rows(tally: Tally, strengths: FloatArray, inverse: FloatArray) -> FloatArray:
    """Return (n, n) rows with rows' rows = H+ G'G H+ A / (A - 1), about the mean strength.

    Args:
        inverse: (n, n) of H, pinned where there is no phantom.
    """
    n_annotators = tally.n_annotators
    meat = np.zeros((tally.n_candidates, tally.n_candidates))
    for begin in range(0, n_annotators, _BLOCK):
        scores = score_annotators(tally, strengths, begin, min(begin + _BLOCK, n_annotators))
        meat += scores.T @ scores
    bread = centre(inverse)
    return symmetric_root(bread.T @ meat @ bread * (n_annotators / (n_annotators - 1)))


def jackknife_rows(
    tally: Tally, strengths: FloatArray, curve: FloatArray, inverse: FloatArray
) -> FloatArray:
    """Return (annotators, n) rows sqrt((A - 1) / A) (delta_a - mean), about the mean strength.

    delta_a = -(H - H_a)^-1 G_a. Where an annotator alone joins two parts of the group, leaving
    them out says nothing about the distance of the parts, and it stays where it was.

    Args:
        curve: (n, n) H.
        inverse: (n, n) of H, pinned where there is no phantom.
    """
    n_annotators = tally.n_annotators
    scores = score_annotators(tally, strengths, 0, n_annotators)
    half_wins = tally.half_win_matrix()
    pairs = half_wins + half_wins.T
    deltas = np.empty_like(scores)
    ends = np.searchsorted(tally.annotator, np.arange(n_annotators + 1))
    for annotator, (begin, end) in enumerate(pairwise(ends)):
        first, second = tally.first[begin:end], tally.second[begin:end]
        votes = tally.votes[begin:end]
        weight = votes * win_variance(strengths[first] - strengths[second])
        part = _parts_without(pairs, first, second, votes)
        if part.any():
            own = _laplacian(first, second, weight, len(pairs))
            deltas[annotator] = -_solve_parts(curve - own, scores[annotator], part)
        else:
            deltas[annotator] = -_solve_less(inverse, first, second, weight, scores[annotator])
    return centre(deltas - deltas.mean(axis=0)) * math.sqrt((n_annotators - 1) / n_annotators)


def score_annotators(tally: Tally, strengths: FloatArray, begin: int, end: int) -> FloatArray:
    """Return (end - begin, n) the scores G of annotators begin .. end - 1."""
    n = tally.n_candidates
    cells = slice(*np.searchsorted(tally.annotator, [begin, end]))
    first, second = tally.first[cells], tally.second[cells]
    excess = tally.half_wins[cells] - tally.votes[cells] * expit(
        strengths[first] - strengths[second]
    )
    row = (tally.annotator[cells] - begin) * n
    size = (end - begin) * n
    gained = sum_at(row + first, excess, size)
    lost = sum_at(row + second, excess, size)
    return (gained - lost).reshape(end - begin, n)


def centre(rows: FloatArray) -> FloatArray:
    """Return rows about the mean of each: errors of strengths whose mean is held at 0."""
    return np.asarray(rows - rows.mean(axis=-1, keepdims=True))


def symmetric_root(covariance: FloatArray) -> FloatArray:
    """Return the symmetric root; of a given covariance there is only one."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)


def _parts_without(
    pairs: FloatArray, first: IntArray, second: IntArray, votes: IntArray
) -> IntArray:
    """Return (n,) the connected part of each candidate once these votes are gone."""
    if (pairs[first, second] > votes).all():
        return np.zeros(len(pairs), dtype=np.int64)
    rest = pairs.copy()
    rest[first, second] -= votes
    rest[second, first] -= votes
    _, part = connected_components(csr_array(rest), directed=False)
    return part.astype(np.int64)


def _solve_less(
    inverse: FloatArray, first: IntArray, second: IntArray, weight: FloatArray, score: FloatArray
) -> FloatArray:
    """Return (H - H_a)^-1 G_a by Woodbury's identity on the m candidates that a has seen.

    (H - U K U')^-1 U = H^-1 U (I - K U' H^-1 U)^-1, with U the m columns of the identity.
    """
    seen, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    half = len(first)
    own = _laplacian(place[:half], place[half:], weight, len(seen))
    rows = inverse[seen]  # H^-1 is symmetric, and rows are quicker to gather than columns
    inner = np.eye(len(seen)) - own @ rows[:, seen]
    return np.asarray(np.linalg.solve(inner, score[seen]) @ rows)


def _solve_parts(rest: FloatArray, score: FloatArray, part: IntArray) -> FloatArray:
    """Return the solution in which no part moves as a whole: there rest may be singular."""
    size = np.bincount(part)
    balanced = score - (sum_at(part, score, len(size)) / size)[part]
    together = (part[:, None] == part[None, :]) * (np.trace(rest) / len(rest) ** 2)
    return np.asarray(np.linalg.solve(rest + together, balanced))


def _laplacian(first: IntArray, second: IntArray, weight: FloatArray, n: int) -> FloatArray:
    own = sum_at(first * n + second, weight, n * n).reshape(n, n)
    own += own.T
    return np.diag(own.sum(axis=1)) - own
