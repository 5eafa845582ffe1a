"""Pairwise tasks out of Argilla: version 1 and 2, nested and flat."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from annotate.formats import (
    BattleRow,
    Faults,
    FormatError,
    guess_format,
    read_battles,
    read_preferences,
)
from tests.formats.conftest import WriteFile

FIELDS = {"instruction": "What is tea?", "response1": "A drink.", "response2": "No."}
V1_NESTED: dict[str, Any] = {
    "fields": FIELDS,
    "metadata": {"category": "drinks"},
    "responses": [
        {
            "user_id": "735cae0d",
            "values": {"preference": {"value": "response1"}, "comment": {"value": "Clear."}},
            "status": "submitted",
        },
        {
            "user_id": "ff476d1a",
            "values": {"preference": {"value": "tie"}},
            "status": "submitted",
        },
        {"user_id": "0d1b2c3d", "values": {"preference": {"value": "b"}}, "status": "draft"},
    ],
    "suggestions": [],
    "external_id": "entry-1",
}
V1_FLAT: dict[str, Any] = {
    **FIELDS,
    "ranking": [
        {
            "user_id": "735cae0d",
            "value": [{"rank": 1, "value": "response1"}, {"rank": 2, "value": "response2"}],
            "status": "submitted",
        },
        {
            "user_id": "ff476d1a",
            "value": [{"rank": 1, "value": "response2"}, {"rank": 1, "value": "response1"}],
            "status": "submitted",
        },
        {"user_id": "0d1b2c3d", "value": [], "status": "discarded"},
    ],
    "ranking-suggestion": None,
    "ranking-suggestion-metadata": {"type": None, "score": None, "agent": None},
    "external_id": "entry-1",
    "metadata": json.dumps({"category": "drinks"}),
}
V2_NESTED: dict[str, Any] = {
    "id": "entry-1",
    "status": "completed",
    "fields": FIELDS,
    "metadata": {"category": "drinks"},
    "suggestions": {},
    "responses": {
        "preference": [
            {"value": "Response 1", "user_id": "735cae0d"},
            {"value": "both good", "user_id": "ff476d1a"},
        ]
    },
    "vectors": {},
}
V2_FLAT: dict[str, Any] = {
    "id": "entry-1",
    "status": "completed",
    "_server_id": "5c2d",
    **FIELDS,
    "category": "drinks",
    "preference.responses": ["left", "same", "response2"],
    "preference.responses.users": ["735cae0d", "ff476d1a", "0d1b2c3d"],
    "preference.responses.status": ["submitted", "submitted", "draft"],
}
EVERY_FORM = {"v1": V1_NESTED, "v1 flat": V1_FLAT, "v2": V2_NESTED, "v2 flat": V2_FLAT}


def only_battle(path: Path) -> BattleRow:
    (battle,) = read_battles(path, format="argilla")
    return battle


@pytest.mark.parametrize("row", EVERY_FORM.values(), ids=EVERY_FORM)
@pytest.mark.parametrize("shape", ["lines", "array", "parquet"])
def test_every_form_gives_the_same_battle(
    write_file: WriteFile, tmp_path: Path, row: dict[str, Any], shape: str
) -> None:
    if shape == "parquet":
        path = tmp_path / "x.parquet"
        flat = {name: value for name, value in row.items() if value != {} and value != []}
        pq.write_table(pa.Table.from_pylist([flat]), path)
    else:
        path = write_file("x.jsonl", row) if shape == "lines" else write_file("x.json", [row])
    assert guess_format(path, "battles") == "argilla"
    battle = only_battle(path)
    assert (battle.prompt.key, battle.prompt.turns) == ("entry-1", ("What is tea?",))
    assert battle.prompt.category == "drinks"
    assert (battle.a.candidate.name, battle.a.replies) == ("response1", ("A drink.",))
    assert (battle.b.candidate.name, battle.b.replies) == ("response2", ("No.",))
    assert [(vote.annotator, vote.outcome, vote.id) for vote in battle.votes] == [
        ("735cae0d", "a", "entry-1"),
        ("ff476d1a", "tie", "entry-1"),
    ]


def test_answers_that_were_not_submitted_are_counted(write_file: WriteFile) -> None:
    faults = Faults()
    path = write_file("x.jsonl", V1_NESTED, {**V2_FLAT, "id": "2", "preference.responses": None})
    assert len(list(read_battles(path, format="argilla", faults=faults))) == 1
    assert dict(faults.left_out) == {
        "an answer that was not submitted": 1,
        "a task that nobody has answered": 1,
    }
    assert faults.n == 0


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ("response2", "b"),
        ("response-2", "b"),
        ("B", "b"),
        ("2", "b"),
        ("Right is better", "b"),
        ("Response 1 is much better", "a"),
        ("equally good", "tie"),
        ("Both bad", "both_bad"),
        (["response2", "response1"], "b"),
        ({"value": ["response1", "response2"], "rank": [1, 2]}, "a"),
    ],
)
def test_every_way_to_choose_has_its_outcome(
    write_file: WriteFile, value: object, outcome: str
) -> None:
    row = {**V2_FLAT, "preference.responses": [value], "preference.responses.users": ["ann"]}
    del row["preference.responses.status"]
    (vote,) = only_battle(write_file("x.jsonl", row)).votes
    assert vote.outcome == outcome


def test_ratings_of_both_are_compared(write_file: WriteFile) -> None:
    row = {
        **FIELDS,
        "id": 7,
        "rating1.responses": [4, 2],
        "rating1.responses.users": ["ann", "bob"],
        "rating2.responses": [5, 1],
        "rating2.responses.users": ["bob", "ann"],
        "comment.responses": ["fine"],
        "comment.responses.users": ["ann"],
    }
    votes = only_battle(write_file("x.jsonl", row)).votes
    assert [(vote.annotator, vote.outcome) for vote in votes] == [("ann", "a"), ("bob", "b")]


def test_models_and_a_conversation_are_told_by_the_record(write_file: WriteFile) -> None:
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "お茶とは?"},
        {"role": "assistant", "content": "飲み物です。"},
        {"role": "user", "content": "もっと"},
    ]
    fields = {"prompt": chat, "answer_a": "x", "answer_b": "y"}
    row = {**V2_NESTED, "fields": fields, "metadata": {"model_a": "base", "model_b": "tuned"}}
    row["responses"] = {"preference": [{"value": "answer_b", "user_id": "ann"}]}
    battle = only_battle(write_file("x.jsonl", row))
    assert (battle.prompt.system, battle.prompt.language) == ("Be brief.", "ja")
    assert battle.prompt.turns == ("お茶とは?", "もっと")
    assert battle.a.replies == ("飲み物です。", "x")
    assert (battle.a.candidate.model, battle.b.candidate.name) == ("base", "tuned")
    assert [(vote.outcome, vote.turn) for vote in battle.votes] == [("b", 2)]


def test_label_without_annotator_is_a_preference(write_file: WriteFile) -> None:
    row = {**FIELDS, "id": "1", "preference.response": "response2"}
    path = write_file("x.jsonl", row, {**row, "id": "2", "preference.response": "tie"})
    assert guess_format(path, "preferences") == "argilla"
    faults = Faults()
    (pair,) = read_preferences(path, format="argilla", faults=faults)
    assert (pair.key, pair.chosen[0].content, pair.rejected[0].content) == ("1", "No.", "A drink.")
    assert dict(faults.left_out) == {"a pair of which neither is preferred": 1}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {**V2_FLAT, "preference.responses": ["dunno", "left", "left"]},
            ', preference: "dunno" is not response1, response2, left, right, tie or both bad',
        ),
        (
            {**V2_FLAT, "preference.responses.users": ["735cae0d"]},
            ', preference.responses.users: ["735cae0d"] is not a list of 3, as preference.responses'
            " has",
        ),
        (
            {**V2_FLAT, "preference.responses": [5, 3, 1]},
            ", preference: one rating of two texts, on a scale that the file does not tell;"
            " expected a label, a ranking, or a rating of each of the two",
        ),
        (
            {**V2_FLAT, "response2": None},
            ": no pair of texts; expected two texts to compare, such as response1 and response2",
        ),
        (
            {**V2_FLAT, "answer1": "x", "answer2": "y"},
            ": answer1 and answer2, response1 and response2; expected two texts to compare, such as"
            " response1 and response2",
        ),
        (
            {**V2_FLAT, "instruction": None},
            ", prompt: missing; expected one of prompt, instruction, question, query, input,"
            " context",
        ),
        (
            {**FIELDS, "id": "1", "preference.response": "response2"},
            ", annotator: missing; expected who chose; import labels without annotators as"
            " preferences",
        ),
    ],
)
def test_battle_that_is_wrong_is_refused(
    write_file: WriteFile, row: dict[str, Any], message: str
) -> None:
    path = write_file("x.jsonl", row)
    with pytest.raises(FormatError) as caught:
        list(read_battles(path, format="argilla"))
    assert str(caught.value) == f"{path}, line 1{message}"


def test_votes_of_several_are_no_preference(write_file: WriteFile) -> None:
    path = write_file("x.jsonl", V2_NESTED)
    with pytest.raises(FormatError) as caught:
        list(read_preferences(path, format="argilla"))
    assert str(caught.value) == (
        f"{path}, line 1: answers of 2 annotators; expected one label; import votes of annotators"
        " as battles"
    )


def test_annotator_who_answers_a_record_twice_is_refused(write_file: WriteFile) -> None:
    path = write_file("x.jsonl", V2_NESTED, V2_NESTED, {**V2_NESTED, "responses": {
        "preference": [{"value": "b", "user_id": "ff476d1a"}]
    }})  # fmt: skip
    faults = Faults()
    assert len(list(read_battles(path, format="argilla", faults=faults))) == 1
    assert dict(faults.left_out) == {"the same vote again": 1}
    assert [fault.line for fault in faults.kept] == [3]
