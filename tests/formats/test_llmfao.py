"""LLMFAO's completions and votes."""

from typing import Any

import pytest

from annotate.formats import (
    CandidateRow,
    CompletionRow,
    FormatError,
    Location,
    PromptRow,
    VoteRow,
    read_completions,
    read_votes,
)
from tests.formats.conftest import WriteFile

PROMPT: dict[str, Any] = {
    "id": 8,
    "text": "Argue for and against tea.",
    "type": "reflexion",
    "slug": "tea",
    "stop": None,
    "note": None,
}
X: dict[str, Any] = {"id": 97, "api_id": "org/x-7b", "name": "X (7B)", "org": "Org"}
Y: dict[str, Any] = {"id": 98, "api_id": "y", "name": "Y"}
RESULT: dict[str, Any] = {"id": 0, "model": 97, "result": " \n", "prompt": 8, "name": "X (7B)"}
HEADER = "id,prompt,model_x,model_y,worker,winner,left,right"


def test_completion_is_joined_with_its_prompt_and_model(write_file: WriteFile) -> None:
    prompts = write_file("prompts.jsonl", PROMPT, {**PROMPT, "id": 9})
    models = write_file("models.jsonl", X, Y)
    path = write_file("results.jsonl", RESULT)
    assert list(read_completions([path], format="llmfao")) == [
        PromptRow(
            key="8",
            turns=("Argue for and against tea.",),
            language="en",
            category="reflexion",
            location=Location(str(prompts), 1),
        ),
        CompletionRow(
            prompt="8",
            candidate=CandidateRow(
                name="X (7B)", model="org/x-7b", location=Location(str(models), 1)
            ),
            sample=0,
            replies=(" \n",),
            location=Location(str(path), 1),
        ),
    ]


@pytest.mark.parametrize(
    ("winner", "left", "right", "outcome", "side_a"),
    [
        ("left", "X (7B)", "Y", "a", "left"),
        ("right", "X (7B)", "Y", "b", "left"),
        ("left", "Y", "X (7B)", "b", "right"),
        ("right", "Y", "X (7B)", "a", "right"),
        ("tie", "Y", "X (7B)", "tie", "right"),
    ],
)
def test_vote_is_told_in_terms_of_a_and_b(
    write_file: WriteFile, winner: str, left: str, right: str, outcome: Any, side_a: Any
) -> None:
    write_file("models.jsonl", X, Y)
    path = write_file("crowd.csv", HEADER, f"12,8,97,98,58,{winner},{left},{right}")
    assert list(read_votes(path, format="llmfao")) == [
        VoteRow(
            prompt="8",
            candidate_a="X (7B)",
            candidate_b="Y",
            outcome=outcome,
            annotator="58",
            side_a=side_a,
            id="12-58",
            location=Location(str(path), 2),
        )
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**RESULT, "prompt": 7}, "prompt: 7 is not an id in {folder}/prompts.jsonl"),
        ({**RESULT, "model": 1}, "model: 1 is not an id in {folder}/models.jsonl"),
        ({**RESULT, "name": "Y"}, 'name: "Y" is not "X (7B)", the name of this model'),
        ({**RESULT, "result": None}, "result: missing; expected a string"),
    ],
)
def test_completion_that_is_wrong_is_refused(
    write_file: WriteFile, row: dict[str, Any], message: str
) -> None:
    write_file("prompts.jsonl", PROMPT)
    write_file("models.jsonl", X, Y)
    path = write_file("results.jsonl", row)
    with pytest.raises(FormatError) as caught:
        list(read_completions([path], format="llmfao"))
    assert str(caught.value) == f"{path}, line 1, {message.format(folder=path.parent)}"


def test_completion_that_comes_twice_is_refused(write_file: WriteFile) -> None:
    write_file("prompts.jsonl", PROMPT)
    write_file("models.jsonl", X)
    path = write_file("results.jsonl", RESULT, {**RESULT, "id": 1, "result": "other"})
    with pytest.raises(FormatError, match='line 2, sample: sample 0 of "X \\(7B\\)" for "8" again'):
        list(read_completions([path], format="llmfao"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,8,97,98,58,x,X (7B),Y", 'winner: "x" is not one of left, right, tie'),
        ("1,8,97,98,58,,X (7B),Y", "winner: missing; expected one of left, right, tie"),
        ("1,8,97,99,58,tie,X (7B),Y", "model_y: 99 is not an id in {folder}/models.jsonl"),
        ("1,8,97,97,58,tie,X (7B),X (7B)", "model_y: 97 is not another model than model_x"),
        (
            "1,8,97,98,58,tie,Z,Y",
            'left: "Z" is not the name of model_x or model_y: "X (7B)" or "Y", each on one side',
        ),
        (
            "1,8,97,98,58,tie,Y,Y",
            'right: "Y" is not the name of model_x or model_y: "X (7B)" or "Y", each on one side',
        ),
        ("1,k8s,97,98,58,tie,X (7B),Y", 'prompt: "k8s" is not a whole number from 0 to 2147483647'),
    ],
)
def test_vote_that_is_wrong_is_refused(write_file: WriteFile, row: str, message: str) -> None:
    write_file("models.jsonl", X, Y)
    path = write_file("crowd.csv", HEADER, row)
    with pytest.raises(FormatError) as caught:
        list(read_votes(path, format="llmfao"))
    assert str(caught.value) == f"{path}, line 2, {message.format(folder=path.parent)}"


def test_vote_that_comes_twice_is_refused(write_file: WriteFile) -> None:
    write_file("models.jsonl", X, Y)
    vote = "1,8,97,98,58,tie,X (7B),Y"
    path = write_file("crowd.csv", HEADER, vote, vote.replace("58", "59"), vote)
    with pytest.raises(FormatError, match=r'line 4, id: vote "1-58" of "58" again; .* line 2 has'):
        list(read_votes(path, format="llmfao"))


def test_models_that_share_a_name_are_refused(write_file: WriteFile) -> None:
    models = write_file("models.jsonl", X, {**Y, "name": "X (7B)"})
    path = write_file("crowd.csv", HEADER, "1,8,97,98,58,tie,X (7B),X (7B)")
    with pytest.raises(FormatError) as caught:
        list(read_votes(path, format="llmfao"))
    assert str(caught.value) == (
        f'{models}, line 2, name: model "X (7B)" again; expected each once; line 1 has it already'
    )


def test_file_without_its_neighbours_is_refused(write_file: WriteFile) -> None:
    path = write_file("results.jsonl", RESULT)
    with pytest.raises(FormatError) as caught:
        list(read_completions([path], format="llmfao"))
    assert str(caught.value) == (f"{path}: no prompts.jsonl beside it; expected both in one folder")


def test_votes_without_models_beside_them_are_read_by_name(write_file: WriteFile) -> None:
    path = write_file(
        "crowd.csv", HEADER, "1,8,97,98,58,left,Y,X (7B)", "1,8,97,98,59,tie,X (7B),Y"
    )
    votes = list(read_votes(path, format="llmfao"))
    assert [(vote.candidate_a, vote.candidate_b, vote.outcome, vote.side_a) for vote in votes] == [
        ("Y", "X (7B)", "a", "left"),
        ("X (7B)", "Y", "tie", "left"),
    ]


def test_vote_with_an_unknown_winner_is_refused_without_models_too(write_file: WriteFile) -> None:
    path = write_file("crowd.csv", HEADER, "1,8,97,98,58,draw,X (7B),Y")
    with pytest.raises(FormatError, match='line 2, winner: "draw" is not one of left, right, tie'):
        list(read_votes(path, format="llmfao"))
