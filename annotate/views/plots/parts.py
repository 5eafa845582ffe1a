"""What the figures are put together from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
# As many as there are colours, shapes and dashes that the eye keeps apart.
MAX_SERIES = 8
COLOURS = [f"var(--plot-{n})" for n in range(1, MAX_SERIES + 1)]
SHAPES = [
    "circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right",
    "triangle-left",
]  # fmt: skip
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [10, 4], [6, 2, 2, 2, 2, 2], [3, 6]]
DIVERGING = ["var(--plot-low)", "var(--plot-middle)", "var(--plot-high)"]
MANY_ROWS = 25
# Names of one family differ at their ends, so a long one is cut in the middle.
SHORT = (
    "length(datum.label) > 40"
    " ? slice(datum.label, 0, 19) + '…' + slice(datum.label, -20) : datum.label"
)
# Dashes would fray the shapes in a legend that they share.
ONE_LEGEND = {"legend": {"strokeDash": "independent"}}

Spec = dict[str, Any]
Row = Mapping[str, Any]
Words = str | Promise


@dataclass(frozen=True)
class Plot:
    """A picture and its words.

    Attributes:
        name: what it is called in the names of downloaded files.
        gist: what it shows in a sentence, for whoever does not see it.
        left_out: says what of the table is not in the picture; empty where nothing is missing.
    """

    name: str
    title: Words
    gist: str
    spec: Spec
    left_out: str = ""

    @property
    def may_scroll(self) -> bool:
        """Tell whether the picture can be wider than the page, and scrolls by itself."""
        return bool(self.spec["usermeta"]["shape"] == "stepped")


def figure(
    layers: Sequence[Spec], values: Sequence[Row], *, shape: str = "wide", **fields: Any
) -> Spec:
    """Give a specification of layers that share their data.

    Args:
        shape: "wide" takes the width of the page, "square" as much of it as stays a square,
            "stepped" what its rows and columns need.
    """
    fields |= {"usermeta": {"shape": shape}}
    if shape == "wide":
        fields = {"autosize": {"type": "fit-x", "contains": "padding"}} | fields
    return {"$schema": SCHEMA, "data": {"values": list(values)}, "layer": list(layers)} | fields


def named_rows(param: str = "names", **axis: Any) -> Spec:
    """Encode the number of a row by its name; two rows of one name stay two."""
    return {
        "field": "row",
        "type": "ordinal",
        "axis": {"title": None, "labelExpr": f"{param}[datum.value]", **axis},
    }


def lookup(**names: Sequence[str]) -> list[Spec]:
    """Give the lists from which `named_rows` reads its names."""
    return [{"name": name, "value": list(values)} for name, values in names.items()]


def line_at(value: float, channel: str = "x", **mark: Any) -> Spec:
    """Draw a line across the picture at one value."""
    return {
        "data": {"values": [{"at": value}]},
        "mark": {"type": "rule", "color": "var(--edge)", "strokeDash": [3, 3], **mark},
        "encoding": {channel: {"field": "at", "type": "quantitative"}},
    }


def series(field: str, names: Sequence[str], channels: Sequence[str]) -> Spec:
    """Tell the series apart by colour and by shape or dash as well, in one legend."""
    ranges = {"color": COLOURS, "shape": SHAPES, "strokeDash": DASHES}
    return {
        channel: {
            "field": field,
            "type": "nominal",
            "scale": {"domain": list(names), "range": ranges[channel][: len(names)]},
            "legend": {"title": None, "symbolOpacity": 1, "labelExpr": SHORT}
            if channel != "strokeDash"
            else None,
        }
        for channel in channels
    }


def tooltip(*columns: tuple[str, Words], places: str = ".2f") -> list[Spec]:
    """Name the values of what the pointer is on; numbers as the table writes them."""
    return [
        {"field": field, "title": str(title)}
        | ({} if field in TEXTS else {"format": ",d" if field in COUNTS else places})
        for field, title in columns
    ]


TEXTS = {"candidate", "rival", "series", "note", "category", "temperature", "model", "term"}
COUNTS = {"votes"}


def known(rows: Sequence[Row], *columns: str) -> list[Row]:
    """Keep the rows in which none of these values is missing."""
    return [row for row in rows if all(row.get(column) is not None for column in columns)]


def records(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the rows of a stored table as dictionaries."""
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
