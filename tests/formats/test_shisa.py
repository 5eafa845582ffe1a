"""Shisa's tasks and generations."""

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

TASK: dict[str, Any] = {
    "type": "japanese",
    "prompt_en": "Be brief.",
    "prompt_ja": "短く。",
    "user_en": "Hello?",
    "user_ja": " もしもし?",
    "id": 7,
}
GENERATION: dict[str, Any] = {
    "chat": [
        {"role": "system", "content": "短く。"},
        {"role": "user", "content": " もしもし?"},
        {"role": "assistant", "content": " はい。"},
    ],
    "response": " はい。",
    "lang": "ja",
    "task": TASK,
}


def array(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return list(rows)


def test_task_gives_a_prompt_for_each_language_it_has(write_file: WriteFile) -> None:
    path = write_file("tasks.json", array(TASK, {**TASK, "id": 8, "user_ja": None}))
    location = Location(str(path), 1)
    assert list(read_prompts(path, format="shisa")) == [
        PromptRow(
            key="7-ja",
            turns=(" もしもし?",),
            language="ja",
            system="短く。",
            category="japanese",
            location=location,
        ),
        PromptRow(
            key="7-en",
            turns=("Hello?",),
            language="en",
            system="Be brief.",
            category="japanese",
            location=location,
        ),
        PromptRow(
            key="8-en",
            turns=("Hello?",),
            language="en",
            system="Be brief.",
            category="japanese",
            location=location,
        ),
    ]


def test_generation_takes_candidate_and_sample_from_the_file_name(write_file: WriteFile) -> None:
    path = write_file("org_m-7b_v1_temp-0.1_run-2.json.gz", array(GENERATION))
    prompt, completion = read_completions([path], format="shisa")
    assert prompt == next(read_prompts(write_file("t.json", array(TASK)), format="shisa"))
    assert completion == CompletionRow(
        prompt="7-ja",
        candidate=CandidateRow(
            name="org_m-7b_v1 temp 0.1",
            model="org_m-7b_v1",
            sampling={
                "temperature": 0.1,
                "top_p": 0.95,
                "repetition_penalty": 1.15,
                "max_tokens": 500,
            },
            location=Location(str(path), 0),
        ),
        sample=1,
        replies=(" はい。",),
        location=Location(str(path), 1),
    )


def test_prompt_that_many_generations_share_comes_once(write_file: WriteFile) -> None:
    paths = [
        write_file(f"m_temp-{temperature}_run-{run}.json", array(GENERATION))
        for temperature in ("0.1", "1")
        for run in (1, 2)
    ]
    rows = list(read_completions(paths, format="shisa"))
    assert [type(row) for row in rows] == [PromptRow] + [CompletionRow] * 4
    completions = [row for row in rows if isinstance(row, CompletionRow)]
    assert [(row.candidate.name, row.sample) for row in completions] == [
        ("m temp 0.1", 0),
        ("m temp 0.1", 1),
        ("m temp 1.0", 0),
        ("m temp 1.0", 1),
    ]


@pytest.mark.parametrize("name", ["m.json", "m_temp-0.1_run-0.json", "_temp-0.1_run-1.json"])
def test_file_name_that_tells_no_candidate_is_refused(write_file: WriteFile, name: str) -> None:
    path = write_file(name, array(GENERATION))
    with pytest.raises(FormatError) as caught:
        list(read_completions([path], format="shisa"))
    assert str(caught.value) == (
        f'{path}, file name: "{name}" is not {{model}}_temp-{{temperature}}_run-{{run from 1}}'
        ".json.gz, which tell the candidate"
    )


def with_chat(*contents: str, roles: str = "sua") -> dict[str, Any]:
    names = {"s": "system", "u": "user", "a": "assistant"}
    chat = [
        {"role": names[role], "content": content}
        for role, content in zip(roles, contents, strict=True)
    ]
    return {**GENERATION, "chat": chat}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**GENERATION, "lang": "de"}, 'lang: "de" is not one of ja, en'),
        (
            {**GENERATION, "task": {**TASK, "user_ja": None}},
            "task.user_ja: missing; expected a string",
        ),
        ({**GENERATION, "task": 7}, "task: 7 is not an object"),
        (
            {**GENERATION, "task": {**TASK, "id": "7"}},
            'task.id: "7" is not a whole number from 0 to 2147483647',
        ),
        ({**GENERATION, "response": None}, "response: missing; expected a string"),
        ({**GENERATION, "chat": []}, "chat: [] is not a list of one or more objects"),
        (
            with_chat(" もしもし?", " はい。", roles="ua"),
            "chat: messages by user, assistant; expected messages by system, user, assistant",
        ),
        (
            with_chat("短く。", "もしもし?", " はい。"),
            'chat[1].content: "もしもし?" is not the text that task and response have',
        ),
        (
            with_chat("短く。", " もしもし?", "はい。"),
            'chat[2].content: "はい。" is not the text that task and response have',
        ),
    ],
)
def test_generation_that_is_wrong_is_refused(
    write_file: WriteFile, row: dict[str, Any], message: str
) -> None:
    path = write_file("m_temp-0.1_run-1.json", "[", row, "]")
    with pytest.raises(FormatError) as caught:
        list(read_completions([path], format="shisa"))
    assert str(caught.value) == f"{path}, line 2, {message}"


def test_generation_that_comes_twice_is_refused(write_file: WriteFile) -> None:
    path = write_file("m_temp-0.1_run-1.json", array(GENERATION, GENERATION))
    with pytest.raises(FormatError, match=r'sample 0 of "m temp 0\.1" for "7-ja" again'):
        list(read_completions([path], format="shisa"))


def test_task_that_comes_twice_is_refused(write_file: WriteFile) -> None:
    path = write_file("tasks.json", array(TASK, TASK))
    with pytest.raises(FormatError, match='prompt "7-ja" again'):
        list(read_prompts(path, format="shisa"))
