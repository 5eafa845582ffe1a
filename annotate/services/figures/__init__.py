"""The figures of a stored ranking: computed when first asked for, and kept.

A module a kind, each with `compute(source)`, which gives the figure's content: its tables, its
facts, and a code for each gap. Pages, plots and files are made of that content and of nothing else.
"""

from collections.abc import Callable
from typing import Any

from annotate.models import Ranking, RankingFigure
from annotate.models.rankings import FigureKind
from annotate.ranking.rank import library_versions
from annotate.services.figures import (
    adjusted,
    calibration,
    categories,
    growth,
    head_to_head,
    judges,
    sides,
    temperatures,
)
from annotate.services.figures.source import FigureSource, read_source

__all__ = ["FigureSource", "figure_of"]

COMPUTE: dict[FigureKind, Callable[[FigureSource], dict[str, Any]]] = {
    FigureKind.HEAD_TO_HEAD: head_to_head.compute,
    FigureKind.CATEGORIES: categories.compute,
    FigureKind.GROWTH: growth.compute,
    FigureKind.CALIBRATION: calibration.compute,
    FigureKind.TEMPERATURES: temperatures.compute,
    FigureKind.JUDGES: judges.compute,
    FigureKind.SIDES: sides.compute,
    FigureKind.ADJUSTED: adjusted.compute,
}


def figure_of(*, ranking: Ranking, kind: str) -> RankingFigure:
    """Give a figure of a ranking: as it is kept, or computed now and kept from now on.

    Two readers at once may both compute it, which takes seconds at most and gives the same; one row
    is kept. It is to be called outside of a transaction, which would be held open meanwhile.

    Raises:
        ValueError: there is no such kind of figure.
    """
    known = FigureKind(kind)
    kept = ranking.figures.filter(kind=known).first()
    if kept is not None:
        return kept
    content = COMPUTE[known](read_source(ranking))
    figure = RankingFigure(
        ranking=ranking, kind=known, content=content, versions=dict(library_versions())
    )
    RankingFigure.objects.bulk_create([figure], ignore_conflicts=True)
    return ranking.figures.get(kind=known)
