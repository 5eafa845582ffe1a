"""How often the left side wins, in all and with each annotator."""

from typing import Any

import numpy as np

from annotate.ranking.arrays import sum_at
from annotate.ranking.sides import measure_left_share, wilson_interval
from annotate.ranking.votes import A_WINS, TIE
from annotate.services.figures.content import table
from annotate.services.figures.source import FigureSource
from annotate.services.numbers import json_number
from annotate.services.vote_columns import number_pairs

COLUMNS = ("annotator", "kind", "left", "right", "share", "low", "high")


def compute(source: FigureSource) -> dict[str, Any]:
    """Share votes for a side between left and right.

    Draws, "both bad" and votes of unknown side are left out. The interval of an annotator is
    Wilson's; that of all is clustered by annotator and by pair of completions, at 95 %.
    """
    ballots, n = source.ballots, len(source.annotators)
    for_a_side = (ballots.outcome < TIE) & (ballots.side != 0)
    who = ballots.annotator[for_a_side]
    is_left = (ballots.outcome[for_a_side] == A_WINS) == (ballots.side[for_a_side] == 1)
    is_left = is_left.astype(np.int64)
    left, voted = sum_at(who, is_left, n), sum_at(who, np.ones_like(is_left), n)
    low, high = wilson_interval(left, voted)
    with np.errstate(invalid="ignore"):
        share = left / voted
    rows = [
        (source.annotators[k].pseudonym, source.annotators[k].kind, int(left[k]),
         int(voted[k] - left[k]), share[k], low[k], high[k])
        for k in sorted(range(n), key=lambda k: (-voted[k], source.annotators[k].pseudonym))
        if voted[k]
    ]  # fmt: skip
    whole = measure_left_share(
        is_left=is_left, annotator=who, pair=number_pairs(source.votes)[for_a_side]
    )
    facts = {
        "share": json_number(whole.share),
        "low": json_number(whole.low),
        "high": json_number(whole.high),
        "left": whole.n_left,
        "right": whole.n_right,
    }
    gaps = {}
    if not rows:
        gaps["annotators"] = "no_sides" if len(ballots.outcome) else "no_votes"
    elif whole.se is None:
        gaps["low"] = gaps["high"] = "too_few_votes"
    return {"tables": {"annotators": table(COLUMNS, rows)}, "facts": facts, "gaps": gaps}
