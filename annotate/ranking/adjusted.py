"""Rankings with something else held even: beside the plain one, never in its place."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from annotate.ranking.arrays import BoolArray, FloatArray, IntArray
from annotate.ranking.contextual import Design, fit_contextual
from annotate.ranking.contextual_spread import measure_contextual_spread
from annotate.ranking.groups import split_groups
from annotate.ranking.methods import Clustering
from annotate.ranking.settings import WIDEST, RankingSettings
from annotate.ranking.spread import Spread, find_thin, widen_thin
from annotate.ranking.tally import HALF_WINS, count_votes
from annotate.ranking.votes import VoteColumns

_DECIMALS = 10


@dataclass(frozen=True)
class AdjustedGroup:
    """One connected group of candidates in an adjusted view.

    Attributes:
        members: (m,) candidates, ascending.
        strengths: (m,) mean 0; 0 for a candidate alone in its group.
        half_widths: (m,) how far each interval reaches to either side; None in a group of one.
        ranks: (m,) 1 is the strongest; equal strengths share a rank.
        coefficients, coefficient_half_widths: (p,) nan for a covariate that is 0 in all votes of
            the group, and in a group of one.
        clusters: which votes were taken to hang together.
    """

    members: IntArray
    strengths: FloatArray
    half_widths: FloatArray | None
    ranks: IntArray
    coefficients: FloatArray
    coefficient_half_widths: FloatArray
    clusters: Clustering

    @classmethod
    def of_one(cls, members: IntArray, *, n_covariates: int = 0) -> "AdjustedGroup":
        """Give the group of a single candidate, which has no scale."""
        return cls(
            members=members,
            strengths=np.zeros(1),
            half_widths=None,
            ranks=np.ones(1, dtype=np.int64),
            coefficients=np.full(n_covariates, np.nan),
            coefficient_half_widths=np.full(n_covariates, np.nan),
            clusters=Clustering.NONE,
        )


def rank_adjusted(
    columns: VoteColumns,
    *,
    covariates: FloatArray,
    settings: RankingSettings,
    weights: FloatArray | None = None,
    others: Mapping[Clustering, IntArray] | None = None,
) -> list[AdjustedGroup]:
    """Rank each connected group by strengths at equal covariates, the largest group first.

    Without covariates and weights it is the plain ranking.

    Args:
        covariates: (votes, p), each of a sign that changes with the sides.
        weights: (votes,) above 0; None weighs all alike.
        others: (votes,) indices of second clusters, such as the prompt.

    Raises:
        StrengthsDidNotConverge: wins too lopsided for a prior too small.
    """
    tally, _ = count_votes(columns)
    weights = np.ones(len(columns.outcome)) if weights is None else weights
    whole = Design(
        first=columns.candidate_a, second=columns.candidate_b,
        half_wins=HALF_WINS[columns.outcome], covariates=covariates, weights=weights,
        n_candidates=columns.n_candidates,
    )  # fmt: skip
    clusters = {Clustering.ANNOTATOR: columns.annotator, **(others or {})}
    groups = []
    for members in split_groups(tally, prior=settings.prior):
        kept, design = _within(whole, members)
        apart = {by: cluster[kept] for by, cluster in clusters.items()}
        thin = find_thin(part := tally.within(members), part.half_win_matrix())
        groups.append(_rank_group(members, design, apart, thin, settings))
    return groups


def order_ranks(strengths: FloatArray) -> IntArray:
    """Return (m,) ranks from 1, the strongest first; equals share one."""
    return np.asarray(1 + (strengths[:, None] > strengths[None, :]).sum(axis=0))


def _rank_group(
    members: IntArray,
    design: Design,
    clusters: Mapping[Clustering, IntArray],
    thin: BoolArray,
    settings: RankingSettings,
) -> AdjustedGroup:
    m = len(members)
    if m == 1:
        return AdjustedGroup.of_one(members, n_covariates=design.n_covariates)
    coefficients, widths = np.full((2, design.n_covariates), np.nan)
    varied = np.flatnonzero((design.covariates != 0).any(axis=0))
    design = replace(design, covariates=design.covariates[:, varied])
    place = fit_contextual(design, prior=settings.prior)
    spread = _measure_spread(design, place, clusters, settings)
    of_strengths = replace(spread, rows=spread.rows[:, :m], independent=spread.independent[:, :m])
    of_strengths = widen_thin(of_strengths, thin, settings.level)
    strengths = np.round(place[:m] - place[:m].mean(), _DECIMALS) + 0.0
    coefficients[varied] = place[m:]
    widths[varied] = spread.half_widths(settings.level, anytime=settings.anytime)[m:]
    return AdjustedGroup(
        members=members,
        strengths=strengths,
        half_widths=of_strengths.half_widths(settings.level, anytime=settings.anytime),
        ranks=order_ranks(strengths),
        coefficients=coefficients,
        coefficient_half_widths=widths,
        clusters=spread.clusters,
    )


def _measure_spread(
    design: Design,
    place: FloatArray,
    clusters: Mapping[Clustering, IntArray],
    settings: RankingSettings,
) -> Spread:
    others = dict(clusters)
    annotator = others.pop(Clustering.ANNOTATOR)
    return measure_contextual_spread(
        design,
        place,
        prior=settings.prior,
        annotator=annotator,
        others=others if settings.clusters == WIDEST else {},
        evenly=settings.clusters != WIDEST,
    )


def _within(design: Design, members: IntArray) -> tuple[BoolArray, Design]:
    """Return which votes are between members, and those with the members numbered anew."""
    place = np.full(design.n_candidates, -1)
    place[members] = np.arange(len(members))
    kept = (place[design.first] >= 0) & (place[design.second] >= 0)
    part = design.part(kept)
    return kept, replace(
        part, first=place[part.first], second=place[part.second], n_candidates=len(members)
    )
