"""Which checkpoint over the temperatures, which temperature over the checkpoints, and both."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from annotate.ranking import RankingFit
from annotate.ranking.arrays import FloatArray
from annotate.ranking.joint import JointStrengths
from annotate.services.deciding.basis import Basis
from annotate.services.figures.content import table
from annotate.services.figures.temperatures import Cell, find_complete_grid, weigh_lines
from annotate.services.numbers import json_number

LINES: dict[str, Callable[[Cell], Any]] = {
    "checkpoint": lambda cell: cell.model,
    "temperature": lambda cell: cell.temperature,
}
CELLS = ("checkpoint", "temperature", "candidate", "strength", "low", "high", "votes", "group")
MARGIN = ("line", "strength", "low", "high", "candidates")


def tell_grid(basis: Basis, fit: RankingFit) -> dict[str, Any]:
    """Lay the strengths out by checkpoint and temperature, with both margins and the best of each.

    A margin is the mean over the other side, of checkpoints that stand at every temperature, as in
    the figure "Checkpoint × temperature". `interaction` says whether the best temperature depends
    on the checkpoint.
    """
    cells = list_cells(basis)
    told: dict[str, Any] = {
        "gap": _find_gap(cells),
        "cells": table(CELLS, _rows(basis, fit, cells)),
        "margins": {name: table(MARGIN, []) for name in LINES},
        "best": None,
        "interaction": None,
    }
    if told["gap"]:
        return told
    joint, grid = find_complete_grid(fit, cells)
    if joint is None or joint.spread is None:
        return told | {"gap": "incomplete_grid"}
    return told | {
        "margins": {name: table(MARGIN, _margin(joint, grid, of)) for name, of in LINES.items()},
        "best": {name: _tell_best(joint, grid, of) for name, of in LINES.items()},
        "interaction": _tell_interaction(joint, grid),
    }


def tell_best_lines(basis: Basis, fit: RankingFit) -> dict[str, Any] | None:
    """Give the best checkpoint and the best temperature of a part; None where margins have none."""
    cells = list_cells(basis)
    if _find_gap(cells):
        return None
    joint, grid = find_complete_grid(fit, cells)
    if joint is None or joint.spread is None:
        return None
    return {name: _tell_best(joint, grid, of) for name, of in LINES.items()}


def list_cells(basis: Basis) -> list[Cell]:
    """List the candidates whose checkpoint and temperature are known."""
    return sorted(
        Cell(each.checkpoint, each.temperature, place)
        for place, each in enumerate(basis.contenders)
        if each.checkpoint and each.temperature is not None
    )


def _find_gap(cells: Sequence[Cell]) -> str | None:
    checkpoints = {cell.model for cell in cells}
    temperatures = {cell.temperature for cell in cells}
    if len(temperatures) > 1 and len(checkpoints) > 1:
        return None
    if not cells:
        return "unknown"
    return "one_temperature" if len(temperatures) == 1 else "one_checkpoint"


def _rows(basis: Basis, fit: RankingFit, cells: Sequence[Cell]) -> list[tuple[Any, ...]]:
    standings = {each.candidate: each for each in fit.standings}
    rows = []
    for cell in cells:
        each = standings[cell.place]
        rows.append(
            (cell.model, cell.temperature, basis.contenders[cell.place].id, each.strength,
             each.low, each.high, each.votes, each.group)
        )  # fmt: skip
    return rows


def _margin(
    joint: JointStrengths, grid: Sequence[Cell], of: Callable[[Cell], Any]
) -> list[tuple[Any, ...]]:
    lines, weights = weigh_lines(joint, grid, of)
    counts = [sum(of(cell) == line for cell in grid) for line in lines]
    return list(zip(lines, *joint.interval(weights), counts, strict=True))


def _tell_best(
    joint: JointStrengths, grid: Sequence[Cell], of: Callable[[Cell], Any]
) -> dict[str, Any]:
    """Give the line of most strength, and whether it is ahead of every other beyond chance.

    Each of the others is asked about at its share of the chance of an error (Bonferroni).
    """
    lines, weights = weigh_lines(joint, grid, of)
    means = weights @ joint.strengths
    best = int(np.argmax(means))
    others = [place for place in range(len(lines)) if place != best]
    ends = _interval(joint, weights[best] - weights[others], n_questions=len(others))
    closest = int(np.argmin(ends[1]))
    difference, low, high = (json_number(float(end[closest])) for end in ends)
    return {
        "line": lines[best],
        "rival": lines[others[closest]],
        "difference": difference,
        "low": low,
        "high": high,
        "is_beyond_chance": bool((ends[1] > 0).all()),
        "n_lines": len(lines),
    }


def _tell_interaction(joint: JointStrengths, grid: Sequence[Cell]) -> dict[str, Any]:
    """Say by how much a cell departs most from the sum of its checkpoint and its temperature."""
    weights = _weigh_departures(joint, grid)
    keys = list(dict.fromkeys((cell.model, cell.temperature) for cell in grid))
    estimate, low, high = _interval(joint, weights, n_questions=len(keys))
    is_seen = (low > 0) | (high < 0)
    # How far beyond chance, and among those within it how far at all.
    reach = (high - low) / 2
    most = int(np.argmax(np.abs(estimate) / np.where(reach > 0, reach, np.inf)))
    return {
        "is_seen": bool(is_seen.any()),
        "checkpoint": keys[most][0],
        "temperature": keys[most][1],
        "departure": json_number(float(estimate[most])),
        "low": json_number(float(low[most])),
        "high": json_number(float(high[most])),
        "n_cells": len(keys),
    }


def _weigh_departures(joint: JointStrengths, grid: Sequence[Cell]) -> FloatArray:
    """Return (cells, m): cell - mean of its checkpoint - mean of its temperature + mean of all."""
    checkpoints, of_checkpoint = weigh_lines(joint, grid, LINES["checkpoint"])
    temperatures, of_temperature = weigh_lines(joint, grid, LINES["temperature"])
    keys, of_cell = weigh_lines(joint, grid, lambda cell: (cell.model, cell.temperature))
    mean = of_checkpoint.mean(axis=0)
    return np.array(
        [
            own
            - of_checkpoint[checkpoints.index(checkpoint)]
            - of_temperature[temperatures.index(temperature)]
            + mean
            for (checkpoint, temperature), own in zip(keys, of_cell, strict=True)
        ]
    )


def _interval(
    joint: JointStrengths, weights: FloatArray, *, n_questions: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    level = 1 - (1 - joint.settings.level) / n_questions
    return replace(joint, settings=replace(joint.settings, level=level)).interval(weights)
