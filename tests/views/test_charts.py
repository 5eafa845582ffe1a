"""Small pictures: every point lies where its number says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.views import charts

finite = st.floats(-1e6, 1e6)


def test_line_chart_puts_points_between_its_ticks() -> None:
    chart = charts.line_chart("Loss", [(1, 0.8), (2, None), (3, 0.0), (5, 0.4)])
    assert chart.points == "44.0,10.0 178.0,136.0 312.0,73.0"
    assert [tick.label for tick in chart.y_ticks] == ["0", "0.2", "0.4", "0.6", "0.8"]
    assert [tick.label for tick in chart.x_ticks] == ["1", "5"]
    assert (chart.first, chart.last) == (0.8, 0.4)


@pytest.mark.parametrize("measured", [[], [(1, None)]])
def test_line_chart_of_nothing_is_empty(measured: list[tuple[float, float | None]]) -> None:
    assert charts.line_chart("Loss", measured).points == ""


def test_line_chart_of_one_number_stands_in_the_middle() -> None:
    assert charts.line_chart("Loss", [(7, 0.5)]).points == "178.0,73.0"


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


def test_whiskers_share_one_scale_with_zero() -> None:
    low, high = charts.whiskers([(-1.0, 0.0, 1.0), (0.0, 1.0, 3.0)])
    assert low is not None
    assert high is not None
    assert (low.low, low.centre, low.high, low.zero) == (6.0, 33.0, 60.0, 33.0)
    assert (high.low, high.centre, high.high, high.zero) == (33.0, 60.0, 114.0, 33.0)


def test_whiskers_leave_out_what_is_not_known() -> None:
    assert charts.whiskers([(None, None, None), (None, 0.0, None)]) == [None, None]
