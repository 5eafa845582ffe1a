"""Model × sampling temperature as a two-way table with both margins."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np

from annotate.models import Candidate
from annotate.ranking import RankingFit
from annotate.ranking.arrays import FloatArray
from annotate.ranking.joint import JointStrengths
from annotate.ranking.settings import MIN_RESAMPLES
from annotate.services.figures.content import table
from annotate.services.figures.source import FigureSource
from annotate.services.rankings import rank_votes

CELL_COLUMNS = ("model", "temperature", "candidate", "strength", "low", "high", "votes", "group")
MARGIN_COLUMNS = ("strength", "low", "high", "candidates")


class Cell(NamedTuple):
    """Where a candidate stands in the table; its place in the ranking's list."""

    model: str
    temperature: float
    place: int


def compute(source: FigureSource) -> dict[str, Any]:
    """Lay the ranking's strengths out by model and temperature.

    The margin of a model is the mean of its cells, a cell's the mean of its candidates; its
    interval comes from their joint error. Margins are of models that have a candidate at every
    temperature in one group that votes connect: means over different temperatures would compare
    those, and not the models. Temperatures that one model alone has count for no margin.
    """
    cells = _find_cells(source)
    models, temperatures = {cell.model for cell in cells}, {cell.temperature for cell in cells}
    tables = {name: table((), ()) for name in ("cells", "models", "temperatures")}
    facts = {
        "n_models": len(models),
        "n_temperatures": len(temperatures),
        "n_left_out": len(source.candidates) - len(cells),
        "level": source.settings.level,
    }
    if len(temperatures) < 2 or len(models) < 2:
        code = "one_temperature" if len(temperatures) == 1 else "no_grid"
        return {"tables": tables, "facts": facts, "gaps": dict.fromkeys(tables, code)}
    tables["cells"] = _table_cells(source, cells)
    joint, grid = _complete_grid(source, cells)
    if joint is None:
        gaps = dict.fromkeys(("models", "temperatures"), "incomplete_grid")
        return {"tables": tables, "facts": facts, "gaps": gaps}
    tables["models"] = table(
        ("model", *MARGIN_COLUMNS), _margin(joint, grid, lambda cell: cell.model)
    )
    tables["temperatures"] = table(
        ("temperature", *MARGIN_COLUMNS), _margin(joint, grid, lambda cell: cell.temperature)
    )
    return {"tables": tables, "facts": facts, "gaps": {}}


def _find_cells(source: FigureSource) -> list[Cell]:
    """List the candidates whose model and temperature are known, by model and temperature."""
    known = Candidate.objects.in_bulk([candidate for candidate, _name in source.candidates])
    cells = []
    for place, (pk, _name) in enumerate(source.candidates):
        candidate = known[pk]
        temperature = temperature_of(candidate)
        if candidate.model and temperature is not None:
            cells.append(Cell(name_model(candidate), temperature, place))
    return sorted(cells)


def temperature_of(candidate: Candidate) -> float | None:
    """Give the temperature at which a candidate samples; None where nobody said."""
    temperature = candidate.sampling.get("temperature")
    return float(temperature) if isinstance(temperature, int | float) else None


def name_model(candidate: Candidate) -> str:
    """Name the weights: an id on a hub as it is, of a folder's path what tells it from others."""
    path = PurePath(candidate.model)
    name = "/".join(path.parts[-2:]) if path.is_absolute() else candidate.model
    return f"{name}@{candidate.revision}" if candidate.revision else name


def _table_cells(source: FigureSource, cells: Sequence[Cell]) -> dict[str, Any]:
    standings = {row["name"]: row for row in source.ranking.standings}
    rows = []
    for cell in cells:
        name = source.names[cell.place]
        row = standings[name]
        rows.append(
            (cell.model, cell.temperature, name, row["strength"], row["low"], row["high"],
             row["votes"], row["group"])
        )  # fmt: skip
    return table(CELL_COLUMNS, rows)


def _complete_grid(
    source: FigureSource, cells: Sequence[Cell]
) -> tuple[JointStrengths | None, list[Cell]]:
    settings = replace(source.settings, n_resamples=MIN_RESAMPLES)  # those serve ranks alone
    return find_complete_grid(rank_votes(source.votes, source.candidates, settings), cells)


def find_complete_grid(
    fit: RankingFit, cells: Sequence[Cell]
) -> tuple[JointStrengths | None, list[Cell]]:
    """Give the group in which most of the table stands, and the cells that margins are made of.

    No group where fewer than two models have all temperatures that two models have.
    """
    if not fit.groups:
        return None, []
    places = {cell.place for cell in cells}
    joint = max(fit.groups, key=lambda group: len(places & set(group.members.tolist())))
    inside = [cell for cell in cells if cell.place in set(joint.members.tolist())]
    models_at: dict[float, set[str]] = {}
    for cell in inside:
        models_at.setdefault(cell.temperature, set()).add(cell.model)
    shared = {temperature for temperature, models in models_at.items() if len(models) > 1}
    if len(shared) < 2:
        return None, []
    complete = set.intersection(*(models_at[temperature] for temperature in shared))
    grid = [cell for cell in inside if cell.temperature in shared and cell.model in complete]
    return (joint, grid) if len(complete) > 1 else (None, [])


def _margin(
    joint: JointStrengths, grid: Sequence[Cell], of: Callable[[Cell], Any]
) -> list[tuple[Any, ...]]:
    """Give the mean over the cells of each row or column, with its interval."""
    lines, weights = weigh_lines(joint, grid, of)
    in_line = Counter(of(cell) for cell in grid)
    counts = [in_line[line] for line in lines]
    return list(zip(lines, *joint.interval(weights), counts, strict=True))


def weigh_lines(
    joint: JointStrengths, grid: Sequence[Cell], of: Callable[[Cell], Any]
) -> tuple[list[Any], FloatArray]:
    """Return the rows or columns in order, and (lines, m) what members weigh in each one's mean."""
    position = {place: index for index, place in enumerate(joint.members.tolist())}
    in_cell = Counter((cell.model, cell.temperature) for cell in grid)
    lines = sorted({of(cell) for cell in grid})
    weights = np.zeros((len(lines), len(joint.members)))
    for cell in grid:
        share = 1 / in_cell[cell.model, cell.temperature]
        weights[lines.index(of(cell)), position[cell.place]] = share
    return lines, weights / weights.sum(axis=1, keepdims=True)
