"""A few candidates over many categories, as polygons."""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from annotate.views.plots.parts import ONE_LEGEND, Row, Spec, Words, figure, series, tooltip

MIN_SPOKES = 3
RINGS = 4
REACH = 1.2  # radii from the centre to where the picture ends
MAX_POLYGONS = 5
LETTERS = 14  # of a line of a spoke's name


@dataclass(frozen=True)
class Web:
    """The spokes, and the strengths at the centre and at the rim."""

    n_spokes: int
    low: float
    high: float

    def place(self, spoke: float, share: float) -> dict[str, float]:
        """Give the place at a share of the way from the centre to the rim; spoke 0 points up."""
        angle = 2 * math.pi * spoke / self.n_spokes
        return {"x": round(share * math.sin(angle), 5), "y": round(share * math.cos(angle), 5)}

    def place_strength(self, spoke: float, strength: float) -> dict[str, float]:
        """Give the place of a strength on a spoke."""
        return self.place(spoke, (strength - self.low) / (self.high - self.low))


def radar(
    rows: Sequence[Row], categories: Sequence[str], names: Sequence[str], *, title: Words
) -> Spec:
    """Draw a polygon a candidate with a spoke a category; further out is stronger.

    Args:
        rows: `candidate`, `category`, `strength`, none of them missing; at least one.
        categories: at least `MIN_SPOKES`.
        names: of the candidates, at most as many as there are colours.
    """
    low, high = _ends([row["strength"] for row in rows])
    web = Web(len(categories), low, high)
    strengths = {(row["candidate"], row["category"]): row["strength"] for row in rows}
    points = [
        point
        for name in names
        for point in _outline(name, [strengths.get((name, key)) for key in categories], web)
    ]
    for point in points:
        point["category"] = categories[point["spoke"] % web.n_spokes]
    marks = series("candidate", names, ["color", "shape", "strokeDash"])
    layers = [
        _rings(web),
        _spokes(web),
        _outlines(points, marks),
        _corners(points, marks, title),
        _ring_names(web),
        _spoke_names(web, categories),
    ]
    return figure(layers, [], shape="square", resolve=ONE_LEGEND)


def _ends(strengths: Sequence[float]) -> tuple[float, float]:
    """Give round strengths for centre and rim: below the weakest, not below the strongest."""
    spread = max(strengths) - min(strengths)
    step = next(step for step in (0.1, 0.25, 0.5, 1, 2, 5, 10, 100) if step * RINGS > spread)
    low = math.ceil(min(strengths) / step - 1) * step
    n_rings = max(RINGS, math.ceil((max(strengths) - low) / step))
    return low, low + n_rings * step


def _outline(name: str, strengths: Sequence[float | None], web: Web) -> Iterator[dict[str, object]]:
    """Yield the corners of a polygon, the first at its end again; it is open at what is missing."""
    part = 0
    for spoke, strength in enumerate([*strengths, strengths[0]]):
        if strength is None:
            part += 1
            continue
        place = web.place_strength(spoke, strength)
        yield {"candidate": name, "spoke": spoke, "part": part, "strength": strength, **place}


def _drawn(values: Sequence[Mapping[str, object]], mark: Spec, **encoding: Spec) -> Spec:
    scale = {"domain": [-REACH, REACH], "nice": False, "zero": False}
    plain = {"type": "quantitative", "scale": scale, "axis": None}
    places = {"x": plain | {"field": "x"}, "y": plain | {"field": "y"}}
    return {"data": {"values": list(values)}, "mark": mark, "encoding": places | encoding}


def _lines(values: Sequence[Mapping[str, object]], mark: Spec, **encoding: Spec) -> Spec:
    order = {"field": "spoke", "type": "quantitative"}
    return _drawn(values, {"type": "line"} | mark, order=order, **encoding)


def _rings(web: Web) -> Spec:
    values = [
        {"spoke": spoke, "ring": ring} | web.place(spoke, ring / RINGS)
        for ring in range(1, RINGS + 1)
        for spoke in range(web.n_spokes + 1)
    ]
    return _lines(values, {"color": "var(--line)", "strokeWidth": 1}, detail=_by("ring"))


def _spokes(web: Web) -> Spec:
    values = [
        {"spoke": spoke} | web.place(spoke, share)
        for spoke in range(web.n_spokes)
        for share in (0.0, 1.0)
    ]
    return _lines(values, {"color": "var(--line)", "strokeWidth": 1}, detail=_by("spoke"))


def _ring_names(web: Web) -> Spec:
    values = [
        {"label": _label(web.low + ring / RINGS * (web.high - web.low))}
        | web.place(0.5, ring / RINGS * math.cos(math.pi / web.n_spokes))
        for ring in range(RINGS + 1)
    ]
    mark = {
        "type": "text",
        "align": "left",
        "dx": 2,
        "dy": 0,
        "fontSize": 10,
        "color": "var(--ink-soft)",
    }
    return _drawn(values, mark, text={"field": "label"})


def _label(number: float) -> str:
    return f"{number:.2f}".replace("-", "−")


def _spoke_names(web: Web, categories: Sequence[str]) -> Spec:
    """Name the spokes where they end, each away from the centre."""
    values = [
        {"label": textwrap.wrap(name, LETTERS)[:2] or ["–"]} | web.place(n, 1.06)
        for n, name in enumerate(categories)
    ]
    sides = {
        "left": [v for v in values if v["x"] > 0.1],
        "right": [v for v in values if v["x"] < -0.1],
        "center": [v for v in values if abs(v["x"]) <= 0.1],
    }
    words = {"type": "text", "fontSize": 11, "lineHeight": 12, "baseline": "middle"}
    layers = [
        _drawn(placed, words | {"align": align}, text={"field": "label"})
        for align, placed in sides.items()
    ]
    return {"layer": layers}


def _outlines(points: Sequence[Mapping[str, object]], marks: Spec) -> Spec:
    chosen = {"color": marks["color"], "strokeDash": marks["strokeDash"], "detail": _by("part")}
    return _lines(points, {"strokeWidth": 2}, **chosen)


def _corners(points: Sequence[Mapping[str, object]], marks: Spec, title: Words) -> Spec:
    tips = tooltip(("candidate", _("Candidate")), ("category", _("Category")), ("strength", title))
    chosen = {"color": marks["color"], "shape": marks["shape"], "tooltip": tips}
    return _drawn(points, {"type": "point", "filled": True, "size": 55, "opacity": 1}, **chosen)


def _by(name: str) -> Spec:
    return {"field": name, "type": "nominal"}
