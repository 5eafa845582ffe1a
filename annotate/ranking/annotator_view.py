"""The ranking by the annotator model: strengths group by group, and who they were asked of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from annotate.ranking.adjusted import AdjustedGroup, order_ranks
from annotate.ranking.annotator_spread import CommonSpread, measure_common_spread
from annotate.ranking.annotators import AnnotatorFit, fit_annotators
from annotate.ranking.arrays import BoolArray, FloatArray, IntArray, count_equal
from annotate.ranking.clustered import centre
from annotate.ranking.groups import split_groups
from annotate.ranking.methods import Clustering
from annotate.ranking.settings import WIDEST, RankingSettings
from annotate.ranking.spread import find_thin, widen_thin
from annotate.ranking.tally import Tally, count_votes
from annotate.ranking.votes import VoteColumns, keep_votes

_DECIMALS = 10


@dataclass(frozen=True)
class AnnotatorView:
    """Strengths of candidates for an annotator of reliability 1, and each annotator's own.

    Attributes:
        groups: the connected groups of the plain ranking, the largest first.
        scale: by which the model's strengths were divided, to be on the scale of half-wins.
        annotators: (a,) those whose votes count, ascending.
        reliability, low, high, bias: (a,) of each: reliability with its interval (1 is typical),
            and the logit that the left side has by itself.
    """

    groups: list[AdjustedGroup]
    scale: float
    annotators: IntArray
    reliability: FloatArray
    low: FloatArray
    high: FloatArray
    bias: FloatArray


def rank_by_annotators(
    columns: VoteColumns,
    *,
    side: IntArray,
    settings: RankingSettings,
    others: Mapping[Clustering, IntArray] | None = None,
) -> AnnotatorView | None:
    """Fit strengths and annotators together, on the votes within groups; None with one annotator.

    The annotators' own parameters are common to all groups, and so is the choice of clusters.

    Args:
        side: (votes,) of a: 1 left, -1 right, 0 unknown.
        others: (votes,) indices of second clusters, such as the prompt, for settings that ask for
            the widest.

    Raises:
        AnnotatorsDidNotConverge: the optimiser gave up.
    """
    tally, _ = count_votes(columns)
    groups = split_groups(tally, prior=settings.prior)
    kept = _are_within(columns, groups)
    within = keep_votes(columns, kept)
    side = side[kept]
    annotators, _ = count_equal(within.annotator)
    if len(annotators) < 2:
        return None
    within = replace(within, annotator=np.searchsorted(annotators, within.annotator))
    fit = fit_annotators(
        candidate_a=within.candidate_a, candidate_b=within.candidate_b, outcome=within.outcome,
        annotator=within.annotator, side=side, n_candidates=columns.n_candidates,
        n_annotators=len(annotators),
    )  # fmt: skip
    asked = others if others and settings.clusters == WIDEST else {}
    common = measure_common_spread(
        within, side, fit,
        others={by: cluster[kept] for by, cluster in asked.items()},
        evenly=settings.clusters != WIDEST,
    )  # fmt: skip
    low, high = _bound_reliability(fit, settings.level)
    return AnnotatorView(
        groups=[_rank_group(tally.within(each), each, common, settings) for each in groups],
        scale=common.scale,
        annotators=annotators,
        reliability=fit.reliability,
        low=low,
        high=high,
        bias=fit.bias,
    )


def _are_within(columns: VoteColumns, groups: Sequence[IntArray]) -> BoolArray:
    """Return (votes,) whether both candidates are of one group."""
    label = np.full(columns.n_candidates, -1)
    for number, members in enumerate(groups):
        label[members] = number
    return np.asarray(label[columns.candidate_a] == label[columns.candidate_b])


def _rank_group(
    tally: Tally, members: IntArray, common: CommonSpread, settings: RankingSettings
) -> AdjustedGroup:
    if len(members) == 1:
        return AdjustedGroup.of_one(members)
    spread = replace(
        common.spread,
        rows=centre(common.spread.rows[:, members]),
        independent=centre(common.spread.independent[:, members]),
    )
    spread = widen_thin(spread, find_thin(tally, tally.half_win_matrix()), settings.level)
    strengths = common.strengths[members]
    strengths = np.round(strengths - strengths.mean(), _DECIMALS) + 0.0
    return AdjustedGroup(
        members=members,
        strengths=strengths,
        half_widths=spread.half_widths(settings.level, anytime=settings.anytime),
        ranks=order_ranks(strengths),
        coefficients=np.empty(0),
        coefficient_half_widths=np.empty(0),
        clusters=spread.clusters,
    )


def _bound_reliability(fit: AnnotatorFit, level: float) -> tuple[FloatArray, FloatArray]:
    """Return (annotators,) the ends of each interval, normal on the log scale."""
    reach = np.exp(float(ndtri((1 + level) / 2)) * fit.reliability_se / fit.reliability)
    return fit.reliability / reach, fit.reliability * reach
