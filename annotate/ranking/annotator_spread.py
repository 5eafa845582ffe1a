"""Errors of the annotator model's strengths, when an annotator's votes hang together.

The model knows of each annotator's reliability, side bias and ties, and not of their taste: so its
own error is too small, and annotators are left out one at a time, as for plain strengths (CR3, and
CR1 from 200 of them on), and prompts and pairs of completions beside them where that is wider.
With what is an annotator's own put at its best (profiled), the score of annotator k in the common
parameters is G_k, the information S_k = C_k - X_k D_k^-1 X_k', and the step to where the others'
votes lead is -(S - S_k)^-1 G_k. A prompt has votes of many: it is left out of the whole system.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array

from annotate.ranking.annotators import AnnotatorFit, inform_of_annotators
from annotate.ranking.arrays import BoolArray, FloatArray, IntArray, number_present
from annotate.ranking.arrowhead import Arrowhead
from annotate.ranking.clustered import centre, symmetric_root
from annotate.ranking.contextual_spread import count_effective
from annotate.ranking.crossed import FEW_CLUSTERS
from annotate.ranking.methods import Clustering, IntervalMethod
from annotate.ranking.spread import MANY_ANNOTATORS, Spread, find_widest
from annotate.ranking.votes import TIE, VoteColumns

# Clusters whose scores are held at once.
_BLOCK = 4096


@dataclass(frozen=True)
class CommonSpread:
    """Strengths of the annotator model on the scale of half-wins, with their error.

    Attributes:
        scale: 1 + nu / 2, by which the model's differences were divided: near 0 that is how much
            steeper they are than differences of strengths fitted to half-wins (nu: the common tie
            weight).
        strengths: (n,) mean 0.
        spread: of these.
    """

    scale: float
    strengths: FloatArray
    spread: Spread


@dataclass(frozen=True)
class _Slopes:
    """The information of votes at the fit, with the slope of each vote in ln nu.

    Attributes:
        arrow: the observed information; its residual is the slope of each vote in d.
        tie: (votes,).
    """

    arrow: Arrowhead
    tie: FloatArray

    def part(self, kept: BoolArray | IntArray | slice) -> "_Slopes":
        """Return some of the votes, of the same annotators."""
        arrow = self.arrow
        part = replace(
            arrow, first=arrow.first[kept], second=arrow.second[kept], owner=arrow.owner[kept],
            lever=arrow.lever[kept], own=arrow.own[:, kept], by_d=arrow.by_d[kept],
            by_both=arrow.by_both[kept], by_tie=arrow.by_tie[kept], residual=arrow.residual[kept],
        )  # fmt: skip
        return _Slopes(part, self.tie[kept])

    def common(self, cluster: IntArray, n_clusters: int) -> csr_array:
        """Return (clusters, n + 1) the scores of each cluster's votes in what is common."""
        arrow, n = self.arrow, self.arrow.n_common
        pull = arrow.residual * arrow.lever
        places = [arrow.first, arrow.second, np.full_like(arrow.first, n)]
        values = np.concatenate([pull, -pull, self.tie])
        rows = np.tile(cluster, 3)
        return csr_array((values, (rows, np.concatenate(places))), shape=(n_clusters, n + 1))

    def own(self, cluster: IntArray, n_clusters: int) -> csr_array:
        """Return (clusters, 3 owners) the same in the annotators' own three."""
        arrow = self.arrow
        values = [*(arrow.residual * own for own in arrow.own), self.tie * arrow.own_tie]
        places = np.concatenate([3 * arrow.owner + k for k in range(3)])
        shape = n_clusters, 3 * arrow.n_owners
        return csr_array((np.concatenate(values), (np.tile(cluster, 3), places)), shape=shape)


def measure_common_spread(
    columns: VoteColumns,
    side: IntArray,
    fit: AnnotatorFit,
    *,
    others: Mapping[Clustering, IntArray] | None = None,
    evenly: bool = False,
) -> CommonSpread:
    """Return the strengths as half-wins have them, for an annotator of reliability 1.

    Args:
        columns: the votes that the fit saw, annotators 0 .. A - 1 with a vote each, A >= 2.
        side: (votes,) of a, likewise.
        others: (votes,) second clusters, by what votes are then clustered by; the widest is taken,
            as for plain strengths.
        evenly: take annotators as voting alike much, as `measure_spread` may.

    Raises:
        ValueError: there is only one annotator.
    """
    if len(fit.reliability) < 2:
        raise ValueError("one annotator: errors clustered by annotator need two")
    slopes = _slopes(columns, side, fit)
    whole = slopes.arrow.schur()
    inverse = np.asarray(np.linalg.inv(whole), dtype=np.float64)
    tie = float(np.exp(np.log(fit.tie).mean()))
    scale = 1 + tie / 2
    strengths = fit.strengths / scale

    spreads = _cluster(slopes, whole, inverse, columns.annotator, others or {}, evenly=evenly)
    widest = find_widest([_turn(spread, fit, tie, strengths) for spread in spreads])
    return CommonSpread(scale, strengths, widest)


def _turn(spread: Spread, fit: AnnotatorFit, tie: float, strengths: FloatArray) -> Spread:
    """Return the spread of strengths on the scale of half-wins, from that of what is common."""
    scale = 1 + tie / 2

    def turn(rows: FloatArray) -> FloatArray:
        # d(theta / scale) = (d theta - strengths d scale) / scale, and d scale = nu / 2 d ln nu.
        moved = centre(rows[:, :-1]) * fit.priors.strength
        return np.asarray((moved - np.outer(rows[:, -1] * tie / 2, strengths)) / scale)

    return replace(spread, rows=turn(spread.rows), independent=turn(spread.independent))


def _cluster(
    slopes: _Slopes,
    whole: FloatArray,
    inverse: FloatArray,
    annotator: IntArray,
    others: Mapping[Clustering, IntArray],
    *,
    evenly: bool,
) -> list[Spread]:
    """Return the spread of the common parameters by annotator, and two ways where that is told."""
    n_annotators = slopes.arrow.n_owners
    independent = symmetric_root((inverse + inverse.T) / 2)
    if n_annotators < MANY_ANNOTATORS:
        method, rows = IntervalMethod.CR3, _leave_annotators_out(slopes, whole)
    else:
        method = IntervalMethod.CR1
        rows = symmetric_root(_sandwich(slopes, inverse, annotator, n_annotators))
    alike = np.ones(len(annotator))
    df = n_annotators - 1.0 if evenly else count_effective(annotator, alike)
    own = Spread(method, df, rows, independent, Clustering.ANNOTATOR)
    spreads = [own]
    for by, cluster in others.items():
        n_others, other = number_present(cluster)
        n_both, both = number_present(other * n_annotators + annotator)
        if not FEW_CLUSTERS <= n_others < min(len(other), n_both):
            continue
        if n_others < MANY_ANNOTATORS:
            rows = _leave_out(slopes, other, n_others)
            covariance = rows.T @ rows
        else:
            covariance = _sandwich(slopes, inverse, other, n_others)
        covariance = covariance + own.covariance - _sandwich(slopes, inverse, both, n_both)
        df = min(own.df, count_effective(other, alike))
        spreads.append(replace(own, clusters=by, df=df, rows=symmetric_root(covariance)))
    return spreads


def _leave_annotators_out(slopes: _Slopes, whole: FloatArray) -> FloatArray:
    """Return (annotators, n + 1) rows sqrt((A - 1) / A) (delta_k - mean)."""
    n_annotators = slopes.arrow.n_owners
    order = np.argsort(slopes.arrow.owner, kind="stable")
    slopes = slopes.part(order)
    owner = slopes.arrow.owner
    scores = slopes.common(owner, n_annotators).toarray()
    ends = np.searchsorted(owner, np.arange(n_annotators + 1))
    deltas = np.empty_like(scores)
    for number, (begin, end) in enumerate(pairwise(ends)):
        arrow = slopes.part(slice(begin, end)).arrow
        own = replace(arrow, owner=np.zeros_like(arrow.owner), n_owners=1).schur()
        own -= np.diag([*np.ones(arrow.n_common), 0.0])  # the strengths' priors are nobody's
        deltas[number] = -np.linalg.solve(whole - own, scores[number])
    return _spread_rows(deltas)


def _leave_out(slopes: _Slopes, cluster: IntArray, n_clusters: int) -> FloatArray:
    """Return (clusters, n + 1) rows likewise, for clusters with votes of several annotators.

    By the expected information: the observed one of what is left of an annotator's votes, whose
    slopes no longer add up to 0, need not be positive. On LLMFAO's 13 prompts the errors are .94
    (.85 to 1.02) of those of fitting anew.
    """
    common = slopes.common(cluster, n_clusters).toarray()
    own = slopes.own(cluster, n_clusters)
    deltas = np.empty_like(common)
    for number in range(n_clusters):
        rest = slopes.part(cluster != number).arrow
        rest = replace(rest, residual=np.zeros_like(rest.residual))
        score = own[[number]].toarray().reshape(-1, 3)
        deltas[number] = -rest.solve(common[number], score)[0]
    return _spread_rows(deltas)


def _sandwich(
    slopes: _Slopes, inverse: FloatArray, cluster: IntArray, n_clusters: int
) -> FloatArray:
    """Return (n + 1, n + 1) the CR1 covariance, by scores in which the annotators' own is profiled.

    Args:
        inverse: (n + 1, n + 1) of the profiled information.
    """
    reach = slopes.arrow.reach
    common, own = slopes.common(cluster, n_clusters), slopes.own(cluster, n_clusters)
    meat = np.zeros_like(inverse)
    for begin in range(0, n_clusters, _BLOCK):
        block = slice(begin, begin + _BLOCK)
        scores = common[block].toarray() - own[block] @ reach.reshape(-1, len(meat))
        meat += scores.T @ scores
    return np.asarray(inverse.T @ meat @ inverse * (n_clusters / (n_clusters - 1)))


def _slopes(votes: VoteColumns, side: IntArray, fit: AnnotatorFit) -> _Slopes:
    arrow = inform_of_annotators(
        votes, side, len(fit.reliability), fit.priors, strengths=fit.strengths,
        reliability=fit.reliability, bias=fit.bias, ln_tie=np.log(fit.tie), observed=True,
    )  # fmt: skip
    p = fit.predict(
        candidate_a=votes.candidate_a, candidate_b=votes.candidate_b, annotator=votes.annotator,
        side=side,
    )  # fmt: skip
    return _Slopes(arrow, (votes.outcome >= TIE) - p[:, TIE])


def _spread_rows(deltas: FloatArray) -> FloatArray:
    n_clusters = len(deltas)
    return np.asarray((deltas - deltas.mean(axis=0)) * math.sqrt((n_clusters - 1) / n_clusters))
