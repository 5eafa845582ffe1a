"""Votes in, rankings out: pure functions on integer columns, with no Django and no I/O."""

from annotate.ranking.joint import JointStrengths
from annotate.ranking.methods import Clustering, IntervalMethod
from annotate.ranking.rank import rank_candidates
from annotate.ranking.scales import Scale, Scaled, put_on_scale, rescale
from annotate.ranking.settings import RankingSettings
from annotate.ranking.standings import RankingFit, Standing
from annotate.ranking.strengths import StrengthsDidNotConverge
from annotate.ranking.votes import OUTCOMES, encode_outcomes
from annotate.ranking.win_rate import WinRate, win_rate

__all__ = [
    "OUTCOMES",
    "Clustering",
    "IntervalMethod",
    "JointStrengths",
    "RankingFit",
    "RankingSettings",
    "Scale",
    "Scaled",
    "Standing",
    "StrengthsDidNotConverge",
    "WinRate",
    "encode_outcomes",
    "put_on_scale",
    "rank_candidates",
    "rescale",
    "win_rate",
]
