"""Standings on other scales, each group of candidates by itself."""

import math
from typing import Any

import pytest
from django.utils.translation import override

from annotate.services import errors
from annotate.services.scaling import Scale, scale_standings, unit_of

ROWS: list[dict[str, Any]] = [
    {"name": "x", "group": 0, "strength": 1.0, "low": 0.5, "high": 1.5, "votes": 7},
    {"name": "y", "group": 0, "strength": -1.0, "low": -1.5, "high": -0.5, "votes": 7},
    {"name": "z", "group": 1, "strength": 0.5, "low": 0.0, "high": 1.0, "votes": 4},
    {"name": "w", "group": 2, "strength": 0.0, "low": None, "high": None, "votes": 1},
    {"name": "v", "group": None, "strength": None, "low": None, "high": None, "votes": 0},
]


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_log_is_what_is_stored() -> None:
    assert scale_standings(ROWS, scale=Scale.LOG) == ROWS


def test_elo_has_400_points_for_odds_of_ten() -> None:
    rows = scale_standings(ROWS, scale=Scale.ELO)
    points = 400 / math.log(10)
    assert rows[0] == ROWS[0] | {
        "strength": pytest.approx(1000 + points),
        "low": pytest.approx(1000 + points / 2),
        "high": pytest.approx(1000 + 1.5 * points),
    }
    assert rows[3] == ROWS[3] | {"strength": 1000}
    assert rows[4] == ROWS[4]


def test_anchors_move_their_own_group_alone() -> None:
    rows = scale_standings(ROWS, scale=Scale.LOGISTIC, anchors=["y"])
    assert [row["name"] for row in rows] == [row["name"] for row in ROWS]
    assert rows[1]["strength"] == 5
    assert rows[0]["strength"] == pytest.approx(10 * sigmoid(2))
    assert rows[2]["strength"] == pytest.approx(10 * sigmoid(0.5))
    middle = scale_standings(ROWS, scale=Scale.LOGISTIC, anchors=["x", "y"])
    assert middle[0]["strength"] == pytest.approx(10 * sigmoid(1))


@pytest.mark.parametrize(
    ("scale", "anchors", "message"),
    [
        (Scale.ELO, ["x"], "anchors belong to the logistic scale alone"),
        (Scale.LOGISTIC, ["v"], "'v' has no votes here, so it cannot anchor a scale"),
        (Scale.LOGISTIC, ["q"], "no candidate of this ranking is called 'q'; there is 'v', 'w',"),
    ],
)
def test_anchors_that_say_nothing_are_refused(
    scale: Scale, anchors: list[str], message: str
) -> None:
    with pytest.raises(errors.ScaleRefused, match=message):
        scale_standings(ROWS, scale=scale, anchors=anchors)


def test_every_scale_has_a_unit() -> None:
    with override("en"):
        assert [unit_of(scale) for scale in Scale] == ["log odds", "Elo points", "points out of 10"]
