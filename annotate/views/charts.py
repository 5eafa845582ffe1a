"""Curves of a training, drawn here: they come anew every two seconds, and need no script.

Pure numbers in, coordinates out. The figures of rankings are in `plots/`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from annotate.templatetags.kurabe import decimals, scientific

WIDTH, HEIGHT = 320, 160
LEFT, RIGHT, TOP, BOTTOM = 44, 312, 10, 136
MAX_POINTS = 240
# With so few a line may be no more than a dot.
FEW_POINTS = 12
Measured = tuple[float, float | None]
Box = tuple[float, float, float, float]
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Tick:
    """A labelled line of an axis, at `position` on the picture."""

    position: float
    label: str


@dataclass(frozen=True)
class Curve:
    """One line of a chart.

    Attributes:
        label: what tells it from the chart's others; empty where it is the only one.
        points: of a polyline.
        dots: (x, y) of each point where they are so few that a line may not be seen.
        first, last: its values at both ends, as they are written.
    """

    label: str
    points: str
    dots: tuple[tuple[str, str], ...]
    first: str
    last: str


@dataclass(frozen=True)
class LineChart:
    """Curves over the steps; none where nothing was measured yet."""

    title: str
    curves: tuple[Curve, ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]


def line_chart(title: str, measured: Sequence[tuple[str, Sequence[Measured]]]) -> LineChart:
    """Draw named lists of (step, value); what has no value is passed over."""
    known = [
        (label, thin([(step, value) for step, value in pairs if value is not None]))
        for label, pairs in measured
    ]
    drawn = [(label, curve) for label, curve in known if curve]
    if not drawn:
        return LineChart(title, (), (), ())
    everything = [point for _label, curve in drawn for point in curve]
    ticks = round_ticks(min(y for _x, y in everything), max(y for _x, y in everything))
    first_step, last_step = min(x for x, _y in everything), max(x for x, _y in everything)
    box = (first_step, last_step, ticks[0], ticks[-1])
    return LineChart(
        title=title,
        curves=tuple(_draw(label, curve, box) for label, curve in drawn),
        y_ticks=tuple(
            Tick(round(_scale(y, ticks[0], ticks[-1], BOTTOM, TOP), 1), _write_tick(y))
            for y in ticks
        ),
        x_ticks=(Tick(LEFT, f"{first_step:g}"), Tick(RIGHT, f"{last_step:g}")),
    )


def write_value(value: float) -> str:
    """Write a measured number with about as many digits as tell anything."""
    size = abs(value)
    if size >= 1_000:
        return decimals(value, 0)
    return decimals(value, 3) if size >= 0.01 or value == 0 else scientific(value)


def _draw(label: str, curve: Sequence[tuple[float, float]], box: Box) -> Curve:
    first_step, last_step, low, high = box
    places = [
        (
            f"{_scale(x, first_step, last_step, LEFT, RIGHT):.1f}",
            f"{_scale(y, low, high, BOTTOM, TOP):.1f}",
        )
        for x, y in curve
    ]
    return Curve(
        label=label,
        points=" ".join(f"{x},{y}" for x, y in places),
        dots=tuple(places) if len(places) <= FEW_POINTS else (),
        first=write_value(curve[0][1]),
        last=write_value(curve[-1][1]),
    )


def _write_tick(value: float) -> str:
    return f"{value:.6g}".replace("-", "−")


def thin(curve: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep at most `MAX_POINTS` points, evenly spread, the first and the last among them."""
    if len(curve) <= MAX_POINTS:
        return list(curve)
    stride = (len(curve) - 1) / (MAX_POINTS - 1)
    return [curve[round(number * stride)] for number in range(MAX_POINTS)]


def round_ticks(low: float, high: float) -> list[float]:
    """Give up to 6 round numbers, evenly spaced, the first below `low`, the last above `high`."""
    # A range that floating point can hardly tell from none is none.
    if high - low < 1e-9 * max(1.0, abs(low), abs(high)):
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 4
    magnitude = 10 ** math.floor(math.log10(rough))
    step = next(step * magnitude for step in STEPS if step * magnitude >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, last + 1)]


def _scale(value: float, low: float, high: float, start: float, end: float) -> float:
    """Map low..high onto start..end; the middle where the range is empty."""
    if low == high:
        return (start + end) / 2
    return start + (value - low) / (high - low) * (end - start)
