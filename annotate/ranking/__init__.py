"""Votes in, rankings out: pure functions on integer columns, with no Django and no I/O."""

from annotate.ranking.pairing import order_pairs
from annotate.ranking.rank import rank_candidates
from annotate.ranking.settings import RankingSettings
from annotate.ranking.standings import IntervalMethod, RankingFit, Standing
from annotate.ranking.strengths import StrengthsDidNotConverge
from annotate.ranking.votes import OUTCOMES, encode_outcomes
from annotate.ranking.win_rate import WinRate, win_rate

__all__ = [
    "OUTCOMES",
    "IntervalMethod",
    "RankingFit",
    "RankingSettings",
    "Standing",
    "StrengthsDidNotConverge",
    "WinRate",
    "encode_outcomes",
    "order_pairs",
    "rank_candidates",
    "win_rate",
]
