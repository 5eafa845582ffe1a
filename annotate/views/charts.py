"""Geometry of the small pictures beside tables: pure numbers in, coordinates out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 320, 160
LEFT, RIGHT, TOP, BOTTOM = 44, 312, 10, 136
MAX_POINTS = 240
WHISKER_WIDTH, WHISKER_MARGIN = 120, 6
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)

Interval = tuple[float | None, float | None, float | None]


@dataclass(frozen=True)
class Tick:
    """A labelled line of an axis, at `position` on the picture."""

    position: float
    label: str


@dataclass(frozen=True)
class LineChart:
    """One curve over the steps; `points` is empty where nothing was measured yet."""

    title: str
    points: str
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    first: float | None
    last: float | None


@dataclass(frozen=True)
class Whisker:
    """An interval and its centre along a line of `WHISKER_WIDTH`, with the place of 0."""

    low: float
    centre: float
    high: float
    zero: float


def line_chart(title: str, measured: Sequence[tuple[float, float | None]]) -> LineChart:
    """Draw (step, value) pairs; pairs without a value are passed over."""
    known = [(step, value) for step, value in measured if value is not None]
    if not known:
        return LineChart(title, "", (), (), None, None)
    curve = thin(known)
    ticks = round_ticks(min(y for _x, y in curve), max(y for _x, y in curve))
    first_step, last_step = curve[0][0], curve[-1][0]
    points = " ".join(
        f"{_scale(x, first_step, last_step, LEFT, RIGHT):.1f},"
        f"{_scale(y, ticks[0], ticks[-1], BOTTOM, TOP):.1f}"
        for x, y in curve
    )
    return LineChart(
        title=title,
        points=points,
        y_ticks=tuple(
            Tick(
                round(_scale(y, ticks[0], ticks[-1], BOTTOM, TOP), 1), f"{y:.6g}".replace("-", "−")
            )
            for y in ticks
        ),
        x_ticks=(Tick(LEFT, f"{first_step:g}"), Tick(RIGHT, f"{last_step:g}")),
        first=known[0][1],
        last=known[-1][1],
    )


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


def whiskers(intervals: Sequence[Interval]) -> list[Whisker | None]:
    """Place (low, centre, high) triples on one common scale; None where a number is missing."""
    ends = [end for low, _centre, high in intervals for end in (low, high) if end is not None]
    least, most = min([0.0, *ends]), max([0.0, *ends])

    def place(value: float) -> float:
        start, end = WHISKER_MARGIN, WHISKER_WIDTH - WHISKER_MARGIN
        return round(_scale(value, least, most, start, end), 1)

    def mark(low: float | None, centre: float | None, high: float | None) -> Whisker | None:
        if low is None or centre is None or high is None:
            return None
        return Whisker(place(low), place(centre), place(high), place(0.0))

    return [mark(*interval) for interval in intervals]


def _scale(value: float, low: float, high: float, start: float, end: float) -> float:
    """Map low..high onto start..end; the middle where the range is empty."""
    if low == high:
        return (start + end) / 2
    return start + (value - low) / (high - low) * (end - start)
