"""Heat maps: who beats whom, and two crossed settings."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from annotate.views.plots.parts import (
    DIVERGING,
    MANY_ROWS,
    Row,
    Spec,
    Words,
    figure,
    lookup,
    named_rows,
    tooltip,
)

CELL_PX, SMALL_CELL_PX = 34, 26
WIDE_CELL_PX = 76


def win_rates(pairs: Sequence[Row], names: Sequence[str]) -> Spec:
    """Draw how often the candidate of a row won against that of a column.

    Args:
        pairs: both orders of each pair that met: `row` and `column` (places in `names`), `rate`,
            `wins`, `losses`, `votes`.
        names: of the candidates, the strongest first.
    """
    is_large = len(names) > MANY_ROWS
    cell = SMALL_CELL_PX if is_large else CELL_PX
    y = named_rows(labelPadding=4, ticks=False, domain=False)
    x = named_rows("columns", labelAngle=-60, orient="top", ticks=False, domain=False) | {
        "field": "column"
    }
    x["axis"]["labelAlign"] = "left"
    spec = _cells(
        pairs,
        x,
        y,
        colour={"field": "rate", "domain": [0, 0.5, 1], "title": _("Share won"), "format": ".0%"},
        text={"field": "percent", "type": "quantitative", "format": ".0f"},
        font_px=10 if is_large else 12,
        tips=tooltip(
            ("candidate", _("Candidate")), ("rival", _("Against")), ("rate", _("Share won")),
            ("votes", _("Votes")),
        ),
    )  # fmt: skip
    spec |= {"width": {"step": cell}, "height": {"step": cell}}
    scale = {"domain": list(range(len(names)))}
    if is_large:
        spec["layer"].append(_names_again())
    spec["resolve"] = {"axis": {"x": "independent", "y": "independent"}}
    for number, layer in enumerate(spec["layer"]):
        layer["encoding"]["x"] = x | {"scale": scale} | ({"axis": None} if number else {})
        y_here = layer["encoding"]["y"] if number == 2 else y
        layer["encoding"]["y"] = y_here | {"scale": scale} | ({"axis": None} if number == 1 else {})
    return spec | {"params": lookup(names=names, columns=names)}


def two_way(
    cells: Sequence[Row], rows: Sequence[str], columns: Sequence[str], *, title: Words
) -> Spec:
    """Draw strengths of two crossed settings, with what each row and column has together.

    Args:
        cells: as `grid` takes them, `is_margin` for those of the last row and column; `model`,
            `temperature` and `votes` are for the pointer.
    """
    tips = tooltip(("model", _("Model")), ("temperature", _("Temperature")),
                   ("strength", title), ("votes", _("Votes")))  # fmt: skip
    return grid(cells, rows, columns, field="strength", title=title, tips=tips)


def grid(
    cells: Sequence[Row], rows: Sequence[str], columns: Sequence[str], *, field: str, title: Words,
    tips: list[Spec], places: str = ".2f", is_around_zero: bool = True,
) -> Spec:  # fmt: skip
    """Draw a number and its interval for each cell of a table.

    Args:
        cells: `row` and `column` (places in `rows` and `columns`), the number under `field`, and
            `interval` in words.
        places: how the number is written, in the words of d3-format.
        is_around_zero: whether colours part what is above 0 from what is below; else they go from
            none at 0, or at the smallest number, to the largest.
    """
    numbers = [cell[field] for cell in cells]
    reach = max((abs(number) for number in numbers), default=1.0) or 1.0
    colour: Spec = {"field": field, "title": title, "format": places}
    if is_around_zero:
        colour |= {"domain": [-reach, 0, reach]}
    else:
        least = min(numbers, default=0.0)
        start = 0 if least < reach / 2 else least
        end = reach if reach > start else start + 1
        colour |= {"domain": [start, end], "range": DIVERGING[1:]}
    x = named_rows("columns", orient="top", labelAngle=0, ticks=False, domain=False)
    y = named_rows("rows", ticks=False, domain=False, labelPadding=6)
    spec = _cells(
        cells,
        x | {"field": "column"},
        y,
        colour=colour,
        text={"field": field, "type": "quantitative", "format": places},
        font_px=13,
        tips=tips,
    )
    spec["layer"][1]["mark"] |= {"dy": -6}
    spec["layer"].append(_small_text(spec["layer"][1]))
    spec |= {"width": {"step": WIDE_CELL_PX}, "height": {"step": 44}}
    return spec | {"params": lookup(rows=rows, columns=columns)}


def _cells(
    values: Sequence[Row], x: Spec, y: Spec, *, colour: Spec, text: Spec, font_px: int,
    tips: list[Spec],
) -> Spec:  # fmt: skip
    shade = {
        "field": colour["field"],
        "type": "quantitative",
        "scale": {
            "domain": colour["domain"],
            "range": colour.get("range", DIVERGING),
            "interpolate": "lab",
        },
        "legend": {
            "title": str(colour["title"]),
            "values": colour["domain"],
            "format": colour["format"],
            "orient": "bottom",
            "direction": "horizontal",
        },
    }
    place = {"x": x, "y": y}
    return figure(
        [
            {
                "mark": {"type": "rect", "stroke": "var(--paper)", "strokeWidth": 1},
                "encoding": place | {"color": shade, "tooltip": tips},
            },
            {
                "mark": {"type": "text", "fontSize": font_px, "color": "var(--ink)"},
                "encoding": place | {"text": text},
            },
        ],
        values,
        shape="stepped",
    )


def _names_again() -> Spec:
    """Name the rows at the right as well: the left edge is far away by then."""
    y = named_rows(orient="right", ticks=False, domain=False)
    return {"mark": {"type": "point", "opacity": 0}, "encoding": {"y": y}}


def _small_text(layer: Spec) -> Spec:
    return {
        "mark": {"type": "text", "fontSize": 10, "dy": 9, "color": "var(--ink)"},
        "encoding": layer["encoding"] | {"text": {"field": "interval", "type": "nominal"}},
    }
