"""DataFrames as typed rows."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from annotate.formats import CompletionRow, Faults, FormatError, Location, PromptRow
from annotate.formats.frames import (
    battles_of_frame,
    completions_of_frame,
    preferences_of_frame,
    prompts_of_frame,
    votes_of_frame,
)
from tests.formats import test_arena, test_argilla, test_labelstudio, test_mtjudgments
from tests.formats.test_preferences import CONVERSATIONAL, DPO, HH, ULTRAFEEDBACK


def test_prompts_are_what_the_frame_says() -> None:
    frame = pd.DataFrame(
        {
            "key": ["p1", "p2"],
            "prompt": ["Hi", None],
            "turns": [np.nan, np.array(["お茶とは?", "もっと"], dtype=object)],
            "is_held_out": [np.True_, None],
            "category": [pd.NA, "drinks"],
        },
        index=[10, 20],
    )
    assert list(prompts_of_frame(frame)) == [
        PromptRow(
            key="p1",
            turns=("Hi",),
            language="en",
            is_held_out=True,
            location=Location("DataFrame", 1),
        ),
        PromptRow(
            key="p2",
            turns=("お茶とは?", "もっと"),
            language="ja",
            category="drinks",
            location=Location("DataFrame", 2),
        ),
    ]


def test_gaps_make_no_number_a_fraction() -> None:
    frame = pd.DataFrame(
        {
            "prompt": ["p", "p"],
            "candidate": ["x", "y"],
            "reply": ["a", ""],
            "seed": [7, None],
            "sampling": [{"temperature": np.float64(0.5)}, np.nan],
        }
    )
    rows = [row for row in completions_of_frame(frame) if isinstance(row, CompletionRow)]
    assert [(row.seed, row.candidate.sampling) for row in rows] == [
        (7, {"temperature": 0.5}),
        (None, {}),
    ]


def test_times_are_moments_and_missing_ones_not_given() -> None:
    frame = pd.DataFrame(
        {
            "prompt": "p",
            "candidate_a": "x",
            "candidate_b": "y",
            "outcome": ["a", "tie"],
            "annotator": ["ken", "mika"],
            "created_at": pd.to_datetime(["2024-01-31T09:00:00+09:00", None]),
            "reasons_a": [["more-correct"], None],
        }
    )
    first, second = votes_of_frame(frame)
    assert first.created_at == datetime(2024, 1, 31, tzinfo=UTC)
    assert first.reasons_a == ("more-correct",)
    assert second.created_at is None


@pytest.mark.parametrize(
    "row",
    [
        test_arena.OLD,
        test_arena.NEW,
        test_arena.KAGGLE,
        test_mtjudgments.HUMAN,
        test_argilla.V2_FLAT,
        test_labelstudio.TASK,
        test_labelstudio.MIN,
    ],
)
def test_battles_are_recognised(row: dict[str, Any]) -> None:
    (battle,) = battles_of_frame(pd.DataFrame([row]))
    assert len(battle.votes) >= 1


@pytest.mark.parametrize("row", [CONVERSATIONAL, DPO, HH, ULTRAFEEDBACK])
def test_preferences_are_recognised(row: dict[str, Any]) -> None:
    (pair,) = preferences_of_frame(pd.DataFrame([row]))
    assert pair.chosen[0].content == "A drink."
    implicit = {name: ULTRAFEEDBACK[name] for name in ("chosen", "rejected")}
    assert len(list(preferences_of_frame(pd.DataFrame([implicit])))) == 1


def test_wrong_rows_are_told_by_their_numbers() -> None:
    frame = pd.DataFrame({"key": ["p1", "p1", "p2"], "prompt": ["Hi", "Ho", 7]})
    with pytest.raises(FormatError) as caught:
        list(prompts_of_frame(frame))
    assert str(caught.value) == (
        'DataFrame, row 2, key: prompt "p1" again; expected each once; row 1 has it already'
    )
    faults = Faults()
    assert len(list(prompts_of_frame(frame, faults=faults))) == 1
    assert [str(fault) for fault in faults.kept][1] == "DataFrame, row 3, prompt: 7 is not a string"


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"key": []}), "DataFrame: an empty table; expected at least one row"),
        (
            pd.DataFrame({"prompt": ["Hi"]}),
            "DataFrame, key: missing; expected a column of this name in the header",
        ),
    ],
)
def test_frame_that_is_wrong_is_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        list(prompts_of_frame(frame))
    assert str(caught.value) == message


def test_frame_that_may_be_anything_is_refused_with_the_choices() -> None:
    frame = pd.DataFrame({"winner": ["a"]})
    with pytest.raises(FormatError) as caught:
        list(battles_of_frame(frame))
    assert str(caught.value) == (
        "DataFrame, format: no format of battles with these columns; expected one to be named:"
        " lmarena, mtbench, argilla, labelstudio"
    )
    with pytest.raises(FormatError, match='format: "csv" is not one of lmarena, mtbench'):
        list(battles_of_frame(frame, format="csv"))
