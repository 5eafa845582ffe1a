"""The plot of `benchmarks.loop`, drawn by the site's own chart library in a Chromium."""

import base64
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from annotate.views.plots.parts import COLOURS, DASHES, SCHEMA, SHAPES
from tests.browser.chromium import NoChromium, launch_options

STATIC = Path(__file__).resolve().parent.parent / "annotate" / "static"
WIDTH_PX, HEIGHT_PX, PNG_SCALE = 230, 240, 2
BESIDE_PX = 5
PANELS = (
    ("win rate", "Child over its parent, share of votes", ".0%", (0.5, 0.65)),
    ("strength", "Strength over model 0, log odds", ".1f", ()),
    ("leaking", "Held-out answers with foreign words", ".0%", ()),
)
DRAW = """async (spec) => {
  const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: "none" });
  await view.runAsync();
  const canvas = await view.toCanvas(SCALE);
  return { svg: await view.toSVG(), png: canvas.toDataURL("image/png").split(",")[1] };
}""".replace("SCALE", str(PNG_SCALE))


def draw(results: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write loop.svg and loop.png, or say that there is no Chromium to draw them."""
    try:
        options = launch_options()
    except NoChromium as error:
        print(f"no plot: {error}", file=sys.stderr)
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**options)
        page = browser.new_page()
        for name in ("vega", "vega-lite"):
            page.add_script_tag(path=STATIC / "vendor" / "vega" / f"{name}.min.js")
        drawn = page.evaluate(DRAW, specify(results))
        browser.close()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "loop.svg").write_text(drawn["svg"] + "\n", encoding="utf-8")
    (folder / "loop.png").write_bytes(base64.b64decode(drawn["png"]))


def specify(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Give the Vega-Lite specification: a panel a measure, a line a seed."""
    spec = {
        "$schema": SCHEMA,
        "background": "white",
        "data": {"values": list(_points(results))},
        "hconcat": [
            _panel(*panel, seeds=[f"seed {result['seed']}" for result in results])
            for panel in PANELS
        ],
        "config": {"font": "sans-serif", "view": {"stroke": None}, "axis": {"grid": False}},
    }
    painted: dict[str, Any] = json.loads(_paint(json.dumps(spec)))
    return painted


def _points(results: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield a row for each value of each model, with the ends of its interval."""
    for result in results:
        seed = f"seed {result['seed']}"
        for place, model in enumerate(result["models"]):
            row = {"seed": seed, "model": place}
            strength = {name: model[f"strength_{name}"] for name in ("low", "high")}
            yield row | {"panel": "strength", "value": model["strength"]} | strength
            leaking = model["leaking"]
            ends = {"low": leaking["low"], "high": leaking["high"]}
            yield row | {"panel": "leaking", "value": leaking["mean"]} | ends
            if place:
                won = result["rounds"][place - 1]["over_parent"]
                ends = {"low": won["low"], "high": won["high"]}
                yield row | {"panel": "win rate", "value": won["rate"]} | ends


def _panel(
    name: str, title: str, form: str, lines: Sequence[float], *, seeds: Sequence[str]
) -> dict[str, Any]:
    """Draw a line with its intervals a seed, a little beside the others, and lines across."""
    x = {"field": "model", "type": "ordinal", "title": "Model", "axis": {"labelAngle": 0}}
    y = {"field": "value", "type": "quantitative", "title": None, "axis": {"format": form}}
    if lines:
        y["scale"] = {"zero": False}
    marks = {channel: _series(seeds, channel) for channel in ("color", "shape", "strokeDash")}
    layers = [_line_at(value) for value in lines]
    for place, seed in enumerate(seeds):
        beside_px = BESIDE_PX * (place - (len(seeds) - 1) / 2)
        layers += _one_line(seed, beside_px, {"x": x, "y": y}, marks)
    return {
        "title": {"text": title, "anchor": "start", "fontSize": 12, "fontWeight": "normal"},
        "width": WIDTH_PX,
        "height": HEIGHT_PX,
        "transform": [{"filter": {"field": "panel", "equal": name}}],
        "layer": layers,
        "resolve": {"legend": {"strokeDash": "independent"}},
    }


def _line_at(value: float) -> dict[str, Any]:
    return {
        "data": {"values": [{"at": value}]},
        "mark": {"type": "rule", "color": "#888", "strokeDash": [3, 3]},
        "encoding": {"y": {"field": "at", "type": "quantitative"}},
    }


def _one_line(
    seed: str, beside_px: float, place: dict[str, Any], marks: dict[str, Any]
) -> list[dict[str, Any]]:
    own = [{"filter": {"field": "seed", "equal": seed}}]
    ends = {"x": place["x"], "y": place["y"] | {"field": "low"}, "y2": {"field": "high"}}
    color = {"color": marks["color"]}
    dashed, shaped = ({name: marks[name]} for name in ("strokeDash", "shape"))
    looks: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
        ({"type": "rule", "strokeWidth": 1.5, "opacity": 0.45}, ends),
        ({"type": "line", "strokeWidth": 1.5}, place | dashed),
        ({"type": "point", "filled": True, "size": 50, "opacity": 1}, place | shaped),
    )
    return [
        {
            "transform": own,
            "mark": mark | {"xOffset": beside_px},
            "encoding": encoding | color,
        }
        for mark, encoding in looks
    ]


def _series(seeds: Sequence[str], channel: str) -> dict[str, Any]:
    ranges: dict[str, Sequence[Any]] = {"color": COLOURS, "shape": SHAPES, "strokeDash": DASHES}
    scale = {"domain": list(seeds), "range": list(ranges[channel][: len(seeds)])}
    legend = None if channel == "strokeDash" else {"title": None}
    return {"field": "seed", "type": "nominal", "scale": scale, "legend": legend}


def _paint(text: str) -> str:
    """Put the site's colours for white paper in the place of their names."""
    css = (STATIC / "kurabe" / "plots.css").read_text(encoding="utf-8")
    light = css[css.index("{") : css.index("}")]
    colours = dict(re.findall(r"(--plot-\d): (#\w+);", light))
    return re.sub(r"var\((--plot-\d)\)", lambda found: colours[found[1]], text)
