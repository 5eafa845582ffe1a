"""Whatever stands in a row of any format, it is read, told as a fault, or left out: no more."""

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.formats import Faults, read_battles, read_preferences, read_votes
from annotate.formats.frames import battles_of_frame, preferences_of_frame
from tests.formats import (
    test_arena,
    test_argilla,
    test_labelstudio,
    test_mtjudgments,
    test_preferences,
)
from tests.formats.test_round_trip import json_values

READ = {"battles": read_battles, "preferences": read_preferences, "votes": read_votes}
ROWS: list[tuple[str, str, dict[str, Any]]] = [
    ("votes", "mtbench", test_mtjudgments.PAIR),
    ("battles", "mtbench", test_mtjudgments.HUMAN),
    ("battles", "lmarena", test_arena.OLD),
    ("battles", "lmarena", test_arena.NEW),
    ("battles", "lmarena", test_arena.KAGGLE),
    *(("battles", "argilla", row) for row in test_argilla.EVERY_FORM.values()),
    ("battles", "labelstudio", test_labelstudio.TASK),
    ("battles", "labelstudio", test_labelstudio.MIN),
    ("preferences", "argilla", test_argilla.V2_FLAT),
    ("preferences", "labelstudio", test_labelstudio.MIN),
    ("preferences", "trl", test_preferences.CONVERSATIONAL),
    ("preferences", "dpo", test_preferences.DPO),
    ("preferences", "ultrafeedback", test_preferences.ULTRAFEEDBACK),
    ("preferences", "hh-rlhf", test_preferences.HH),
]


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the way to every value within a value."""
    parts: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = list(enumerate(value))
    below = [place for key, part in parts for place in places(part, (*path, key))]
    return [path, *below] if path else below


def replaced(row: dict[str, Any], place: tuple[Any, ...], value: object) -> dict[str, Any]:
    """Give the row with another value in one place."""
    changed = copy.deepcopy(row)
    inner: Any = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed


@pytest.mark.parametrize(("kind", "format", "row"), ROWS)
@settings(max_examples=40, deadline=None)
@given(chance=st.data())
def test_any_value_anywhere_is_read_or_told(
    kind: str, format: str, row: dict[str, Any], chance: st.DataObject
) -> None:
    place = chance.draw(st.sampled_from(places(row)))
    changed = replaced(row, place, chance.draw(json_values))
    faults = Faults()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jsonl"
        path.write_text(json.dumps(changed) + "\n", encoding="utf-8")
        n_read = len(list(READ[kind](path, format=format, faults=faults)))
    assert n_read or faults.n or faults.left_out
    assert faults.n <= 2


@pytest.mark.parametrize(("kind", "format", "row"), [row for row in ROWS if row[0] != "votes"])
@settings(max_examples=20, deadline=None)
@given(chance=st.data())
def test_any_value_of_a_frame_is_read_or_told(
    kind: str, format: str, row: dict[str, Any], chance: st.DataObject
) -> None:
    place = chance.draw(st.sampled_from(places(row)))
    frame = pd.DataFrame([replaced(row, place, chance.draw(json_values))])
    read = battles_of_frame if kind == "battles" else preferences_of_frame
    faults = Faults()
    n_read = len(list(read(frame, format=format, faults=faults)))
    assert n_read or faults.n or faults.left_out
