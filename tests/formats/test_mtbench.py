"""FastChat's questions and answers."""

from typing import Any

import pytest

from annotate.formats import (
    CandidateRow,
    CompletionRow,
    FormatError,
    Location,
    PromptRow,
    read_completions,
    read_prompts,
)
from tests.formats.conftest import WriteFile

QUESTION: dict[str, Any] = {
    "question_id": 81,
    "category": "writing",
    "turns": ["Write a letter.", "Shorter."],
    "reference": ["Dear ...", "..."],
}
ANSWER: dict[str, Any] = {
    "question_id": 81,
    "answer_id": "dZiih6rV",
    "model_id": "shisa-7b-v1",
    "choices": [{"index": 0, "turns": ["Dear,", "D,"]}, {"index": 1, "turns": ["Hello,", ""]}],
    "tstamp": 1701234567.5,
}


def test_question_is_a_prompt(write_file: WriteFile) -> None:
    japanese = {"question_id": "ja-1", "category": "writing", "turns": ["手紙を書いて。"]}
    path = write_file("question.jsonl", QUESTION, japanese)
    assert list(read_prompts(path, format="mtbench")) == [
        PromptRow(
            key="81",
            turns=("Write a letter.", "Shorter."),
            language="en",
            category="writing",
            references=("Dear ...", "..."),
            location=Location(str(path), 1),
        ),
        PromptRow(
            key="ja-1",
            turns=("手紙を書いて。",),
            language="ja",
            category="writing",
            location=Location(str(path), 2),
        ),
    ]


@pytest.mark.parametrize("question_file", ["question.jsonl", "model_answer/question.jsonl.gz"])
def test_answer_brings_its_question_along(write_file: WriteFile, question_file: str) -> None:
    """Questions lie beside the answers, or one folder above as in FastChat."""
    write_file(question_file, QUESTION, {**QUESTION, "question_id": 82})
    path = write_file("model_answer/shisa-7b-v1.jsonl", ANSWER)
    location = Location(str(path), 1)
    candidate = CandidateRow(name="shisa-7b-v1", model="shisa-7b-v1", location=location)
    assert list(read_completions([path], format="mtbench")) == [
        PromptRow(
            key="81",
            turns=("Write a letter.", "Shorter."),
            language="en",
            category="writing",
            references=("Dear ...", "..."),
            location=location,
        ),
        CompletionRow(
            prompt="81",
            candidate=candidate,
            sample=0,
            replies=("Dear,", "D,"),
            location=location,
        ),
        CompletionRow(
            prompt="81",
            candidate=candidate,
            sample=1,
            replies=("Hello,", ""),
            location=location,
        ),
    ]


def test_answer_without_a_question_file_brings_no_prompt(write_file: WriteFile) -> None:
    path = write_file("a/b/c/answers.jsonl", ANSWER)
    write_file("question.jsonl", QUESTION)
    rows = list(read_completions([path], format="mtbench"))
    assert [type(row) for row in rows] == [CompletionRow, CompletionRow]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({**ANSWER, "question_id": 82}, "question_id: 82 is not a question of "),
        ({**ANSWER, "question_id": 8.1}, "question_id: 8.1 is not a whole number from 0 to "),
        ({**ANSWER, "model_id": None}, "model_id: missing; expected a string"),
        ({**ANSWER, "choices": []}, "choices: [] is not a list of one or more objects"),
        (
            {**ANSWER, "choices": [{"index": 0, "turns": "Dear,"}]},
            'choices[0].turns: "Dear," is not a list of one or more strings',
        ),
        (
            {**ANSWER, "choices": [{"index": 0, "turns": ["Dear,", None]}]},
            "choices[0].turns[1]: missing; expected a string",
        ),
        (
            {**ANSWER, "choices": [{"turns": ["1", "2"]}]},
            "choices[0].index: missing; expected a whole number from 0 to 32767",
        ),
        (
            {**ANSWER, "choices": [{"index": 0, "turns": ["Dear,"]}]},
            "replies: 1 given; expected 2, one for each turn of the prompt",
        ),
        (
            {**ANSWER, "choices": ANSWER["choices"][:1] * 2},
            'sample: sample 0 of "shisa-7b-v1" for "81" again; expected each once; line 1 has it',
        ),
    ],
)
def test_answer_that_is_wrong_is_refused(
    write_file: WriteFile, answer: dict[str, Any], message: str
) -> None:
    write_file("question.jsonl", QUESTION)
    path = write_file("answers.jsonl", answer)
    with pytest.raises(FormatError) as caught:
        list(read_completions([path], format="mtbench"))
    assert str(caught.value).startswith(f"{path}, line 1, {message}")


def test_question_that_comes_twice_is_refused(write_file: WriteFile) -> None:
    questions = write_file("question.jsonl", QUESTION, QUESTION)
    path = write_file("answers.jsonl", ANSWER)
    with pytest.raises(FormatError) as caught:
        list(read_completions([path], format="mtbench"))
    assert str(caught.value) == (
        f'{questions}, line 2, key: prompt "81" again; expected each once; line 1 has it already'
    )
