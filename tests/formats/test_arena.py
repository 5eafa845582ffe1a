"""Battle logs of LMArena, as each year's release has them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from annotate.formats import (
    BattleRow,
    CandidateRow,
    CompletionRow,
    Faults,
    FormatError,
    Location,
    PromptRow,
    VoteRow,
    guess_format,
    read_battles,
)
from annotate.formats.languages import tag_of_name
from tests.formats.conftest import WriteFile
from tests.formats.test_mtjudgments import conversation

OLD: dict[str, Any] = {
    "question_id": "58210e39b3fd4441a2bd4a518bb44c2d",
    "model_a": "chatglm-6b",
    "model_b": "koala-13b",
    "winner": "model_b",
    "judge": "arena_user_973",
    "conversation_a": conversation("What?", "a", "And?", "aa"),
    "conversation_b": conversation("What?", "b", "And?", "bb"),
    "turn": 2,
    "anony": True,
    "language": "Spanish",
    "tstamp": 1682351591.1322,
    "openai_moderation": "{}",
}


def parts(*texts: str) -> list[dict[str, Any]]:
    return [
        {**message, "content": [{"type": "text", "text": message["content"]}]}
        for message in conversation(*texts)
    ]


NEW: dict[str, Any] = {
    "id": "c4b9710c-8d64-4bee-a0b0-94637ae4cc65",
    "model_a": "gemini-2.5-pro",
    "model_b": "claude-3-7",
    "winner": "both_bad",
    "evaluation_session_id": "5e0f7a18",
    "evaluation_order": 2,
    "conversation_a": parts("短歌を詠んで", "a"),
    "conversation_b": parts("短歌を詠んで", "b"),
    "full_conversation": [],
    "language": "ja",
    "is_code": False,
    "timestamp": "2025-07-03 12:30:00.5",
}
KAGGLE: dict[str, Any] = {
    "id": 30192,
    "model_a": "gpt-4-1106-preview",
    "model_b": "gpt-4-0613",
    "prompt": json.dumps(["Is it morally right?", "OK."]),
    "response_a": json.dumps(["Yes.", None]),
    "response_b": json.dumps(["No.", "Fine."]),
    "winner_model_a": 0,
    "winner_model_b": 0,
    "winner_tie": 1,
}


def only_battle(path: Path) -> BattleRow:
    (battle,) = read_battles(path, format="lmarena")
    return battle


def test_battle_of_the_first_years(write_file: WriteFile) -> None:
    path = write_file("arena.jsonl", OLD)
    assert guess_format(path, "battles") == "lmarena"
    location, key = Location(str(path), 1), OLD["question_id"]

    def completion(model: str, *replies: str) -> CompletionRow:
        candidate = CandidateRow(name=model, model=model, location=location)
        return CompletionRow(
            prompt=key, candidate=candidate, sample=0, replies=replies, location=location
        )

    assert only_battle(path) == BattleRow(
        prompt=PromptRow(key=key, turns=("What?", "And?"), language="es", location=location),
        a=completion("chatglm-6b", "a", "aa"),
        b=completion("koala-13b", "b", "bb"),
        votes=(
            VoteRow(
                prompt=key,
                candidate_a="chatglm-6b",
                candidate_b="koala-13b",
                outcome="b",
                annotator="arena_user_973",
                side_a="left",
                created_at=datetime(2023, 4, 24, 15, 53, 11, 132200, tzinfo=UTC),
                id=key,
                location=location,
            ),
        ),
        location=location,
    )


def test_battle_of_the_later_years(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist([NEW]), path)
    assert guess_format(path, "battles") == "lmarena"
    battle = only_battle(path)
    assert (battle.prompt.turns, battle.prompt.language) == (("短歌を詠んで",), "ja")
    (vote,) = battle.votes
    assert (vote.annotator, vote.outcome, vote.id) == ("5e0f7a18", "both_bad", NEW["id"])
    assert vote.created_at == datetime(2025, 7, 3, 12, 30, 0, 500000, tzinfo=UTC)
    assert str(battle.location) == f"{path}, row 1"


def test_battle_of_the_competition(write_file: WriteFile, tmp_path: Path) -> None:
    lines = write_file("train.jsonl", KAGGLE)
    header = ",".join(KAGGLE)
    cells = ",".join('"{}"'.format(str(value).replace('"', '""')) for value in KAGGLE.values())
    for path in (lines, write_file("train.csv", header, cells)):
        assert guess_format(path, "battles") == "lmarena"
        battle = only_battle(path)
        assert battle.prompt.key == "30192"
        assert battle.prompt.turns == ("Is it morally right?", "OK.")
        assert (battle.a.replies, battle.b.replies) == (("Yes.", ""), ("No.", "Fine."))
        (vote,) = battle.votes
        assert (vote.outcome, vote.annotator) == ("tie", "unknown")


@pytest.mark.parametrize(
    ("winner", "outcome"),
    [
        ("model_a", "a"),
        ("model_b", "b"),
        ("tie", "tie"),
        ("tie (bothbad)", "both_bad"),
        ("both_bad", "both_bad"),
    ],
)
def test_every_winner_has_its_outcome(write_file: WriteFile, winner: str, outcome: str) -> None:
    (vote,) = only_battle(write_file("x.jsonl", {**OLD, "winner": winner})).votes
    assert vote.outcome == outcome


@pytest.mark.parametrize(
    ("language", "tag"),
    [
        ("English", "en"),
        ("Japanese", "ja"),
        ("Norwegian Nynorsk", "nn"),
        ("unknown", "en"),
        (None, "en"),
        ("pt", "pt"),
        ("zh-Hant", "zh"),
    ],
)
def test_language_is_a_name_or_a_tag(write_file: WriteFile, language: str | None, tag: str) -> None:
    assert only_battle(write_file("x.jsonl", {**OLD, "language": language})).prompt.language == tag


def test_names_of_languages_have_tags_that_can_be_stored() -> None:
    assert tag_of_name("GERMAN") == "de"
    assert tag_of_name("Scots_Gaelic") == "gd"
    assert tag_of_name("Haitian Creole") == "ht"
    assert tag_of_name("Elvish") is None


def test_battles_of_one_model_on_one_prompt_stay_apart(write_file: WriteFile) -> None:
    """The same models answer the same words many times: each battle is a prompt of its own."""
    second = {**OLD, "question_id": "2", "conversation_a": conversation("What?", "x", "And?", "xx")}
    path = write_file("x.jsonl", OLD, second)
    battles = list(read_battles(path, format="lmarena"))
    assert [battle.prompt.key for battle in battles] == [OLD["question_id"], "2"]
    assert [battle.a.sample for battle in battles] == [0, 0]


def test_votes_that_were_not_blind_and_pictures_are_left_out(write_file: WriteFile) -> None:
    picture = parts("Hi", "a")
    picture[0]["content"].append({"type": "image", "image": "x.png", "mimeType": "image/png"})
    path = write_file(
        "x.jsonl",
        {**OLD, "anony": False},
        {**NEW, "conversation_a": picture},
        NEW,
        NEW,
    )
    faults = Faults()
    assert len(list(read_battles(path, format="lmarena", faults=faults))) == 1
    assert dict(faults.left_out) == {
        "a vote by somebody who knew the models": 1,
        "a message with something else than text": 1,
        "the same vote again": 1,
    }
    assert faults.n == 0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {**OLD, "winner": "bothbad"},
            'winner: "bothbad" is not one of model_a, model_b, tie, tie (bothbad), both_bad',
        ),
        (
            {**OLD, "winner": None},
            "winner: missing; expected one of model_a, model_b, tie, tie (bothbad), both_bad",
        ),
        ({**OLD, "model_b": "chatglm-6b"}, 'model_b: "chatglm-6b" is not another model than'),
        (
            {**OLD, "language": "Elvish"},
            'language: "Elvish" is not a language tag such as ja or en',
        ),
        ({**OLD, "question_id": None}, "id: missing; expected a whole number"),
        (
            {**OLD, "conversation_a": None},
            "prompt: missing; expected a string",
        ),
        (
            {**KAGGLE, "winner_tie": 0},
            "winner_model_a: 0 of winner_model_a, winner_model_b, winner_tie are 1; expected"
            " exactly one of them",
        ),
        (
            {**KAGGLE, "response_b": '["No."]'},
            "response_b: 1 replies to 2 turn(s); expected one for each turn of the prompt",
        ),
    ],
)
def test_battle_that_is_wrong_is_refused(
    write_file: WriteFile, row: dict[str, Any], message: str
) -> None:
    path = write_file("x.jsonl", row)
    with pytest.raises(FormatError) as caught:
        list(read_battles(path, format="lmarena"))
    assert str(caught.value).startswith(f"{path}, line 1, {message}")


def test_faults_are_gathered_between_battles(write_file: WriteFile) -> None:
    path = write_file("x.jsonl", {**OLD, "winner": "?"}, OLD, {**OLD, "winner": "tie"})
    faults = Faults()
    assert len(list(read_battles(path, format="lmarena", faults=faults))) == 1
    assert [(fault.line, fault.field) for fault in faults.kept] == [(1, "winner"), (3, "id")]
