"""A run's sampling grid, as researchers see it: strength and what was counted, side by side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from annotate.models import SelectionRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services.measure_columns import Measure
from annotate.services.sweeps import AXES, Cell, Sweep, sweep_of, write_value
from annotate.views.measure_words import (
    MEANINGS,
    NAMES,
    places_of,
    read_measure,
    write_interval,
    write_number,
    write_short_interval,
)
from annotate.views.plots.matrices import grid
from annotate.views.plots.parts import Plot, tooltip
from annotate.views.plots.words import LOG_STRENGTH, decimals
from annotate.views.tables import Cell as TableCell
from annotate.views.tables import Table, as_csv, show_cells

AXIS_NAMES: dict[str, Promise] = {
    "temperature": gettext_lazy("Temperature"),
    "top_p": gettext_lazy("Top-p"),
    "min_p": gettext_lazy("Min-p"),
    "repetition_penalty": gettext_lazy("Repetition penalty"),
    "frequency_penalty": gettext_lazy("Frequency penalty"),
    "top_k": gettext_lazy("Top-k"),
    "model": gettext_lazy("Model"),
}
# More columns than this do not fit beside each other; the table has them all.
MAX_COLUMNS, MAX_GRID_ROWS = 24, 60
CSV_HEAD = ("candidates", "strength", "strength_low", "strength_high", "votes")


@require_safe
@role_required(Role.RESEARCHER)
def sweep(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show the run's grid over two of its parameters."""
    run = get_object_or_404(SelectionRun, slug=slug)
    found = _find(request, run)
    measure = read_measure(request.GET.get("measure"))
    context: dict[str, Any] = {"run": run, "sweep": found, "file": f"{slug}-sweep"}
    if found is not None:
        context |= {
            "x_name": AXIS_NAMES[found.x],
            "y_name": "" if found.y is None else AXIS_NAMES[found.y],
            "axes": [(axis.name, AXIS_NAMES[axis.name]) for axis in found.axes],
            "others": list(_others(found)),
            "averaged": ", ".join(str(AXIS_NAMES[name]) for name in found.averaged),
            "measures": NAMES.items(),
            "measure": measure,
            "meaning": MEANINGS[measure],
            "plots": list(_draw(found, measure)),
            "tables": [_table(request, found, measure)],
            "query": request.GET.urlencode(),
        }
    return render(request, "runs/sweep.html", context)


@require_safe
@role_required(Role.RESEARCHER)
def sweep_csv(request: SignedInRequest, slug: str) -> HttpResponse:
    """Give the grid with all measures as a file."""
    run = get_object_or_404(SelectionRun, slug=slug)
    found = _find(request, run)
    ends = [f"{measure}{end}" for measure in Measure for end in ("", "_low", "_high")]
    if found is None:
        return as_csv(f"{slug}-sweep", ["model", *CSV_HEAD, *ends], [])
    axes = [found.x, *([found.y] if found.y else [])]
    return as_csv(f"{slug}-sweep", [*axes, *CSV_HEAD, *ends], map(_csv_row, found.cells))


def _csv_row(cell: Cell) -> list[Any]:
    strength = cell.strength
    told = [None] * 3 if strength is None else [strength.mean, strength.low, strength.high]
    values = [
        number
        for measure in Measure
        for each in [cell.values[measure]]
        for number in (each.mean, each.low, each.high)
    ]
    place = [cell.x] if cell.y is None else [cell.x, cell.y]
    return [*place, " | ".join(cell.names), *told, cell.votes, *values]


def _find(request: HttpRequest, run: SelectionRun) -> Sweep | None:
    asked = {name: request.GET[name] for name in AXES if request.GET.get(name)}
    return sweep_of(run=run, x=request.GET.get("x"), y=request.GET.get("y"), fixed=asked)


def _others(found: Sweep) -> Iterator[Mapping[str, Any]]:
    """Yield the axes that are averaged or held fixed, with what can be chosen of each."""
    for axis in found.axes:
        if axis.name not in (found.x, found.y):
            values = [write_value(value) for value in axis.values]
            chosen = found.fixed.get(axis.name)
            yield {
                "name": axis.name,
                "label": AXIS_NAMES[axis.name],
                "values": values,
                "chosen": None if chosen is None else write_value(chosen),
            }


def _draw(found: Sweep, measure: Measure) -> Iterator[Plot]:
    """Draw the strengths, as far as there are any, and the measure."""
    strengths = {
        (cell.x, cell.y): (cell.strength.mean, cell.strength.low, cell.strength.high)
        for cell in found.cells
        if cell.strength is not None and cell.strength.mean is not None
    }
    if strengths:
        values = [
            _place(found, cell)
            | {"number": mean, "interval": f"{decimals(low)} – {decimals(high)}"}
            for cell in found.cells
            if (cell.x, cell.y) in strengths
            for mean, low, high in [strengths[cell.x, cell.y]]
        ]
        yield _heat_map("strength", str(LOG_STRENGTH), found, values, ".2f", is_around_zero=True)
    values = [
        _place(found, cell) | {"number": each.mean, "interval": write_short_interval(measure, each)}
        for cell in found.cells
        for each in [cell.values[measure]]
        if each.mean is not None
    ]
    if values:
        yield _heat_map(str(measure), str(NAMES[measure]), found, values, places_of(measure))


def _heat_map(
    name: str, title: str, found: Sweep, values: Sequence[Mapping[str, Any]], places: str,
    *, is_around_zero: bool = False,
) -> Plot:  # fmt: skip
    rows, columns = _lines(found)
    shown = [v for v in values if v["row"] < MAX_GRID_ROWS and v["column"] < MAX_COLUMNS]
    best = max(shown, key=lambda value: value["number"])
    least = min(shown, key=lambda value: value["number"])
    written = decimals if is_around_zero else (lambda number: write_number(Measure(name), number))
    gist = _(
        "Heat map, %(title)s: %(n)d cells. Highest: %(best)s, %(high)s. Lowest: %(last)s, %(low)s."
    ) % {
        "title": title, "n": len(shown), "best": best["where"], "high": written(best["number"]),
        "last": least["where"], "low": written(least["number"]),
    }  # fmt: skip
    spec = grid(
        shown, rows[:MAX_GRID_ROWS], columns[:MAX_COLUMNS], field="number", title=title,
        tips=tooltip(("note", _("Cell")), ("number", title), places=places), places=places,
        is_around_zero=is_around_zero,
    )  # fmt: skip
    missing = len(found.cells) - len(shown)
    said = ngettext(
        "%(n)d cell is not in the picture: it has no such number, or no place in it.",
        "%(n)d cells are not in the picture: they have no such number, or no place in it.",
        missing,
    )
    return Plot(name, title, gist, spec, said % {"n": missing} if missing else "")


def _lines(found: Sweep) -> tuple[list[str], list[str]]:
    """List the values of rows and columns, as the cells have them."""
    columns = [write_value(value) for value in dict.fromkeys(cell.x for cell in found.cells)]
    named = next((axis.values for axis in found.axes if axis.name == found.y), ())
    there = {cell.y for cell in found.cells}
    return [write_value(value) for value in named if value in there] or [""], columns


def _place(found: Sweep, cell: Cell) -> dict[str, Any]:
    rows, columns = _lines(found)
    row = 0 if cell.y is None else rows.index(write_value(cell.y))
    where = f"{AXIS_NAMES[found.x]} {write_value(cell.x)}"
    if found.y is not None and cell.y is not None:
        where += f", {AXIS_NAMES[found.y]} {write_value(cell.y)}"
    return {"row": row, "column": columns.index(write_value(cell.x)), "where": where, "note": where}


def _table(request: HttpRequest, found: Sweep, measure: Measure) -> Table:
    axes = [AXIS_NAMES[name] for name in (found.x, found.y) if name is not None]
    labels = [
        *(TableCell(str(axis), False) for axis in axes),
        TableCell(_("Candidates"), True), TableCell(str(LOG_STRENGTH), True),
        TableCell(_("Interval"), True), TableCell(_("Votes"), True),
        TableCell(str(NAMES[measure]), True), TableCell(_("Interval"), True),
        TableCell(_("Completions"), True),
    ]  # fmt: skip
    rows = [list(_row(cell, measure)) for cell in found.cells]
    return show_cells("cells", _("Cells of the grid"), labels, rows, request.GET)


def _row(cell: Cell, measure: Measure) -> Iterator[TableCell]:
    for value in (cell.x, cell.y):
        if value is not None:
            yield TableCell(write_value(value), False)
    yield TableCell(str(len(cell.names)), True)
    if cell.strength is None:
        yield TableCell("–" if cell.votes else _("no votes"), True)
        yield TableCell("–", True)
    else:
        yield TableCell(decimals(cell.strength.mean), True)
        low, high = decimals(cell.strength.low), decimals(cell.strength.high)
        yield TableCell(f"{low} – {high}", True)
    yield TableCell(str(cell.votes), True)
    each = cell.values[measure]
    yield TableCell(write_number(measure, each.mean), True)
    yield TableCell(write_interval(measure, each), True)
    yield TableCell(str(each.n), True)
