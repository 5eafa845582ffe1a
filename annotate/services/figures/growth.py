"""Strengths over votes: the ranking as it would have stood when fewer were cast."""

from typing import Any

import numpy as np

from annotate.ranking import StrengthsDidNotConverge
from annotate.services.figures.content import table
from annotate.services.figures.parts import rank_part
from annotate.services.figures.source import FigureSource

N_POINTS = 20
COLUMNS = ("votes", "candidate", "strength", "low", "high", "group")


def compute(source: FigureSource) -> dict[str, Any]:
    """Rank by the first votes of the ledger, in about `N_POINTS` even steps, to all of them.

    Of the votes that the ranking counts: one that was taken back before it is in no point.
    """
    rows: list[tuple[Any, ...]] = []
    gaps: dict[str, str] = {}
    for n_votes in _steps(len(source.votes)):
        try:
            standings = rank_part(source, source.votes[:n_votes])
        except StrengthsDidNotConverge:
            gaps[f"points.{n_votes}"] = "not_settled"
            continue
        rows += [
            (n_votes, name, each.strength, each.low, each.high, each.group)
            for name, each in standings
        ]
    if len(source.votes) == 0:
        gaps["points"] = "no_votes"
    facts = {"n_votes": len(source.votes), "level": source.settings.level}
    return {"tables": {"points": table(COLUMNS, rows)}, "facts": facts, "gaps": gaps}


def _steps(n_votes: int) -> list[int]:
    """Return after how many votes there is a point, the last after all."""
    steps = np.ceil(np.linspace(0, n_votes, N_POINTS + 1)).astype(np.int64)
    return [step for step in np.unique(steps).tolist() if step > 0]
