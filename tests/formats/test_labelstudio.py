"""Pairwise tasks out of Label Studio: JSON, JSON-MIN and CSV."""

from datetime import UTC, datetime
from typing import Any

import pytest

from annotate.formats import (
    Faults,
    FormatError,
    guess_format,
    read_battles,
    read_preferences,
)
from tests.formats.conftest import WriteFile

DATA = {"prompt": "What is tea?", "answer1": "A drink.", "answer2": "No."}


def annotation(id: int, by: object, **result: Any) -> dict[str, Any]:
    return {
        "id": id,
        "completed_by": by,
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2024-03-09T22:16:08.728353Z",
        "lead_time": 4.288,
        "result": [{"id": "Dx_aB91ISN", "from_name": "comparison", **result}] if result else [],
    }


def chose(side: str) -> dict[str, Any]:
    return {"type": "pairwise", "to_name": "answer1,answer2", "value": {"selected": side}}


TASK: dict[str, Any] = {
    "id": 12,
    "data": DATA,
    "annotations": [
        annotation(1, 10, **chose("left")),
        annotation(2, {"id": 11, "email": "a@example.org"}, **chose("right")),
        annotation(3, 12, type="choices", to_name="answer1", value={"choices": ["Tie"]}),
        {**annotation(4, 13, **chose("left")), "was_cancelled": True},
        annotation(5, 14),
    ],
    "predictions": [],
    "project": 83,
}
MIN: dict[str, Any] = {
    **DATA,
    "id": 12,
    "comparison": [{"selected": "left"}],
    "annotator": 10,
    "annotation_id": 1,
    "created_at": "2024-03-09T22:16:08.728353Z",
    "updated_at": "2024-03-09T22:16:08.728378Z",
    "lead_time": 4.288,
}


def test_annotations_of_a_task_are_its_votes(write_file: WriteFile) -> None:
    path = write_file("project.json", [TASK])
    assert guess_format(path, "battles") == "labelstudio"
    faults = Faults()
    (battle,) = read_battles(path, format="labelstudio", faults=faults)
    assert (battle.prompt.key, battle.prompt.turns) == ("12", ("What is tea?",))
    assert (battle.a.candidate.name, battle.a.replies) == ("answer1", ("A drink.",))
    assert (battle.b.candidate.name, battle.b.replies) == ("answer2", ("No.",))
    assert [(vote.annotator, vote.outcome, vote.id, vote.side_a) for vote in battle.votes] == [
        ("10", "a", "1", "left"),
        ("11", "b", "2", "left"),
        ("12", "tie", "3", "left"),
    ]
    assert battle.votes[0].created_at == datetime(2024, 3, 9, 22, 16, 8, 728353, tzinfo=UTC)
    assert dict(faults.left_out) == {
        "an annotation that was skipped": 1,
        "an annotation without an answer": 1,
    }


def test_rows_of_one_task_in_json_min_are_votes_on_one_prompt(write_file: WriteFile) -> None:
    other = {**MIN, "annotator": 11, "annotation_id": 2, "comparison": "right"}
    path = write_file("min.json", [MIN, other])
    assert guess_format(path, "battles") == "labelstudio"
    first, second = read_battles(path, format="labelstudio")
    assert (first.prompt, first.a, first.b) == (second.prompt, second.a, second.b)
    assert [
        (vote.annotator, vote.outcome, vote.id)
        for battle in (first, second)
        for vote in battle.votes
    ] == [("10", "a", "1"), ("11", "b", "2")]


CSV_HEADER = (
    "prompt,answer1,answer2,id,comparison,choice,annotator,annotation_id,created_at,updated_at,"
    "lead_time\n"
)
SIDE = '"[{""selected"": ""right""}]"'
WHEN = "2024-03-09T22:16:08.728353Z,2024-03-09T22:16:08.728378Z,4.288\n"


def test_rows_of_the_csv_export_are_votes_like_those_of_json_min(write_file: WriteFile) -> None:
    text = '"What is ""tea""?","[{""selected"": ""left""}]","No,\nno.",12'
    rows = f"{text},{SIDE},,a@example.org,1,{WHEN}{text},,Tie,11,2,{WHEN}"
    path = write_file("project.csv", CSV_HEADER + rows)
    assert guess_format(path, "battles") == "labelstudio"
    first, second = read_battles(path, format="labelstudio")
    assert (first.prompt.key, first.prompt.turns) == ("12", ('What is "tea"?',))
    assert first.a.replies == ('[{"selected": "left"}]',)
    assert first.b.replies == ("No,\nno.",)
    assert [
        (vote.annotator, vote.outcome, vote.id, vote.created_at)
        for battle in (first, second)
        for vote in battle.votes
    ] == [
        ("a@example.org", "b", "1", datetime(2024, 3, 9, 22, 16, 8, 728353, tzinfo=UTC)),
        ("11", "tie", "2", datetime(2024, 3, 9, 22, 16, 8, 728353, tzinfo=UTC)),
    ]
    assert guess_format(path, "preferences") == "labelstudio"
    (pair,) = read_preferences(path, format="labelstudio", faults=Faults())
    assert pair.chosen[0].content == "No,\nno."


def test_a_side_of_the_csv_export_that_is_none_is_told_by_line_and_field(
    write_file: WriteFile,
) -> None:
    row = f'What?,Yes,No,12,"[{{""selected"": ""both""}}]",,10,1,{WHEN}'
    path = write_file("project.csv", CSV_HEADER + row)
    with pytest.raises(FormatError) as caught:
        list(read_battles(path, format="labelstudio"))
    assert str(caught.value).startswith(
        f'{path}, line 2, comparison[0].selected: "both" is not one of left, right'
    )


def test_side_is_that_of_the_names_that_were_compared(write_file: WriteFile) -> None:
    """The template may name any two texts, whatever they are called."""
    data = {"prompt": "What?", "old": "a", "new": "b"}
    said = {"type": "pairwise", "to_name": "new, old", "value": {"selected": "left"}}
    path = write_file("x.json", [{**TASK, "data": data, "annotations": [annotation(1, 1, **said)]}])
    (battle,) = read_battles(path, format="labelstudio")
    assert (battle.a.candidate.name, battle.a.replies) == ("new", ("b",))
    assert battle.votes[0].outcome == "a"


def test_one_annotation_may_be_a_preference(write_file: WriteFile) -> None:
    path = write_file("x.json", [{**TASK, "annotations": TASK["annotations"][1:2]}])
    assert guess_format(path, "preferences") == "labelstudio"
    (pair,) = read_preferences(path, format="labelstudio")
    assert (pair.key, pair.chosen[0].content, pair.rejected[0].content) == ("12", "No.", "A drink.")
    assert [message.content for message in pair.prompt] == ["What is tea?"]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            {**TASK, "annotations": [annotation(1, 1, **chose("both"))]},
            'annotations[0].result[0].value.selected: "both" is not one of left, right',
        ),
        (
            {
                **TASK,
                "annotations": [annotation(1, 1, type="choices", value={"choices": ["Hm"]})],
            },
            'annotations[0].result[0].value.choices: ["Hm"] is not one of answer1, answer2, left,'
            " right, tie or both bad",
        ),
        (
            {**TASK, "annotations": [annotation(1, None, **chose("left"))]},
            "annotator: missing; expected who chose; import labels without annotators as"
            " preferences",
        ),
        ({**TASK, "id": None}, "id: missing; expected a whole number from 0 to"),
        ({**TASK, "data": {**DATA, "answer2": 5}}, "answer2: 5 is not a string"),
        ({**MIN, "comparison": "Hm"}, 'comparison: "Hm" is not answer1, answer2, left, right, tie'),
    ],
)
def test_task_that_is_wrong_is_refused(
    write_file: WriteFile, task: dict[str, Any], message: str
) -> None:
    path = write_file("x.json", [task])
    with pytest.raises(FormatError) as caught:
        list(read_battles(path, format="labelstudio"))
    field = "data." if message.startswith("answer2") else ""
    assert str(caught.value).startswith(f"{path}, line 1, {field}{message}")


def test_row_of_json_min_without_an_answer_is_refused(write_file: WriteFile) -> None:
    path = write_file("x.json", [{**MIN, "comparison": None}])
    with pytest.raises(FormatError, match="no answer about the pair; expected a side, or a choice"):
        list(read_battles(path, format="labelstudio"))


def test_wrong_tasks_are_gathered(write_file: WriteFile) -> None:
    path = write_file("x.json", [{**TASK, "id": None}, TASK, {**TASK, "id": 13, "data": {}}])
    faults = Faults()
    assert len(list(read_battles(path, format="labelstudio", faults=faults))) == 1
    assert faults.n == 2
