"""Estimates with their intervals, one row a candidate: forest plots."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from annotate.views.plots.parts import (
    MANY_ROWS,
    Row,
    Spec,
    Words,
    figure,
    line_at,
    lookup,
    named_rows,
    series,
    tooltip,
)

ROW_PX = 24
SERIES_PX = 11


@dataclass(frozen=True)
class Axis:
    """What the estimates are measured in.

    Attributes:
        title: with the unit.
        places: how numbers are written, in the words of d3-format.
        lines: values at which a line stands, such as that of no difference.
    """

    title: Words
    places: str = ".2f"
    lines: Sequence[float] = field(default=(0.0,))
    domain: Sequence[float] | None = None


def forest(rows: Sequence[Row], axis: Axis, *, notes_title: Words | None = None) -> Spec:
    """Draw an estimate a row with its interval, in the order given.

    Args:
        rows: with `name`, `centre`, `low`, `high` (None where there is no interval), and `note`,
            words that stand at the right where `notes_title` names them.
    """
    values = [dict(row) | {"row": number} for number, row in enumerate(rows)]
    x = _x_axis(axis, len(rows))
    y = named_rows(labelPadding=6, ticks=False, domain=False)
    tips = {
        "tooltip": tooltip(
            ("name", _("Name")),
            ("centre", axis.title),
            ("low", _("Low")),
            ("high", _("High")),
            places=axis.places,
        )
    }
    layers = [
        *(line_at(value) for value in axis.lines),
        _whisker(x, y),
        _dot(x, y | {"axis": None}) | {"encoding": {"x": x, "y": y | {"axis": None}} | tips},
    ]
    if notes_title is not None:
        layers.append(_notes(x, notes_title))
    return figure(
        layers,
        values,
        height=ROW_PX * len(rows),
        params=lookup(
            names=[row["name"] for row in rows], notes=[row.get("note", "") for row in rows]
        ),
        resolve={"axis": {"y": "independent"}},
    )


def grouped_forest(rows: Sequence[Row], axis: Axis, *, names: Sequence[str]) -> Spec:
    """Draw several estimates a row, told apart by colour and shape.

    Args:
        rows: with `name`, `series` (one of `names`), `centre`, `low`, `high`.
        names: of the series, in the order of the legend; no more than there are colours.
    """
    order = list(dict.fromkeys(row["name"] for row in rows))
    places = {name: number for number, name in enumerate(order)}
    values = [dict(row) | {"row": places[row["name"]]} for row in rows]
    x = _x_axis(axis, len(rows))
    y = named_rows(labelPadding=6, ticks=False, domain=False)
    offset = {"yOffset": {"field": "series", "type": "nominal", "scale": {"domain": list(names)}}}
    tips = tooltip(
        ("name", _("Name")),
        ("series", _("Shown by")),
        ("centre", axis.title),
        ("low", _("Low")),
        ("high", _("High")),
        places=axis.places,
    )
    marks = series("series", names, ["color", "shape"])
    whisker = _whisker(x, y)
    whisker["encoding"] |= offset | {"color": marks["color"]}
    dot = _dot(x, y | {"axis": None})
    dot["encoding"] |= offset | marks | {"tooltip": tips}
    return figure(
        [*(line_at(value) for value in axis.lines), whisker, dot],
        values,
        height=max(ROW_PX, SERIES_PX * len(names) + 8) * len(order),
        params=lookup(names=order),
        resolve={"axis": {"y": "independent"}},
    )


def _x_axis(axis: Axis, n_rows: int) -> Spec:
    scale: dict[str, Any] = {"zero": False, "nice": False, "padding": 14}
    if axis.domain is not None:
        scale = {"domain": list(axis.domain), "nice": False, "padding": 14}
    return {
        "field": "centre",
        "type": "quantitative",
        "scale": scale,
        "axis": {
            "title": str(axis.title),
            "format": axis.places,
            "orient": "top" if n_rows > MANY_ROWS else "bottom",
            "tickCount": 6,
            "labelOverlap": True,
        },
    }


def _whisker(x: Spec, y: Spec) -> Spec:
    return {
        "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
        "mark": {"type": "rule", "strokeWidth": 2, "color": "var(--ink-soft)", "clip": True},
        "encoding": {"x": x | {"field": "low"}, "x2": {"field": "high"}, "y": y},
    }


def _dot(x: Spec, y: Spec) -> Spec:
    mark = {
        "type": "point",
        "filled": True,
        "size": 70,
        "opacity": 1,
        "color": "var(--plot-1)",
        "clip": True,
    }
    return {"mark": mark, "encoding": {"x": x, "y": y}}


def _notes(x: Spec, title: Words) -> Spec:
    """Stand words at the right: an axis of their own keeps them beside the picture."""
    axis = {
        "orient": "right",
        "title": str(title),
        "titleAngle": 0,
        "titleAlign": "left",
        "titleAnchor": "start",
        "titleX": 8,
        "titleY": -8,
        "titleBaseline": "bottom",
        "ticks": False,
        "domain": False,
        "labelColor": "var(--ink-soft)",
    }
    return {
        "mark": {"type": "point", "opacity": 0},
        "encoding": {"x": x, "y": named_rows("notes", **axis)},
    }
