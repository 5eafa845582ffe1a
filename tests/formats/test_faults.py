"""One reading tells all that is wrong, and goes on with what is right."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.formats import (
    Faults,
    FormatError,
    StopAtFirst,
    fault_columns,
    faults_in_file,
    read_completions,
    read_prompts,
    read_votes,
)
from annotate.formats.lines import MAX_ROW_BYTES
from tests.formats.conftest import WriteFile

PROMPT: dict[str, Any] = {"key": "p1", "prompt": "Hi"}
COMPLETION: dict[str, Any] = {"prompt": "p1", "candidate": "x", "reply": "ok"}
VOTE: dict[str, Any] = {
    "prompt": "p1",
    "candidate_a": "x",
    "candidate_b": "y",
    "outcome": "a",
    "annotator": "mika",
}


def told(faults: Faults, path: Path) -> list[str]:
    return [str(fault).replace(f"{path}, ", "") for fault in faults.kept]


def test_each_wrong_line_is_told_and_the_others_are_read(write_file: WriteFile) -> None:
    path = write_file(
        "prompts.jsonl",
        PROMPT,
        {"key": "p2"},
        '{"key" 1}',
        "7",
        {**PROMPT, "key": "p3", "lang": "ja"},
        PROMPT,
        {**PROMPT, "key": "p4"},
    )
    faults = Faults()
    rows = read_prompts(path, format="jsonl", faults=faults)
    assert [row.key for row in rows] == ["p1", "p4"]
    assert told(faults, path) == [
        "line 2, prompt: missing; expected a string, or a list of strings in turns",
        "line 3: invalid JSON (Expecting ':' delimiter at column 8); expected one JSON object a"
        " line",
        "line 4: 7 is not a JSON object",
        "line 5, lang: unknown column; expected language",
        'line 6, key: prompt "p1" again; expected each once; line 1 has it already',
    ]
    assert faults.n == 5


def test_lines_that_are_no_text_or_too_long_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    good = json.dumps(PROMPT).encode()
    too_long = b'{"key": "' + b"x" * MAX_ROW_BYTES + b'"}'
    path.write_bytes(b"\n".join([b'{"key": "\xff"}', too_long, good, b""]))
    faults = Faults()
    assert len(list(read_prompts(path, format="jsonl", faults=faults))) == 1
    assert told(faults, path) == [
        "line 1: invalid UTF-8 (byte 0xff); expected text in UTF-8",
        "line 2: longer than 16 MiB; expected one row a line",
    ]


def test_csv_goes_on_after_a_row_of_another_width_and_wrong_quotes(write_file: WriteFile) -> None:
    path = write_file(
        "votes.csv",
        "prompt,candidate_a,candidate_b,outcome,annotator,comment",
        "p1,x,y,a,mika,",
        "p1,x,y,a",
        'p1,x,y,a,ken,"a"b',
        'p1,x,y,b,ann,"two',
        'lines"',
        "p1,x,y,left,bob,",
    )
    faults = Faults()
    rows = list(read_votes(path, format="csv", faults=faults))
    assert [(row.annotator, row.location.line) for row in rows] == [("mika", 2), ("ann", 5)]
    assert told(faults, path) == [
        "line 3: 4 cells; expected 6, as in the header",
        "line 4: invalid CSV (',' expected after '\"'); expected cells separated by commas, quotes"
        " doubled",
        'line 7, outcome: "left" is not one of a, b, tie, both_bad',
    ]


def test_broken_array_is_told_once_and_ends_its_file(write_file: WriteFile) -> None:
    task = {"id": 1, "user_en": "Hi", "type": "t"}
    path = write_file("tasks.json", f"[{json.dumps(task)},", '{"id": 2, "user_en": 3},', "oops]")
    faults = Faults()
    rows = read_prompts(path, format="shisa", faults=faults)
    assert [row.key for row in rows] == ["1-en"]
    assert told(faults, path) == [
        "line 2, user_en: 3 is not a string",
        'line 3: invalid JSON (found "oops]\\n"); expected a JSON object',
    ]


def test_faults_of_all_files_are_gathered(write_file: WriteFile) -> None:
    first = write_file("1.jsonl", COMPLETION, {**COMPLETION, "sample": -1})
    missing = first.parent / "2.jsonl"
    third = write_file("3.jsonl", COMPLETION, {**COMPLETION, "candidate": "y", "model": "m"})
    faults = Faults()
    rows = list(read_completions([first, missing, third], format="jsonl", faults=faults))
    assert [str(row.location) for row in rows] == [f"{first}, line 1", f"{third}, line 2"]
    assert [str(fault).replace(f"{first.parent}/", "") for fault in faults.kept] == [
        "1.jsonl, line 2, sample: -1 is not a whole number from 0 to 32767",
        "2.jsonl: no such file; expected a file to read",
        '3.jsonl, line 1, sample: sample 0 of "x" for "p1" again; expected each once;'
        " 1.jsonl, line 1 has it already",
    ]


def test_prompt_of_a_wrong_completion_is_still_given(write_file: WriteFile) -> None:
    """Else every later completion on it would be a fault of its own."""
    path = write_file(
        "x.jsonl",
        {**COMPLETION, "turns": ["Hi"], "reply": None, "replies": ["a", "b"]},
        {**COMPLETION, "candidate": "y"},
    )
    faults = Faults()
    rows = list(read_completions([path], format="jsonl", faults=faults))
    assert [type(row).__name__ for row in rows] == ["PromptRow", "CompletionRow"]
    assert told(faults, path) == [
        "line 1, replies: 2 given; expected 1, one for each turn of the prompt"
    ]


def test_file_with_wrong_rows_alone_is_not_called_empty(write_file: WriteFile) -> None:
    faults = Faults()
    path = write_file("x.jsonl", "{")
    assert list(read_votes(path, format="jsonl", faults=faults)) == []
    assert faults.n == 1
    empty = Faults()
    assert list(read_votes(write_file("y.jsonl"), format="jsonl", faults=empty)) == []
    assert [fault.value for fault in empty.kept] == ["an empty file"]


def test_so_many_are_kept_and_all_counted(write_file: WriteFile) -> None:
    path = write_file("x.jsonl", *[{**VOTE, "outcome": number} for number in range(50)])
    faults = Faults(limit=10)
    assert list(read_votes(path, format="jsonl", faults=faults)) == []
    assert (faults.n, [fault.value for fault in faults.kept]) == (50, list(range(10)))


def test_stopping_at_the_first_is_what_readers_do(write_file: WriteFile) -> None:
    path = write_file("x.jsonl", VOTE, {**VOTE, "outcome": "c"})
    for faults in ({}, {"faults": StopAtFirst()}):
        rows = read_votes(path, format="jsonl", **faults)
        assert next(rows).outcome == "a"
        with pytest.raises(FormatError, match='line 2, outcome: "c" is not one of'):
            next(rows)


def test_errors_file_has_a_line_for_every_fault(write_file: WriteFile, tmp_path: Path) -> None:
    long = "長" * 5_000
    path = write_file(
        "x.jsonl", {**VOTE, "outcome": long}, {**VOTE, "prompt": None}, {**VOTE, "turn": "\ud800"}
    )
    errors = tmp_path / "errors.jsonl"
    with faults_in_file(errors, limit=1) as faults:
        assert list(read_votes(path, format="jsonl", faults=faults)) == []
    lines = [json.loads(line) for line in errors.read_text(encoding="utf-8").splitlines()]
    assert [line["line"] for line in lines] == [1, 2, 3]
    assert lines[0]["value"] == f'"{"長" * 999}'
    assert lines[0] == fault_columns(faults.kept[0])
    assert lines[1] == {
        "path": str(path),
        "line": 2,
        "field": "prompt",
        "value": "missing",
        "expected": "a string",
        "message": f"{path}, line 2, prompt: missing; expected a string",
    }
    assert lines[2]["value"] == "\ud800"
    assert (faults.n, len(faults.kept)) == (3, 1)


def test_errors_file_is_empty_where_nothing_is_wrong_and_whole_after_an_error(
    tmp_path: Path,
) -> None:
    with faults_in_file(tmp_path / "none.jsonl"):
        pass
    assert (tmp_path / "none.jsonl").read_bytes() == b""

    def fail_half_way() -> None:
        with faults_in_file(tmp_path / "some.jsonl") as faults:
            faults.tell(FormatError("x", 1, "f", 2, "three"))
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fail_half_way()
    (line,) = (tmp_path / "some.jsonl").read_text().splitlines()
    assert json.loads(line)["message"] == "x, line 1, f: 2 is not three"


def test_errors_file_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "errors.jsonl"
    with pytest.raises(FormatError) as caught, faults_in_file(path):
        pass
    assert str(caught.value) == (
        f"{path}: no file can be made (No such file or directory); expected a file that can be"
        " written to"
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_every_row_is_either_read_or_told(
    tmp_path_factory: pytest.TempPathFactory, right: list[bool]
) -> None:
    path = tmp_path_factory.mktemp("x") / "x.jsonl"
    rows = [
        {**VOTE, "id": str(number), "outcome": "a" if is_right else "?"}
        for number, is_right in enumerate(right)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    faults = Faults()
    read = [row.location.line for row in read_votes(path, format="jsonl", faults=faults)]
    assert read == [number for number, is_right in enumerate(right, start=1) if is_right]
    assert sorted(read + [fault.line for fault in faults.kept]) == list(range(1, len(right) + 1))
