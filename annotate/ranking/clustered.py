"""Errors of strengths when the votes of one annotator hang together: CR1 and CR3.

G is (annotators, n): the score of each annotator's votes; H is (n, n): the information of all
votes and of the phantom, H_a that of one annotator's votes (Cameron & Miller 2015; the jackknife
form of CR3 is Bell & McCaffrey's, 2002).
"""

import math
from itertools import pairwise

import numpy as np
from scipy.linalg.lapack import dpotrf
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from annotate.ranking.arrays import FloatArray, IntArray, sum_at
from annotate.ranking.scores import score_blocks, score_by_cell
from annotate.ranking.strengths import win_variance
from annotate.ranking.tally import Tally


def sandwich_rows(
    tally: Tally, strengths: FloatArray, inverse: FloatArray, *, symmetric: bool = False
) -> FloatArray:
    """Return (k, n) rows with rows' rows = H+ G'G H+ A / (A - 1), about the mean strength.

    Args:
        inverse: (n, n) of H, pinned where there is no phantom.
        symmetric: by the symmetric root, as rankings had it before. It takes ten times as long, and
            only the random numbers of the score bootstrap fall otherwise.
    """
    n_annotators = tally.n_annotators
    meat = np.zeros((tally.n_candidates, tally.n_candidates))
    for scores in score_blocks(tally, strengths):
        meat += scores.T @ scores
    meat *= n_annotators / (n_annotators - 1)
    bread = centre(inverse)
    return symmetric_root(bread.T @ meat @ bread) if symmetric else sandwich_root(meat, bread)


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
    scores = score_by_cell(tally, strengths, 0, n_annotators)
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


def centre(rows: FloatArray) -> FloatArray:
    """Return rows about the mean of each: errors of strengths whose mean is held at 0."""
    return np.asarray(rows - rows.mean(axis=-1, keepdims=True))


def sandwich_root(meat: FloatArray, bread: FloatArray) -> FloatArray:
    """Return (k, n) rows with rows' rows = bread' meat bread.

    Args:
        meat: (n, n) S'S of scores S, each of which adds up to 0 over the candidates.
        bread: (n, n) inverse information about the mean.
    """
    # What the last candidate scored is what all others did not.
    half, failed = dpotrf(meat[:-1, :-1])
    if failed:  # scores in fewer than n - 1 directions
        return symmetric_root(bread.T @ meat @ bread)
    return np.asarray(half @ (bread[:-1] - bread[-1]))


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
