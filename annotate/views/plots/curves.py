"""Strengths that go on: over votes, and over snapshots."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from annotate.views.plots.parts import ONE_LEGEND, Row, Spec, Words, figure, lookup, series, tooltip

HEIGHT_PX = 380
BESIDE_PX = 2.5


def strengths_over(
    rows: Sequence[Row],
    names: Sequence[str],
    *,
    x: str,
    x_title: Words,
    y_title: Words,
    steps: Sequence[str] | None = None,
) -> Spec:
    """Draw a line with its interval a candidate.

    All strengths have room, and all intervals of the newer half; of the older half, which may be
    many times as long, what leaves the picture is cut.

    Args:
        rows: `candidate`, `strength`, `low`, `high`, and the field that `x` names.
        names: of the candidates, the strongest first, at most as many as there are colours.
        steps: names of the places 0, 1, ... of `x` where those are no quantity.
    """
    places = _places(x, x_title, steps)
    y = {
        "field": "strength",
        "type": "quantitative",
        "title": str(y_title),
        "scale": {"zero": False} | _room(rows, x),
        "axis": {"format": ".1f", "tickCount": 6},
    }
    marks = series("candidate", names, ["color", "shape", "strokeDash"])
    tips = tooltip(("candidate", _("Candidate")), (x, x_title), ("strength", y_title),
                   ("low", _("Low")), ("high", _("High")))  # fmt: skip
    layers = [
        layer
        for place, name in enumerate(names)
        for layer in _one_line(name, BESIDE_PX * (place - (len(names) - 1) / 2),
                               {"x": places, "y": y}, marks, tips)
    ]  # fmt: skip
    return figure(layers, rows, height=HEIGHT_PX, params=lookup(steps=steps or []),
                  resolve=ONE_LEGEND)  # fmt: skip


def _room(rows: Sequence[Row], x: str) -> Spec:
    places = sorted({row[x] for row in rows})
    newer = set(places[len(places) // 2 :])
    ends = [row["strength"] for row in rows]
    ends += [row[end] for row in rows if row[x] in newer for end in ("low", "high")]
    known = [end for end in ends if end is not None]
    if not known or min(known) == max(known):
        return {}
    return {"domain": [min(known), max(known)], "nice": True}


def _places(field: str, title: Words, steps: Sequence[str] | None) -> Spec:
    places: Spec = {"field": field, "type": "quantitative", "title": str(title)}
    if steps is None:
        axis = {"grid": False, "format": ",d", "tickCount": 6, "tickMinStep": 1}
        axis["labelOverlap"] = True
        return places | {"axis": axis}
    axis = {"labelExpr": "steps[datum.value]", "labelAngle": 0, "labelOverlap": "greedy"}
    return places | {"type": "ordinal", "axis": axis}


def _one_line(
    name: str, beside_px: float, place: Spec, marks: Spec, tips: Sequence[Spec]
) -> list[Spec]:
    """Draw a candidate a little beside the others, so that no interval hides another."""
    own = [{"filter": {"field": "candidate", "equal": name}}]
    beside = {"xOffset": beside_px, "clip": False}
    return [
        {
            "transform": [*own, {"filter": "isValid(datum.low) && isValid(datum.high)"}],
            "mark": {"type": "rule", "strokeWidth": 1.5, "opacity": 0.45} | beside | {"clip": True},
            "encoding": {
                "x": place["x"],
                "y": place["y"] | {"field": "low"},
                "y2": {"field": "high"},
                "color": marks["color"],
            },
        },
        {
            "transform": own,
            "mark": {"type": "line", "strokeWidth": 2} | beside,
            "encoding": place | {"color": marks["color"], "strokeDash": marks["strokeDash"]},
        },
        {
            "transform": own,
            "mark": {"type": "point", "filled": True, "size": 50, "opacity": 1} | beside,
            "encoding": place
            | {"color": marks["color"], "shape": marks["shape"], "tooltip": list(tips)},
        },
    ]
