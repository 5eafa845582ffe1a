"""A run's candidates as a grid of sampling parameters: how strong each point is, and how clean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np

from annotate.generation.sampling import Sampling
from annotate.models import Candidate, Ranking, SelectionRun
from annotate.ranking.joint import JointStrengths
from annotate.ranking.settings import MIN_RESAMPLES
from annotate.services.drift import Estimate, estimates_by_group
from annotate.services.figures.temperatures import name_model
from annotate.services.measure_columns import Measure, read_measures
from annotate.services.numbers import json_number
from annotate.services.rankings import candidates_of, rank_votes, settings_of
from annotate.services.vote_columns import read_votes

MODEL = "model"
# What a grid may vary, in the order in which axes are offered; a candidate that does not say has
# the parameter switched off, as engines do.
PARAMETERS = ("temperature", "top_p", "min_p", "repetition_penalty", "frequency_penalty", "top_k")
AXES = (*PARAMETERS, MODEL)
_OFF = {name: value for name, value in Sampling().to_dict().items() if name != "temperature"}

Value = float | str
Setting = Mapping[str, Value | None]


@dataclass(frozen=True)
class Axis:
    """A parameter of the grid, or the model, with the values that candidates have of it."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Cell:
    """A point of the grid: its candidates' mean.

    Attributes:
        x, y: values of the two axes; y is None where there is one axis alone.
        names: of the candidates that were averaged.
        strength: mean of the candidates' strengths; None without a ranking, where one of them has
            no vote, or where no chain of votes joins them to most of the grid.
        votes: of these candidates in the ranking.
        values: mean over the candidates' completions.
    """

    x: Value
    y: Value | None
    names: tuple[str, ...]
    strength: Estimate | None
    votes: int
    values: dict[Measure, Estimate]


@dataclass(frozen=True)
class Sweep:
    """A grid over two axes, all else averaged or held fixed.

    Attributes:
        axes: all that can be an axis: what differs between candidates.
        x, y: the names of those that are.
        fixed: values that were asked for of other axes.
        averaged: names of axes that differ within cells.
        is_even: whether each cell averages over the same settings of the rest; else cells differ
            in what they average, and not in their axes alone.
        n_left_out: candidates without a value on an axis, or left out to keep the cells even.
        ranking: that strengths are of; None where the run has none of all its votes.
    """

    axes: tuple[Axis, ...]
    x: str
    y: str | None
    fixed: dict[str, Value]
    averaged: tuple[str, ...]
    is_even: bool
    n_left_out: int
    cells: tuple[Cell, ...]
    ranking: Ranking | None


@dataclass(frozen=True)
class _Point:
    """A candidate, and where it stands on every axis."""

    candidate: Candidate
    setting: Setting


def axes_of(*, run: SelectionRun) -> tuple[Axis, ...]:
    """List what differs between the run's candidates."""
    return _axes(_points(run))


def sweep_of(
    *,
    run: SelectionRun,
    x: str | None = None,
    y: str | None = None,
    fixed: Mapping[str, str] | None = None,
) -> Sweep | None:
    """Lay the run's candidates out over two axes; None where they do not differ in any.

    Args:
        x, y: names of axes; without them, the first two that there are. An empty y averages over
            all but x.
        fixed: axis → the value that is kept, as text; the axes themselves and values that nobody
            has are passed over.
    """
    points = _points(run)
    axes = {axis.name: axis for axis in _axes(points)}
    if not axes:
        return None
    x = x if x in axes else next(iter(axes))
    if y == "":
        y = None
    elif y not in axes or y == x:
        y = next((name for name in axes if name != x), None)
    kept = _fixed(axes, fixed or {}, {x, y})
    chosen = [
        point
        for point in points
        if all(point.setting[name] == value for name, value in kept.items())
        and None not in (point.setting[x], 0 if y is None else point.setting[y])
    ]
    rest = [name for name in axes if name not in (x, y, *kept)]
    even, is_even = _even(chosen, x, y, rest)
    ranking = run.rankings.filter(filters={}).order_by("-pk").first()
    return Sweep(
        axes=tuple(axes.values()),
        x=x,
        y=y,
        fixed=kept,
        averaged=tuple(name for name in rest if len({p.setting[name] for p in even}) > 1),
        is_even=is_even,
        n_left_out=len(points) - len(even) - _n_not_asked(points, kept),
        cells=tuple(_cells(even, x, y, ranking)),
        ranking=ranking,
    )


def _points(run: SelectionRun) -> list[_Point]:
    candidates = run.candidates.competing().order_by("pk")
    return [_Point(candidate, _setting(candidate)) for candidate in candidates]


def _setting(candidate: Candidate) -> dict[str, Value | None]:
    said = {name: candidate.sampling.get(name, _OFF.get(name)) for name in PARAMETERS}
    numbers: dict[str, Value | None] = {
        name: float(value) if isinstance(value, int | float) else None
        for name, value in said.items()
    }
    return numbers | {MODEL: name_model(candidate) or candidate.name}


def _axes(points: Sequence[_Point]) -> tuple[Axis, ...]:
    axes = []
    for name in AXES:
        values = {point.setting[name] for point in points} - {None}
        if len(values) > 1:
            axes.append(Axis(name, tuple(sorted(values, key=_order))))  # type: ignore[arg-type]
    return tuple(axes)


def _order(value: Value | None) -> tuple[bool, Any]:
    return isinstance(value, str), value


def _fixed(
    axes: Mapping[str, Axis], asked: Mapping[str, str], taken: Iterable[str | None]
) -> dict[str, Value]:
    """Read the values that are asked for of the other axes."""
    found: dict[str, Value] = {}
    for name, text in asked.items():
        if name in axes and name not in taken:
            known = {write_value(value): value for value in axes[name].values}
            found |= {name: known[text]} if text in known else {}
    return found


def write_value(value: Value) -> str:
    """Write a value of an axis, as an address and a page have it."""
    return value if isinstance(value, str) else f"{value:g}"


def _n_not_asked(points: Sequence[_Point], kept: Mapping[str, Value]) -> int:
    return sum(any(p.setting[name] != value for name, value in kept.items()) for p in points)


def _even(
    points: Sequence[_Point], x: str, y: str | None, rest: Sequence[str]
) -> tuple[list[_Point], bool]:
    """Keep the settings of the rest that stand in every cell, if any does, and say whether."""
    cells = {_place(point, x, y) for point in points}
    seen: dict[tuple[Value | None, ...], set[Any]] = {}
    for point in points:
        key = tuple(point.setting[name] for name in rest)
        seen.setdefault(key, set()).add(_place(point, x, y))
    if len(seen) < 2:
        return list(points), True
    everywhere = {key for key, places in seen.items() if places == cells}
    if not everywhere:
        return list(points), False
    kept = [p for p in points if tuple(p.setting[name] for name in rest) in everywhere]
    return kept, True


def _place(point: _Point, x: str, y: str | None) -> tuple[Value, Value | None]:
    return point.setting[x] or 0.0, None if y is None else point.setting[y]


def _cells(
    points: Sequence[_Point], x: str, y: str | None, ranking: Ranking | None
) -> Iterable[Cell]:
    """Yield the cells row by row."""
    ordered = sorted(points, key=lambda point: [_order(each) for each in _place(point, x, y)])
    groups = [(place, list(some)) for place, some in groupby(ordered, lambda p: _place(p, x, y))]
    members = [[point.candidate for point in some] for _place_, some in groups]
    measured = _measure(members)
    strengths = _strengths(members, ranking)
    for (place, _some), candidates, values, (strength, votes) in zip(
        groups, members, measured, strengths, strict=True
    ):
        names = tuple(candidate.name for candidate in candidates)
        yield Cell(*place, names, strength, votes, values)


def _measure(members: Sequence[Sequence[Candidate]]) -> list[dict[Measure, Estimate]]:
    """Average each cell's completions, with intervals over prompts."""
    cell = {each.pk: place for place, some in enumerate(members) for each in some}
    measured = read_measures(candidates=sorted(cell))
    group = np.array([cell[pk] for pk in measured.candidate.tolist()], dtype=np.int64)
    return estimates_by_group(measured.values, group, measured.prompt, len(members))


def _strengths(
    members: Sequence[Sequence[Candidate]], ranking: Ranking | None
) -> list[tuple[Estimate | None, int]]:
    """Give each cell's mean strength and its votes."""
    if ranking is None:
        return [(None, 0)] * len(members)
    rows = {row["candidate_id"]: row for row in ranking.standings}
    told = [[rows.get(each.pk) for each in some] for some in members]
    votes = [sum(row["votes"] for row in some if row) for some in told]
    groups = [row["group"] for some in told for row in some if row and row["group"] is not None]
    main = max(set(groups), key=groups.count, default=None)
    found: list[Estimate | None] = []
    for some in told:
        if main is None or any(row is None or row["group"] != main for row in some):
            found.append(None)
        elif len(some) == 1:
            (row,) = some
            found.append(Estimate(row["strength"], row["low"], row["high"], row["votes"]))  # type: ignore[index]
        else:
            found.append(_mean_strength(ranking, [row["candidate_id"] for row in some]))  # type: ignore[index]
    return list(zip(found, votes, strict=True))


def _mean_strength(ranking: Ranking, candidates: Sequence[int]) -> Estimate | None:
    """Average strengths of one group; the interval is of their joint error."""
    ids = [pk for pk, _name in candidates_of(ranking)]
    places = np.searchsorted(ids, candidates)
    for joint in _fit(ranking.pk, ranking.created_at):
        inside = np.isin(joint.members, places)
        if inside.sum() == len(places):
            mean, low, high = joint.interval(inside[None, :] / len(places))
            return Estimate(
                json_number(mean[0]), json_number(low[0]), json_number(high[0]), len(places)
            )
    return None


@lru_cache(maxsize=4)
def _fit(pk: int, made: datetime) -> Sequence[JointStrengths]:
    """Fit a stored ranking again, for the joint error that it does not store; it never changes."""
    ranking = Ranking.objects.select_related("run").get(pk=pk, created_at=made)
    votes = read_votes(run=ranking.run, cutoff=ranking.cutoff, filters=ranking.filters)
    settings = replace(settings_of(ranking), n_resamples=MIN_RESAMPLES)  # those serve ranks alone
    return rank_votes(votes, candidates_of(ranking), settings).groups
