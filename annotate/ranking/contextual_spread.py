"""Errors of strengths and coefficients together, when votes hang together by cluster.

The same CR3 and CR1 as `clustered.py` has, on strengths and coefficients in one row: z = (e_first -
e_second, x) takes the place of e_first - e_second, and information and scores are weighed.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import pinvh
from scipy.sparse import csr_array

from annotate.ranking.arrays import FloatArray, IntArray, effective_number, number_present
from annotate.ranking.clustered import symmetric_root
from annotate.ranking.contextual import Design, information, on_strengths, pin, vote_information
from annotate.ranking.crossed import FEW_CLUSTERS
from annotate.ranking.methods import Clustering, IntervalMethod
from annotate.ranking.spread import ALONE, MANY_ANNOTATORS, Spread, find_widest


@dataclass(frozen=True)
class _Bread:
    """What every clustering of one fit shares.

    Attributes:
        place: (n + p,) where it was fitted.
        curve: (n + p, n + p) information, both priors included.
        inverse: of it, pinned where there is no phantom.
    """

    design: Design
    place: FloatArray
    curve: FloatArray
    inverse: FloatArray
    prior: float

    def centred(self, rows: FloatArray) -> FloatArray:
        """Return rows with the strengths of each about their mean."""
        n = self.design.n_candidates
        rows = rows.copy()
        rows[:, :n] -= rows[:, :n].mean(axis=1, keepdims=True)
        return rows


def measure_contextual_spread(
    design: Design,
    place: FloatArray,
    *,
    prior: float,
    annotator: IntArray,
    others: Mapping[Clustering, IntArray],
    evenly: bool = False,
) -> Spread:
    """Return the spread of strengths and coefficients, (n + p) columns, strengths first.

    Clusters are chosen as `measure_spread` does, and by the strengths alone: by annotator, CR3
    below 200 of them and CR1 above; where other clusters are given, the widest of that and of the
    two-way ones; with a single annotator the other clusters alone, or Fisher information.

    Args:
        place: (n + p,) as `fit_contextual` gives it.
        annotator: (votes,) indices.
        others: (votes,) second clusters, by what votes are then clustered by.
        evenly: take annotators as voting alike much, as `measure_spread` may.
    """
    curve = information(design, place, prior)
    inverse = np.linalg.inv(pin(curve, design.n_candidates, prior))
    bread = _Bread(design, place, curve, np.asarray(inverse, dtype=np.float64), prior)
    independent = _independent_rows(bread)
    n_annotators, owner = number_present(annotator)
    alone = n_annotators == 1
    if alone:
        own = Spread(IntervalMethod.FISHER, math.inf, independent, independent, Clustering.NONE)
    else:
        method, rows = _cluster_rows(bread, owner, n_annotators)
        df = n_annotators - 1.0 if evenly else count_effective(owner, design.weights)
        own = Spread(method, df, rows, independent)
    spreads = [own]
    for by, cluster in others.items():
        n_others, other = number_present(cluster)
        if not FEW_CLUSTERS <= n_others < len(other):
            continue
        method, rows = _cluster_rows(bread, other, n_others)
        df = count_effective(other, design.weights)
        found = Spread(method, df, rows, independent, ALONE[by])
        spreads += [found] if alone else _cross(own, found, bread, owner, other, by)
    widest = find_widest([_of_strengths(spread, design.n_candidates) for spread in spreads])
    return next(spread for spread in spreads if spread.clusters == widest.clusters)


def count_effective(cluster: IntArray, weights: FloatArray) -> float:
    """Return t's degrees of freedom: clusters less 1, or their effective number where it is less.

    Args:
        cluster: (votes,) from 0, each with a vote.
        weights: (votes,).
    """
    votes = np.bincount(cluster, weights=weights)
    return min(len(votes) - 1.0, effective_number(votes))


def _of_strengths(spread: Spread, n: int) -> Spread:
    return replace(spread, rows=spread.rows[:, :n])


def _independent_rows(bread: _Bread) -> FloatArray:
    """Return rows as if votes were independent.

    Without weights that is Fisher's information; with weights its sandwich, for a weight makes an
    error larger and not only a vote.
    """
    half = bread.centred(bread.inverse)
    covariance = bread.centred(half.T)
    if (bread.design.weights != 1).any():
        # What is known of the priors stays, and the votes' part is that of their scores.
        score_variance = bread.curve - vote_information(bread.design, bread.place)
        score_variance += vote_information(bread.design, bread.place, power=2)
        covariance = half.T @ score_variance @ half
    return symmetric_root((covariance + covariance.T) / 2)


def _cluster_rows(
    bread: _Bread, owner: IntArray, n_clusters: int
) -> tuple[IntervalMethod, FloatArray]:
    if n_clusters < MANY_ANNOTATORS:
        return IntervalMethod.CR3, _jackknife_rows(bread, owner, n_clusters)
    return IntervalMethod.CR1, symmetric_root(_sandwich(bread, owner, n_clusters))


def _cross(
    own: Spread, other: Spread, bread: _Bread, owner: IntArray, cluster: IntArray, by: Clustering
) -> list[Spread]:
    """Return the two-way spread V_annotator + V_other - V_both; none where clusters are nested."""
    n_both, both = number_present(cluster * (int(owner.max()) + 1) + owner)
    if n_both == int(cluster.max()) + 1:
        return []
    covariance = own.covariance + other.covariance - _sandwich(bread, both, n_both)
    df = min(own.df, other.df)
    return [replace(own, clusters=by, df=df, rows=symmetric_root(covariance))]


def _sandwich(bread: _Bread, owner: IntArray, n_clusters: int) -> FloatArray:
    """Return (n + p, n + p) the CR1 covariance, by sparse scores."""
    design = bread.design
    n, p = design.n_candidates, design.n_covariates
    excess = design.excess(bread.place)
    places = [design.first, design.second, *(np.full_like(owner, n + k) for k in range(p))]
    values = [excess, -excess, *(excess * column for column in design.covariates.T)]
    scores = csr_array(
        (np.concatenate(values), (np.tile(owner, 2 + p), np.concatenate(places))),
        shape=(n_clusters, n + p),
    )
    meat = np.asarray((scores.T @ scores).todense())
    half = bread.centred(bread.inverse)
    return np.asarray(half.T @ meat @ half * (n_clusters / (n_clusters - 1)))


def _jackknife_rows(bread: _Bread, owner: IntArray, n_clusters: int) -> FloatArray:
    """Return (clusters, n + p) rows sqrt((A - 1) / A) (delta_a - mean)."""
    design = bread.design
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(n_clusters + 1))
    pairs = _pair_weights(design)
    deltas = np.empty((n_clusters, len(bread.place)))
    for number in range(n_clusters):
        own = design.part(order[ends[number] : ends[number + 1]])
        excess = own.excess(bread.place)
        score = np.concatenate(
            [on_strengths(own, excess[:, None])[:, 0], own.covariates.T @ excess]
        )
        deltas[number] = -_solve_without(bread, own, score, pairs)
    rows = bread.centred(deltas - deltas.mean(axis=0))
    return rows * math.sqrt((n_clusters - 1) / n_clusters)


def _solve_without(bread: _Bread, own: Design, score: FloatArray, pairs: FloatArray) -> FloatArray:
    """Return (H - H_a)^-1 G_a, by Woodbury's identity on the parameters that a's votes touch.

    Without a phantom an annotator may alone join two parts of the group. Leaving them out says
    nothing of the distance of the parts, and it stays where it was: the least solution.
    """
    curve = vote_information(own, bread.place)
    if bread.prior == 0 and not (pairs > _pair_weights(own))[own.first, own.second].all():
        return np.asarray(pinvh(bread.curve - curve, rtol=1e-10) @ score)
    touched = np.flatnonzero(np.diag(curve) > 0)
    rows = bread.inverse[touched]
    inner = np.eye(len(touched)) - curve[np.ix_(touched, touched)] @ rows[:, touched]
    return np.asarray(np.linalg.solve(inner, score[touched]) @ rows)


def _pair_weights(design: Design) -> FloatArray:
    """Return (n, n) symmetric votes on each pair."""
    n = design.n_candidates
    met = np.bincount(design.first * n + design.second, minlength=n * n).reshape(n, n)
    return np.asarray(met + met.T, dtype=np.float64)
