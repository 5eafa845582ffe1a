"""Every error once, with the words that a researcher reads."""

import gzip
import pickle
import random
import re
from pathlib import Path
from typing import Any

import pytest

from annotate.formats import FormatError, read_completions, read_prompts, read_votes
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
MARK: dict[str, Any] = {"which": "b", "turn": 1, "start": 0, "end": 3, "tag": "unnatural"}
READ = {
    "prompts": read_prompts,
    "completions": lambda path, format: read_completions([path], format=format),
    "votes": read_votes,
}
NAME = "a name: one line of 1 to 200 characters, no space at either end"
MOMENT = "a moment in ISO 8601 with an offset, such as 2024-01-31T09:00:00+09:00"


def error_of(kind: str, path: Path, format: str = "jsonl") -> str:
    """Read the whole file and return the error's words, the folder left out."""
    with pytest.raises(FormatError) as caught:
        list(READ[kind](path, format=format))
    return str(caught.value).replace(f"{path.parent}/", "")


def without(row: dict[str, Any], column: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != column}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([without(PROMPT, "key")], "line 1, key: missing; expected a string"),
        ([PROMPT, {**PROMPT, "key": 2}], "line 2, key: 2 is not a string"),
        ([{**PROMPT, "key": " p1"}], f'line 1, key: " p1" is not {NAME}'),
        ([{**PROMPT, "key": ""}], f'line 1, key: "" is not {NAME}'),
        ([{**PROMPT, "key": "a\tb"}], f'line 1, key: "a\\tb" is not {NAME}'),
        ([{**PROMPT, "key": "k" * 201}], f'line 1, key: "{"k" * 79}… is not {NAME}'),
        (
            [{"key": "p1"}],
            "line 1, prompt: missing; expected a string, or a list of strings in turns",
        ),
        (
            [{**PROMPT, "turns": ["Hi"]}],
            "line 1, prompt: given beside turns; expected only one of the two",
        ),
        ([{**PROMPT, "prompt": " \n"}], 'line 1, prompt: " \\n" is not a text that says something'),
        (
            [{"key": "p1", "turns": []}],
            "line 1, turns: [] is not a list of one or more strings",
        ),
        ([{"key": "p1", "turns": ["Hi", 3]}], "line 1, turns[1]: 3 is not a string"),
        (
            [{"key": "p1", "turns": ["Hi", ""]}],
            'line 1, turns[1]: "" is not a text that says something',
        ),
        (
            [{**PROMPT, "system": "a\0b"}],
            'line 1, system: "a\\u0000b" is not a string without NUL and lone surrogates',
        ),
        (
            [{**PROMPT, "system": "\ud800"}],
            'line 1, system: "\\ud800" is not a string without NUL and lone surrogates',
        ),
        (
            [{**PROMPT, "language": "japanese"}],
            'line 1, language: "japanese" is not a language tag such as ja or en',
        ),
        ([{**PROMPT, "is_held_out": 1}], "line 1, is_held_out: 1 is not true or false"),
        ([{**PROMPT, "langauge": "ja"}], "line 1, langauge: unknown column; expected language"),
        ([{**PROMPT, "lang": "ja"}], "line 1, lang: unknown column; expected language"),
        (
            [PROMPT, {**PROMPT, "key": "p2"}, PROMPT],
            'line 3, key: prompt "p1" again; expected each once; line 1 has it already',
        ),
    ],
)
def test_prompt_that_is_wrong_is_refused(
    write_file: WriteFile, rows: list[object], message: str
) -> None:
    assert error_of("prompts", write_file("p.jsonl", *rows)) == f"p.jsonl, {message}"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [without(COMPLETION, "reply")],
            "line 1, reply: missing; expected a string, or a list of strings in replies",
        ),
        (
            [{**COMPLETION, "sample": True}],
            "line 1, sample: true is not a whole number from 0 to 32767",
        ),
        (
            [{**COMPLETION, "sample": 1.0}],
            "line 1, sample: 1.0 is not a whole number from 0 to 32767",
        ),
        (
            [{**COMPLETION, "sample": -1}],
            "line 1, sample: -1 is not a whole number from 0 to 32767",
        ),
        (
            [{**COMPLETION, "finish_reason": "eos"}],
            'line 1, finish_reason: "eos" is not one of stop, length',
        ),
        (
            [{**COMPLETION, "sampling": [1]}],
            "line 1, sampling: [1] is not an object of settings",
        ),
        (
            ['{"prompt": "p1", "candidate": "x", "reply": "", "sampling": {"t": 1e999}}'],
            'line 1, sampling: {"t": Infinity} is not an object of finite numbers and storable'
            " strings, 50 deep at most",
        ),
        (
            [{**COMPLETION, "seed": 2**63}],
            "line 1, seed: 9223372036854775808 is not a whole number from -9223372036854775808 to"
            " 9223372036854775807",
        ),
        (
            [{**COMPLETION, "language": "ja"}],
            "line 1, turns: missing; expected the prompt's turns, as language is given",
        ),
        (
            [COMPLETION, {**COMPLETION, "sample": 1, "turns": ["Hi"]}],
            "line 2, turns: given here, and not with the prompt's first completion; expected them"
            " there, or nowhere",
        ),
        (
            [
                {**COMPLETION, "turns": ["Hi"]},
                {**COMPLETION, "sample": 1, "turns": ["Hi"], "system": "S"},
            ],
            'line 2, prompt: "p1" with other turns, or other words on them; expected the prompt'
            " as on line 1",
        ),
        (
            [{**COMPLETION, "turns": ["Hi", "And?"]}],
            "line 1, replies: 1 given; expected 2, one for each turn of the prompt",
        ),
        (
            [{**COMPLETION, "model": "m1"}, {**COMPLETION, "sample": 1, "model": "m2"}],
            'line 2, model: "m2" is not "m1", which candidate "x" has on line 1',
        ),
        (
            [COMPLETION, COMPLETION],
            'line 2, sample: sample 0 of "x" for "p1" again; expected each once; line 1 has it'
            " already",
        ),
        ([{**COMPLETION, "turn": 1}], "line 1, turn: unknown column; expected turns"),
    ],
)
def test_completion_that_is_wrong_is_refused(
    write_file: WriteFile, rows: list[object], message: str
) -> None:
    assert error_of("completions", write_file("c.jsonl", *rows)) == f"c.jsonl, {message}"


def test_completion_that_another_file_has_is_refused(write_file: WriteFile) -> None:
    paths = [write_file("1.jsonl", COMPLETION), write_file("2.jsonl", COMPLETION)]
    with pytest.raises(FormatError, match=re.escape(f"expected each once; {paths[0]}, line 1 has")):
        list(read_completions(paths, format="jsonl"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [VOTE, {**VOTE, "outcome": "left"}],
            'line 2, outcome: "left" is not one of a, b, tie, both_bad',
        ),
        (
            [without(VOTE, "outcome")],
            "line 1, outcome: missing; expected one of a, b, tie, both_bad",
        ),
        (
            [{**VOTE, "outcome": ["a"]}],
            'line 1, outcome: ["a"] is not one of a, b, tie, both_bad',
        ),
        (
            [{**VOTE, "candidate_b": "x"}],
            'line 1, candidate_b: "x" is not another candidate than candidate_a',
        ),
        ([{**VOTE, "side_a": "top"}], 'line 1, side_a: "top" is not one of left, right'),
        (
            [{**VOTE, "annotator_kind": "robot"}],
            'line 1, annotator_kind: "robot" is not one of person, judge, simulated',
        ),
        (
            [{**VOTE, "created_at": "2024-01-31T09:00:00"}],
            f'line 1, created_at: "2024-01-31T09:00:00" is not {MOMENT}',
        ),
        ([{**VOTE, "created_at": "today"}], f'line 1, created_at: "today" is not {MOMENT}'),
        (
            [{**VOTE, "created_at": "0001-01-01T00:00:00+09:00"}],
            f'line 1, created_at: "0001-01-01T00:00:00+09:00" is not {MOMENT}',
        ),
        (
            [{**without(VOTE, "outcome"), "outcom": "a"}],
            "line 1, outcom: unknown column; expected outcome",
        ),
        ([{**VOTE, "degree": "very"}], 'line 1, degree: "very" is not one of clearly, slightly'),
        ([{**VOTE, "degree": False}], "line 1, degree: false is not one of clearly, slightly"),
        (
            [{**VOTE, "degree": "clearly", "outcome": "tie"}],
            "line 1, degree: given beside the outcome tie; expected it only where a or b is the"
            " better one",
        ),
        (
            [{**VOTE, "reasons_a": "repetition"}],
            'line 1, reasons_a: "repetition" is not a list of tags',
        ),
        (
            [{**VOTE, "reasons_a": ["unsafe", "made up"]}],
            'line 1, reasons_a[1]: "made up" is not a tag: 1 to 50 of the characters a-z, A-Z,'
            " 0-9, - and _",
        ),
        (
            [{**VOTE, "reasons_b": ["x" * 51]}],
            f'line 1, reasons_b[0]: "{"x" * 51}" is not a tag: 1 to 50 of the characters a-z, A-Z,'
            " 0-9, - and _",
        ),
        (
            [{**VOTE, "reasons_b": ["unsafe", "unsafe"]}],
            "line 1, reasons_b: a tag given twice; expected each tag once",
        ),
        (
            [{**VOTE, "reasons": ["unsafe"]}],
            "line 1, reasons: unknown column; expected reasons_a",
        ),
        ([{**VOTE, "comment": ["hm"]}], 'line 1, comment: ["hm"] is not a string'),
        ([{**VOTE, "marks": "b 0-3"}], 'line 1, marks: "b 0-3" is not a list of objects'),
        ([{**VOTE, "marks": [7]}], "line 1, marks[0]: 7 is not an object"),
        (
            [{**VOTE, "marks": [MARK, {**MARK, "which": "left"}]}],
            'line 1, marks[1].which: "left" is not one of a, b',
        ),
        (
            [{**VOTE, "marks": [{**MARK, "turn": 0}]}],
            "line 1, marks[0].turn: 0 is not a whole number from 1 to 32767",
        ),
        (
            [{**VOTE, "marks": [{**MARK, "start": 3}]}],
            "line 1, marks[0].end: 3 is not a whole number from 4 to 2147483647",
        ),
        (
            [{**VOTE, "marks": [without(MARK, "tag")]}],
            "line 1, marks[0].tag: missing; expected one of wrong_language, wrong_fact, unnatural",
        ),
        (
            [{**VOTE, "marks": [MARK, MARK]}],
            "line 1, marks: a passage given twice; expected each mark once",
        ),
        (
            [{**VOTE, "id": "v1"}, {**VOTE, "id": "v1", "prompt": "p2"}],
            'line 2, id: vote "v1" of "mika" again; expected each once; line 1 has it already',
        ),
        (
            [VOTE, {**VOTE, "candidate_a": "y", "candidate_b": "x"}],
            'line 2, annotator: "mika" without id on the same two completions again; expected'
            " each once; line 1 has it already",
        ),
    ],
)
def test_vote_that_is_wrong_is_refused(
    write_file: WriteFile, rows: list[object], message: str
) -> None:
    assert error_of("votes", write_file("v.jsonl", *rows)) == f"v.jsonl, {message}"


HEADER = "prompt,candidate_a,candidate_b,outcome,annotator"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            ["prompt,candidate_a,candidate_b,outcome"],
            ", line 1, annotator: missing; expected a column of this name in the header",
        ),
        ([f"{HEADER},side"], ", line 1, side: unknown column; expected side_a"),
        ([f"{HEADER},prompt"], ", line 1, prompt: given twice; expected each column once"),
        (
            [f"{HEADER},reasons_a", "p,x,y,a,m,repetition"],
            ', line 2, reasons_a: "repetition" is not a list of tags',
        ),
        (
            [f"{HEADER},marks", 'p,x,y,a,m,"[{""which"": ""a""}"'],
            ', line 2, marks: "[{\\"which\\": \\"a\\"}" is not a list of objects',
        ),
        ([HEADER], ", line 1: no row below the header; expected at least one row"),
        ([], ": an empty file; expected a header and at least one row"),
        ([HEADER, "p,x,y,a"], ", line 2: 4 cells; expected 5, as in the header"),
        ([HEADER, "p,x,y,,m"], ", line 2, outcome: missing; expected one of a, b, tie, both_bad"),
        (
            [f"{HEADER},turn", "p,x,y,a,m,one"],
            ', line 2, turn: "one" is not a whole number from 0 to 32767',
        ),
        (
            [HEADER, 'p,x,y,a,"m', "p,x,y,b,n"],
            ", line 2: invalid CSV (unexpected end of data); expected cells separated by commas,"
            " quotes doubled",
        ),
        (
            [HEADER, 'p,x,y,a,"m"n'],
            """, line 2: invalid CSV (',' expected after '"'); expected cells separated by"""
            " commas, quotes doubled",
        ),
        ([HEADER, 'p,x,y,a,"m\nn"'], f', line 2, annotator: "m\\nn" is not {NAME}'),
    ],
)
def test_csv_that_is_wrong_is_refused(
    write_file: WriteFile, rows: list[object], message: str
) -> None:
    assert error_of("votes", write_file("v.csv", *rows), "csv") == f"v.csv{message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": an empty file; expected at least one row"),
        (b"\n \n", ": an empty file; expected at least one row"),
        (b"[]\n", ", line 1: [] is not a JSON object"),
        (b"3\n", ", line 1: 3 is not a JSON object"),
        (
            b'\n{"key": "p1" "prompt": 1}\n',
            ", line 2: invalid JSON (Expecting ',' delimiter at column 14); expected one JSON"
            " object a line",
        ),
        (
            b'{"key": NaN}\n',
            ", line 1: invalid JSON (NaN is not a JSON number); expected one JSON object a line",
        ),
        (
            b'{"key": "p1", "key": "p2"}\n',
            ', line 1: invalid JSON ("key" is given twice); expected one JSON object a line',
        ),
        (
            b'{"key": ' + b"[" * 100_000,
            ", line 1: invalid JSON (nested too deeply); expected one JSON object a line",
        ),
        (
            b'{"key": "p1", "prompt": "Hi"}\n{"key": "\xff"}\n',
            ", line 2: invalid UTF-8 (byte 0xff); expected text in UTF-8",
        ),
    ],
)
def test_file_that_is_no_jsonl_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(content)
    assert error_of("prompts", path) == f"p.jsonl{message}"


def test_number_with_too_many_digits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"key": ' + "9" * 5000 + "}")
    assert "p.jsonl, line 1: invalid JSON (Exceeds the limit" in error_of("prompts", path)


def test_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    message = error_of("prompts", tmp_path / "none.jsonl")
    assert message == "none.jsonl: no such file; expected a file to read"


def test_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    assert error_of("prompts", folder) == "folder: a folder; expected a file"


def test_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ("long" * 100)
    message = error_of("prompts", path)
    assert message.endswith(": unreadable (File name too long); expected a file that may be read")


def test_packed_file_that_is_not_packed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl.gz"
    path.write_text('{"key": "p1", "prompt": "Hi"}')
    message = error_of("prompts", path)
    assert message == (
        "p.jsonl.gz: broken (Not a gzipped file (b'{\"')); expected a whole .gz file"
    )


@pytest.mark.parametrize(
    "damage",
    [lambda packed: packed[:-20], lambda packed: packed[:200] + b"\0" * 9 + packed[209:]],
    ids=["cut", "overwritten"],
)
def test_packed_file_that_is_damaged_is_refused(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "p.jsonl.gz"
    noise = random.Random(1).randbytes(2_000).hex()
    packed = gzip.compress(f'{{"key": "p1", "prompt": "{noise}"}}\n'.encode())
    path.write_bytes(damage(packed))
    message = error_of("prompts", path)
    assert re.fullmatch(r"p\.jsonl\.gz: broken \(.+\); expected a whole \.gz file", message)


def test_line_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl.gz"
    path.write_bytes(
        gzip.compress(random.Random(0).randbytes(MAX_ROW_BYTES // 8).hex().encode() * 4 + b" ")
    )
    message = error_of("prompts", path)
    assert message == "p.jsonl.gz, line 1: longer than 16 MiB; expected one row a line"


@pytest.mark.parametrize("kind", ["prompts", "completions", "votes"])
def test_format_that_is_unknown_is_refused_before_reading(tmp_path: Path, kind: str) -> None:
    with pytest.raises(FormatError, match=r'p\.xml, format: "xml" is not one of jsonl, '):
        READ[kind](tmp_path / "p.xml", format="xml")


def test_error_carries_its_parts_and_survives_pickling() -> None:
    error = FormatError("v.jsonl", 7, "outcome", "left", "one of a, b")
    again = pickle.loads(pickle.dumps(error))
    assert (again.path, again.line, again.field, again.value, again.expected) == error.args
    assert str(again) == 'v.jsonl, line 7, outcome: "left" is not one of a, b'


def test_error_is_one_line_that_any_terminal_can_show() -> None:
    error = FormatError("a\nb\udcff.jsonl", 1, "", "\ud800", "right")
    assert str(error).encode("utf-8") == b'a b\\udcff.jsonl, line 1: "\\ud800" is not right'
