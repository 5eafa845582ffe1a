"""Estimates with their intervals as small still pictures, one in each row of a table.

Pure numbers in, coordinates out; they need no script, and print as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

WIDTH, EDGE = 160.0, 5.0
# An interval that is so many times wider than the middle one would leave the others no room.
WIDEST = 2.5


@dataclass(frozen=True)
class Bar:
    """Where the marks of one row stand, from 0 to `WIDTH`; empty where there is none."""

    centre: str
    low: str
    high: str
    zero: str


Estimate = tuple[float | None, float | None, float | None]


def draw_bars(estimates: Sequence[Estimate], *, zero: float | None = 0.0) -> list[Bar]:
    """Place estimates (centre, low, high) of one column on one scale.

    Args:
        zero: where an upright line stands, such as that of no difference.
    """
    known = [each for each in estimates if each[0] is not None]
    if not known:
        return [Bar("", "", "", "") for _each in estimates]
    first, last = _find_ends(known, zero)
    scale = (WIDTH - 2 * EDGE) / ((last - first) or 1.0)

    def place(value: float | None) -> str:
        if value is None:
            return ""
        return f"{min(max(EDGE + (value - first) * scale, 0), WIDTH):.1f}"

    return [Bar(place(c), place(low), place(high), place(zero)) for c, low, high in estimates]


def _find_ends(known: Sequence[Estimate], zero: float | None) -> tuple[float, float]:
    centres = [centre for centre, _low, _high in known if centre is not None]
    reaches = [high - low for _c, low, high in known if low is not None and high is not None]
    most = WIDEST * median(reaches) / 2 if reaches else 0.0
    lows = [
        max(low, centre - most) if low is not None else centre
        for centre, low, _high in known
        if centre is not None
    ]
    highs = [
        min(high, centre + most) if high is not None else centre
        for centre, _low, high in known
        if centre is not None
    ]
    at = [] if zero is None else [zero]
    return min(*lows, *centres, *at), max(*highs, *centres, *at)
