"""Figures as specifications: every mark lies where its number says, and nothing is lost unsaid."""

import hashlib
import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from annotate.models.rankings import FigureKind
from annotate.views.plots import curves, forest, matrices, radar, scatter
from annotate.views.plots.kinds import MAX_MATRIX, MAX_ROWS, draw
from annotate.views.plots.parts import MAX_SERIES, Plot
from tests.views.figure_content import CONTENT, make_table

finite = st.floats(-50, 50)
interval = st.tuples(finite, finite, finite).map(sorted)


def layers_of(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every layer, those within layers too."""
    for layer in spec.get("layer", []):
        yield layer
        yield from layers_of(layer)


def draw_one(kind: str, **tables: Any) -> Plot:
    content = CONTENT[kind] | {"tables": CONTENT[kind]["tables"] | tables}
    return draw(kind, content)[0]


@pytest.mark.parametrize("kind", FigureKind.values)
def test_figure_of_every_kind_is_drawn_and_said_in_words(kind: str) -> None:
    plots = draw(kind, CONTENT[kind])
    assert len(plots) >= 1
    assert len({plot.name for plot in plots}) == len(plots)
    for plot in plots:
        assert json.loads(json.dumps(plot.spec, default=str)) == plot.spec
        assert plot.gist.endswith(".")
        assert "%(" not in plot.gist


@pytest.mark.parametrize("kind", FigureKind.values)
def test_figure_without_numbers_is_no_picture(kind: str) -> None:
    tables = {name: table | {"rows": []} for name, table in CONTENT[kind]["tables"].items()}
    assert draw(kind, {"tables": tables, "facts": {}, "gaps": {}}) == []


@pytest.mark.parametrize("kind", FigureKind.values)
def test_series_are_never_told_apart_by_colour_alone(kind: str) -> None:
    for plot in draw(kind, CONTENT[kind]):
        marks: dict[str, set[str]] = {}
        for layer in layers_of(plot.spec):
            encoding = layer.get("encoding", {})
            for channel in ("color", "shape", "strokeDash"):
                if encoding.get(channel, {}).get("type") == "nominal":
                    marks.setdefault(encoding[channel]["field"], set()).add(channel)
            if encoding.get("color", {}).get("type") == "quantitative":
                assert any("text" in other.get("encoding", {}) for other in plot.spec["layer"])
        for channels in marks.values():
            assert "shape" in channels


def test_forest_keeps_the_order_and_names_that_are_equal() -> None:
    rows = [
        {"name": "same", "centre": 1.0, "low": 0.5, "high": 1.5, "note": "1–2"},
        {"name": "same", "centre": 0.0, "low": None, "high": None, "note": "2–3"},
    ]
    spec = forest.forest(rows, forest.Axis("Strength (log odds)"), notes_title="Ranks")
    assert [row["row"] for row in spec["data"]["values"]] == [0, 1]
    assert {param["name"]: param["value"] for param in spec["params"]} == {
        "names": ["same", "same"],
        "notes": ["1–2", "2–3"],
    }
    assert spec["height"] == 2 * forest.ROW_PX


def test_grouped_forest_puts_one_name_on_one_row() -> None:
    rows = [
        {"name": name, "series": series, "centre": 0.0, "low": -1.0, "high": 1.0}
        for name in ("one", "other")
        for series in ("people", "judges")
    ]
    spec = forest.grouped_forest(rows, forest.Axis("Strength"), names=["people", "judges"])
    assert [row["row"] for row in spec["data"]["values"]] == [0, 0, 1, 1]
    assert spec["params"][0]["value"] == ["one", "other"]


def test_matrix_shows_a_pair_from_both_sides() -> None:
    plot = draw_one(FigureKind.HEAD_TO_HEAD)
    seen = {(cell["row"], cell["column"]): cell["percent"] for cell in plot.spec["data"]["values"]}
    assert seen == {(0, 1): 75.0, (1, 0): 25.0, (1, 2): 60.0, (2, 1): 40.0}  # 0 and 2 never met
    assert plot.spec["params"][0]["value"] == ["alpha", "beta", "gamma"]
    assert "alpha against beta: 75%" in plot.gist


def test_matrix_of_many_shows_the_strongest_and_says_so() -> None:
    names = [f"c{n:02}" for n in range(MAX_MATRIX + 2)]
    rows = [
        [one, other, 1, 0, 0, 0, 1, 1.0, 0.5, 0.2, 0.3, 0]
        for n, one in enumerate(names)
        for other in names[n + 1 :]
    ]
    columns = CONTENT["head-to-head"]["tables"]["pairs"]["columns"]
    plot = draw_one(FigureKind.HEAD_TO_HEAD, pairs=make_table(columns, *rows))
    assert plot.spec["params"][0]["value"] == names[:MAX_MATRIX]
    assert len(plot.spec["data"]["values"]) == MAX_MATRIX * (MAX_MATRIX - 1)
    assert plot.left_out == (
        f"The picture shows {MAX_MATRIX} of {MAX_MATRIX + 2} candidates, the strongest that votes "
        "join; the table has them all."
    )
    assert plot.may_scroll


def test_groups_that_no_votes_join_have_matrices_of_their_own() -> None:
    columns = CONTENT["head-to-head"]["tables"]["pairs"]["columns"]
    rows = [
        ["a", "b", 1, 0, 0, 0, 1, 1.0, 0.5, 0.2, 0.3, 0],
        ["x", "y", 1, 0, 0, 0, 1, 1.0, 0.5, 0.2, 0.3, 1],
    ]
    content = {"tables": {"pairs": make_table(columns, *rows)}, "facts": {}, "gaps": {}}
    main, apart = draw(FigureKind.HEAD_TO_HEAD, content)
    assert [main.spec["params"][0]["value"], apart.spec["params"][0]["value"]] == [
        ["a", "b"],
        ["x", "y"],
    ]
    assert (main.title, apart.title) == ("Share won, in per cent", "Provisional group 1")


def test_candidates_apart_are_in_no_picture_of_strengths() -> None:
    points = CONTENT["growth"]["tables"]["points"]
    apart = make_table(points["columns"], *points["rows"], [20, "apart", 9.0, 8.0, 10.0, 1])
    plot = draw_one(FigureKind.GROWTH, points=apart)
    assert "apart" not in json.dumps(plot.spec)
    assert "2 of 3 candidates" in plot.left_out


def test_radar_puts_the_strongest_farthest_out() -> None:
    rows = [
        {"candidate": "alpha", "category": category, "strength": strength}
        for category, strength in zip("wxyz", (1.0, 0.5, 0.0, -0.5), strict=True)
    ]
    spec = radar.radar(rows, list("wxyz"), ["alpha"], title="Strength")
    outline = next(
        layer for layer in spec["layer"] if layer.get("mark", {}).get("strokeWidth") == 2
    )["data"]["values"]
    far = [math.hypot(point["x"], point["y"]) for point in outline]
    assert far[:4] == sorted(far[:4], reverse=True)
    assert max(far) <= 1.0 + 1e-9
    assert (outline[0]["x"], outline[0]["y"]) == (0, far[0])  # the first spoke points up
    assert (outline[4]["x"], outline[4]["y"]) == (outline[0]["x"], outline[0]["y"])  # it closes


def test_radar_is_open_where_a_strength_is_missing() -> None:
    rows = [{"candidate": "alpha", "category": category, "strength": 1.0} for category in "wyz"]
    spec = radar.radar(rows, list("wxyz"), ["alpha"], title="Strength")
    points = next(layer for layer in spec["layer"] if layer["mark"].get("filled"))["data"]["values"]
    assert [(point["category"], point["part"]) for point in points] == [
        ("w", 0), ("y", 1), ("z", 1), ("w", 1),
    ]  # fmt: skip


@given(strengths=st.lists(finite, min_size=1, max_size=40))
def test_radar_has_room_for_every_strength(strengths: list[float]) -> None:
    low, high = radar._ends(strengths)
    assert low <= min(strengths)
    assert max(strengths) <= high + 1e-9
    assert high > low


def test_interval_out_of_all_proportion_is_cut_and_the_page_says_so() -> None:
    strengths = CONTENT["adjusted"]["tables"]["strengths"]
    wide = make_table(
        strengths["columns"], *strengths["rows"], ["annotators", "alpha", 0.1, -9.0, 9.0, 1, 0]
    )
    plot = draw_one(FigureKind.ADJUSTED, strengths=wide)
    x = plot.spec["layer"][-1]["encoding"]["x"]
    assert x["scale"]["domain"] == [-1.6, 1.6]  # twice the primary view's 0.8
    assert plot.left_out == "Intervals that go on beyond the picture are cut at its edge."
    plain = draw_one(FigureKind.ADJUSTED)
    assert "domain" not in plain.spec["layer"][-1]["encoding"]["x"]["scale"]


def test_two_categories_are_no_radar() -> None:
    columns = CONTENT["categories"]["tables"]["strengths"]["columns"]
    rows = [[category, name, 0, 0.1, -0.5, 0.5, 9] for category in "xy" for name in "ab"]
    content = {"tables": {"strengths": make_table(columns, *rows)}, "facts": {}, "gaps": {}}
    assert [plot.name for plot in draw(FigureKind.CATEGORIES, content)] == ["intervals"]


def test_curves_of_many_show_as_many_as_can_be_told_apart() -> None:
    columns = CONTENT["growth"]["tables"]["points"]["columns"]
    rows = [[9, f"c{n}", float(-n), -n - 1.0, -n + 1.0, 0] for n in range(MAX_SERIES + 3)]
    plot = draw_one(FigureKind.GROWTH, points=make_table(columns, *rows))
    shown = {row["candidate"] for row in plot.spec["data"]["values"]}
    assert shown == {f"c{n}" for n in range(MAX_SERIES)}
    assert f"{MAX_SERIES} of {MAX_SERIES + 3}" in plot.left_out


def test_curves_stand_beside_each_other_around_the_true_place() -> None:
    row = {"strength": 0.0, "low": None, "high": None, "votes": 1}
    rows = [row | {"candidate": name} for name in "ab"]
    titles = {"x_title": "Votes", "y_title": "Strength"}
    spec = curves.strengths_over(rows, ["a", "b"], x="votes", **titles)
    offsets = [layer["mark"]["xOffset"] for layer in spec["layer"]]
    assert offsets == [-1.25, -1.25, -1.25, 1.25, 1.25, 1.25]


def test_curves_leave_room_for_strengths_and_newer_intervals_and_cut_long_old_ones() -> None:
    old = {"candidate": "a", "votes": 1, "strength": 2.0, "low": -40.0, "high": 44.0}
    new = {"candidate": "a", "votes": 2, "strength": 0.5, "low": -0.5, "high": 1.5}
    bare = {"candidate": "a", "votes": 3, "strength": None, "low": None, "high": None}
    titles = {"x_title": "Votes", "y_title": "Strength"}
    for rows, room in (
        ([old, new], [-0.5, 2.0]),
        ([old], [-40.0, 44.0]),
        ([new, bare], [0.5, 0.5]),
        ([bare], None),
    ):
        spec = curves.strengths_over(rows, ["a"], x="votes", **titles)
        rule, *others = spec["layer"]
        wanted = room if room and room[0] < room[1] else None
        assert rule["encoding"]["y"]["scale"].get("domain") == wanted
        assert rule["mark"]["clip"]
        assert not any(layer["mark"]["clip"] for layer in others)


@given(bins=st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=12))
def test_calibration_has_the_same_ends_on_both_axes_and_room_for_all(
    bins: list[tuple[float, float, float, float]],
) -> None:
    names = ("predicted", "observed", "low", "high")
    spec = scatter.calibration([dict(zip(names, each, strict=True)) for each in bins])
    x, y = (spec["layer"][-1]["encoding"][axis]["scale"]["domain"] for axis in "xy")
    assert x == y
    assert x[0] <= min(map(min, bins))
    assert x[1] >= max(map(max, bins))


def test_two_way_table_has_its_margins_in_the_last_row_and_column() -> None:
    plot = draw_one(FigureKind.TEMPERATURES)
    params = {param["name"]: param["value"] for param in plot.spec["params"]}
    assert params == {"rows": ["m1", "m2", "all"], "columns": ["0.2", "1", "all"]}
    places = {
        (cell["row"], cell["column"]): cell["strength"] for cell in plot.spec["data"]["values"]
    }
    assert places == {
        (0, 0): 0.5, (0, 1): 0.1, (1, 0): -0.2, (1, 1): -0.4,
        (0, 2): 0.3, (1, 2): -0.3, (2, 0): 0.15, (2, 1): -0.15,
    }  # fmt: skip


def test_two_way_colours_are_as_strong_on_both_sides_of_zero() -> None:
    spec = matrices.two_way(
        [{"row": 0, "column": 0, "strength": -0.4}], ["m"], ["1"], title="Strength"
    )
    assert spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == [-0.4, 0, 0.4]


def test_sides_of_many_annotators_show_those_of_most_votes() -> None:
    columns = CONTENT["sides"]["tables"]["annotators"]["columns"]
    rows = [[f"a{n}", "person", n, n, 0.5, 0.4, 0.6] for n in range(1, MAX_ROWS + 5)]
    plot = draw_one(FigureKind.SIDES, annotators=make_table(columns, *rows))
    shown = [row["note"] for row in plot.spec["data"]["values"]]
    assert len(shown) == MAX_ROWS
    assert min(map(int, shown)) == 10
    assert f"the {MAX_ROWS} annotators of most votes" in plot.left_out


@given(rows=st.lists(interval, min_size=1, max_size=9))
def test_forest_changes_no_number(rows: list[list[float]]) -> None:
    marks = [
        {"name": str(n), "low": low, "centre": centre, "high": high}
        for n, (low, centre, high) in enumerate(rows)
    ]
    spec = forest.forest(marks, forest.Axis("Strength"))
    drawn = [[row["low"], row["centre"], row["high"]] for row in spec["data"]["values"]]
    assert drawn == rows


def test_vega_is_as_its_makers_released_it() -> None:
    folder = settings.BASE_DIR / "annotate" / "static" / "vendor" / "vega"
    row = re.compile(r"^\| `(\S+\.js)` .* `([0-9a-f]{64})` \|$", re.MULTILINE)
    written = row.findall((folder / "README.md").read_text(encoding="utf-8"))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.js")
    }
    assert dict(written) == found
