"""Formats recognised from files."""

from typing import Any

import pytest

from annotate.formats import FileKind, FormatError, guess_format
from tests.formats import test_canonical, test_llmfao, test_mtbench, test_shisa
from tests.formats.conftest import WriteFile


@pytest.mark.parametrize(
    ("kind", "name", "row", "format"),
    [
        ("prompts", "x.jsonl", {"key": "p", "prompt": "Hi"}, "jsonl"),
        ("prompts", "x.jsonl.gz", test_mtbench.QUESTION, "mtbench"),
        ("prompts", "x", [test_shisa.TASK], "shisa"),
        ("completions", "x", {"prompt": "p", "candidate": "c", "reply": ""}, "jsonl"),
        ("completions", "x", test_mtbench.ANSWER, "mtbench"),
        ("completions", "x.json.gz", [test_shisa.GENERATION], "shisa"),
        ("completions", "x.jsonl", test_llmfao.RESULT, "llmfao"),
        ("votes", "x.jsonl", test_canonical.VOTE, "jsonl"),
        ("votes", "x.csv", "prompt,candidate_a,candidate_b,outcome,annotator", "csv"),
        ("votes", "x.csv.gz", test_llmfao.HEADER, "llmfao"),
    ],
)
def test_format_is_recognised(
    write_file: WriteFile, kind: FileKind, name: str, row: Any, format: str
) -> None:
    assert guess_format(write_file(name, row), kind) == format


@pytest.mark.parametrize(
    ("kind", "name", "row", "message"),
    [
        (
            "prompts",
            "x.csv",
            "id,prompt",
            "no format of prompts with these columns; expected one to be named: jsonl, csv,"
            " parquet, shisa, mtbench",
        ),
        (
            "votes",
            "x.jsonl",
            {"winner": "left"},
            "no format of votes with these columns; expected one to be named: jsonl, csv,"
            " parquet, mtbench, llmfao",
        ),
        (
            "completions",
            "x.jsonl",
            {"prompt": 1, "candidate": "c", "model": 2, "result": ""},
            "columns of several formats; expected one to be named: jsonl, llmfao",
        ),
    ],
)
def test_file_that_may_be_anything_is_refused_with_the_choices(
    write_file: WriteFile, kind: FileKind, name: str, row: Any, message: str
) -> None:
    path = write_file(name, row)
    with pytest.raises(FormatError) as caught:
        guess_format(path, kind)
    assert str(caught.value) == f"{path}, line 1, format: {message}"


def test_first_row_that_can_be_read_tells_the_format(write_file: WriteFile) -> None:
    assert guess_format(write_file("x.jsonl", "{", test_canonical.VOTE), "votes") == "jsonl"
    with pytest.raises(FormatError, match=r"x.jsonl, line 1: invalid JSON"):
        guess_format(write_file("x.jsonl", "{", "["), "votes")


def test_file_that_is_empty_is_refused(write_file: WriteFile) -> None:
    with pytest.raises(FormatError, match="an empty file; expected at least one row"):
        guess_format(write_file("x.jsonl"), "votes")
