"""Strengths by category: each category ranked apart, by the ranking's settings."""

from typing import Any

from annotate.ranking import StrengthsDidNotConverge
from annotate.services.figures.content import table
from annotate.services.figures.parts import rank_part
from annotate.services.figures.source import FigureSource
from annotate.services.slices import split_votes

COLUMNS = ("category", "candidate", "group", "strength", "low", "high", "votes")


def compute(source: FigureSource) -> dict[str, Any]:
    """Rank the candidates by the votes of each category alone.

    The mean strength is 0 in each group of each category, so what is compared between categories is
    how far candidates stand apart. Few votes give wide intervals, and none no strength.
    """
    rows: list[tuple[Any, ...]] = []
    gaps: dict[str, str] = {}
    parts = list(split_votes(source.votes, "category"))
    for category, votes in parts:
        try:
            standings = rank_part(source, votes)
        except StrengthsDidNotConverge:
            gaps[f"strengths.{category}"] = "not_settled"
            continue
        rows += [
            (category, name, each.group, each.strength, each.low, each.high, each.votes)
            for name, each in standings
        ]
    if len(parts) < 2:
        gaps["strengths"] = "one_category" if parts else "no_votes"
    facts = {"n_categories": len(parts), "level": source.settings.level}
    return {"tables": {"strengths": table(COLUMNS, rows)}, "facts": facts, "gaps": gaps}
