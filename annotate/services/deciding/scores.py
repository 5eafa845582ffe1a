"""Scores of newcomers against a frozen set of anchors, as a benchmark gives them."""

from typing import Any

import numpy as np

from annotate.ranking.scales import score_against
from annotate.services.deciding.parts import Part
from annotate.services.numbers import json_number


def tell_scores(part: Part) -> dict[str, Any] | None:
    """Score each newcomer by 10 sigma(theta - mean theta of the anchors), the best first.

    None where no round met anchors alone. Anchors that no votes join to the finalists score
    nobody, and are named as missing.
    """
    if not part.basis.anchors_only:
        return None
    known = {each.id: each for each in part.basis.contenders}
    anchors = [each.id for each in part.basis.contenders if each.is_anchor]
    joined = [place for place, pk in enumerate(part.members) if known[pk].is_anchor]
    told: dict[str, Any] = {
        "anchors": [part.members[place] for place in joined],
        "missing": [pk for pk in anchors if pk not in part.members],
        "level": part.basis.ranking.level,
        "rows": [],
    }
    if not joined or part.joint is None or part.joint.spread is None:
        return told
    scored = score_against(part.joint, np.array(joined, dtype=np.int64))
    rows = [
        {
            "candidate": pk,
            "score": json_number(float(scored.strength[place])),
            "low": json_number(float(scored.low[place])),
            "high": json_number(float(scored.high[place])),
        }
        for place, pk in sorted(enumerate(part.members), key=lambda each: -scored.strength[each[0]])
        if not known[pk].is_anchor
    ]
    return told | {"rows": rows}
