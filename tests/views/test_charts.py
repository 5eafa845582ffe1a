"""Small pictures: every point lies where its number says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.views import charts

finite = st.floats(-1e6, 1e6)


def draw(*measured: tuple[float, float | None]) -> charts.LineChart:
    return charts.line_chart("Loss", [("", measured)])


def test_line_chart_puts_points_between_its_ticks() -> None:
    chart = draw((1, 0.8), (2, None), (3, 0.0), (5, 0.4))
    (curve,) = chart.curves
    assert curve.points == "44.0,10.0 178.0,136.0 312.0,73.0"
    assert curve.dots == (("44.0", "10.0"), ("178.0", "136.0"), ("312.0", "73.0"))
    assert [tick.label for tick in chart.y_ticks] == ["0", "0.2", "0.4", "0.6", "0.8"]
    assert [tick.label for tick in chart.x_ticks] == ["1", "5"]
    assert (curve.first, curve.last) == ("0.800", "0.400")


def test_curves_of_a_chart_share_its_axes() -> None:
    often, seldom = [(1, 0.0), (11, 1.0)], [(6, 0.5)]
    chart = charts.line_chart("Loss", [("training", often), ("evaluation", seldom), ("none", [])])
    assert [curve.label for curve in chart.curves] == ["training", "evaluation"]
    assert chart.curves[1].points == "178.0,73.0"


def test_long_curves_have_no_dots() -> None:
    (curve,) = draw(*[(float(step), 1.0) for step in range(13)]).curves
    assert curve.dots == ()


@pytest.mark.parametrize("measured", [[], [(1, None)]])
def test_line_chart_of_nothing_is_empty(measured: list[tuple[float, float | None]]) -> None:
    assert draw(*measured).curves == ()


def test_line_chart_of_one_number_stands_in_the_middle() -> None:
    assert draw((7, 0.5)).curves[0].points == "178.0,73.0"


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "0.000"), (-0.5, "−0.500"), (0.01, "0.010"), (2e-6, "2.00e-06"), (12345.6, "12346")],
)
def test_values_are_written_with_the_digits_that_tell(value: float, written: str) -> None:
    assert charts.write_value(value) == written


@given(low=finite, height=st.floats(0, 1e6))
def test_round_ticks_are_few_and_reach_around(low: float, height: float) -> None:
    ticks = charts.round_ticks(low, low + height)
    slack = 1e-9 * max(1.0, abs(low), height)
    assert 2 <= len(ticks) <= 7
    assert ticks[0] <= low + slack
    assert ticks[-1] >= low + height - slack


def test_thin_keeps_the_ends_and_stays_small() -> None:
    curve = [(float(x), float(x)) for x in range(1_000)]
    thinned = charts.thin(curve)
    assert len(thinned) == charts.MAX_POINTS
    assert (thinned[0], thinned[-1]) == (curve[0], curve[-1])
    assert charts.thin(curve[:10]) == curve[:10]
