"""Kurabe's own forms, row for row."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

from annotate.formats import (
    CandidateRow,
    CompletionRow,
    Location,
    MarkRow,
    PromptRow,
    VoteRow,
    read_completions,
    read_prompts,
    read_votes,
)
from tests.formats.conftest import WriteFile

VOTE = {
    "prompt": "p1",
    "candidate_a": "tiny temp 0.1",
    "candidate_b": "tiny temp 1.0",
    "outcome": "both_bad",
    "annotator": "mika",
}


def test_prompt_is_read_with_every_column(write_file: WriteFile) -> None:
    path = write_file(
        "prompts.jsonl",
        {
            "key": "p1",
            "turns": [" こんにちは。", "続けて。"],
            "system": "短く。",
            "language": "ja-JP",
            "category": "chat",
            "is_held_out": True,
            "references": ["こんにちは。"],
        },
    )
    (prompt,) = read_prompts(path, format="jsonl")
    assert prompt == PromptRow(
        key="p1",
        turns=(" こんにちは。", "続けて。"),
        language="ja",
        system="短く。",
        category="chat",
        is_held_out=True,
        references=("こんにちは。", ""),
        location=Location(str(path), 1),
    )
    assert prompt.location == (str(path), 1)


def test_prompt_needs_no_more_than_key_and_text(write_file: WriteFile) -> None:
    path = write_file("p.jsonl", {"key": "a", "prompt": "Hi"}, {"key": "b", "prompt": "日本"})
    location = Location(str(path), 1)
    assert list(read_prompts(path, format="jsonl")) == [
        PromptRow(key="a", turns=("Hi",), language="en", location=location),
        PromptRow(key="b", turns=("日本",), language="ja", location=location),
    ]


def test_null_means_not_given(write_file: WriteFile) -> None:
    path = write_file(
        "p.jsonl", {"key": "a", "prompt": "Hi", "turns": None, "system": None, "language": None}
    )
    (prompt,) = read_prompts(path, format="jsonl")
    assert prompt.system == ""
    assert prompt.language == "en"


def test_completion_is_read_with_every_column(write_file: WriteFile) -> None:
    path = write_file(
        "completions.jsonl",
        {
            "prompt": "p1",
            "candidate": "tiny temp 0.1",
            "sample": 3,
            "replies": ["", " two "],
            "model": "org/tiny",
            "revision": "abc",
            "prompt_format": "chatml",
            "sampling": {"temperature": 0.1, "stop": ["\n"]},
            "licence": "Apache-2.0",
            "finish_reason": "length",
            "seed": -(2**63),
            "prompt_tokens": 10,
            "completion_tokens": 0,
        },
    )
    location = Location(str(path), 1)
    assert list(read_completions([path], format="jsonl")) == [
        CompletionRow(
            prompt="p1",
            candidate=CandidateRow(
                name="tiny temp 0.1",
                model="org/tiny",
                revision="abc",
                prompt_format="chatml",
                sampling={"temperature": 0.1, "stop": ["\n"]},
                licence="Apache-2.0",
                origin="imported",
                location=location,
            ),
            sample=3,
            replies=("", " two "),
            finish_reason="length",
            seed=-(2**63),
            prompt_tokens=10,
            completion_tokens=0,
            location=location,
        )
    ]


def test_completion_brings_its_prompt_along_once_and_first(write_file: WriteFile) -> None:
    about = {"prompt": "p1", "turns": ["Hi"], "system": "S", "category": "c", "is_held_out": True}
    path = write_file(
        "c.jsonl",
        {"candidate": "x", "reply": "1", **about},
        {"candidate": "y", "reply": "2", "prompt": "p1"},
        {"candidate": "z", "reply": "3", **about},
    )
    prompt, *completions = read_completions([path], format="jsonl")
    assert prompt == PromptRow(
        key="p1",
        turns=("Hi",),
        language="en",
        system="S",
        category="c",
        is_held_out=True,
        location=Location(str(path), 1),
    )
    assert [type(row) for row in completions] == [CompletionRow] * 3


def test_candidate_is_described_on_its_first_row(write_file: WriteFile) -> None:
    path = write_file(
        "c.jsonl",
        {"prompt": "p", "candidate": "x", "reply": "1", "model": "m", "sampling": {"top_p": 1}},
        {"prompt": "p", "candidate": "x", "reply": "2", "sample": 1},
    )
    first, second = read_completions([path], format="jsonl")
    assert isinstance(first, CompletionRow)
    assert isinstance(second, CompletionRow)
    assert second.candidate is first.candidate


def test_completions_of_several_files_are_one_reading(write_file: WriteFile) -> None:
    row = {"prompt": "p", "candidate": "x", "turns": ["Hi"], "reply": "1"}
    paths = [write_file("1.jsonl", row), write_file("2.jsonl", {**row, "sample": 1})]
    rows = list(read_completions(paths, format="jsonl"))
    assert [type(row) for row in rows] == [PromptRow, CompletionRow, CompletionRow]
    assert [row.location.path for row in rows] == [str(paths[0]), str(paths[0]), str(paths[1])]


def test_vote_is_read_with_every_column(write_file: WriteFile) -> None:
    path = write_file(
        "votes.jsonl",
        {
            **VOTE,
            "sample_a": 1,
            "sample_b": 2,
            "annotator_kind": "judge",
            "side_a": "right",
            "turn": 2,
            "created_at": "2024-01-31T09:00:00+09:00",
            "id": "v1",
            "outcome": "b",
            "degree": "slightly",
            "reasons_a": ["made-up-facts", "Refuses_2"],
            "reasons_b": ["more-helpful"],
            "comment": " Two\nlines. ",
            "marks": [
                {"which": "b", "turn": 1, "start": 0, "end": 3, "tag": "unnatural"},
                {"which": "a", "turn": 2, "start": 7, "end": 9, "tag": "wrong_fact"},
            ],
        },
    )
    assert list(read_votes(path, format="jsonl")) == [
        VoteRow(
            prompt="p1",
            candidate_a="tiny temp 0.1",
            candidate_b="tiny temp 1.0",
            outcome="b",
            annotator="mika",
            sample_a=1,
            sample_b=2,
            annotator_kind="judge",
            side_a="right",
            turn=2,
            created_at=datetime(2024, 1, 31, tzinfo=UTC),
            id="v1",
            degree="slightly",
            reasons_a=("made-up-facts", "Refuses_2"),
            reasons_b=("more-helpful",),
            comment=" Two\nlines. ",
            marks=(MarkRow("a", 2, 7, 9, "wrong_fact"), MarkRow("b", 1, 0, 3, "unnatural")),
            location=Location(str(path), 1),
        )
    ]


def test_vote_needs_five_columns(write_file: WriteFile) -> None:
    path = write_file("votes.jsonl", VOTE)
    (vote,) = read_votes(path, format="jsonl")
    assert vote == VoteRow(
        prompt="p1",
        candidate_a="tiny temp 0.1",
        candidate_b="tiny temp 1.0",
        outcome="both_bad",
        annotator="mika",
        sample_a=0,
        sample_b=0,
        annotator_kind="person",
        side_a=None,
        turn=0,
        created_at=None,
        id=None,
        degree="",
        reasons_a=(),
        reasons_b=(),
        comment="",
        marks=(),
        location=Location(str(path), 1),
    )


def test_vote_csv_gives_the_same_rows_as_jsonl(write_file: WriteFile) -> None:
    as_json = write_file("v.jsonl", {**VOTE, "side_a": "left", "turn": 1, "id": "v,1"}, VOTE)
    as_csv = write_file(
        "v.csv",
        "annotator,outcome,candidate_b,candidate_a,prompt,turn,side_a,id",
        'mika,both_bad,tiny temp 1.0,tiny temp 0.1,p1,1,left,"v,1"',
        "mika,both_bad,tiny temp 1.0,tiny temp 0.1,p1,,,",
    )
    assert list(read_votes(as_csv, format="csv")) == list(read_votes(as_json, format="jsonl"))


def test_vote_csv_has_lists_as_json(write_file: WriteFile) -> None:
    mark = {"which": "a", "turn": 1, "start": 0, "end": 3, "tag": "unnatural"}
    as_json = write_file(
        "v.jsonl", {**VOTE, "reasons_a": ["repetition"], "comment": '["hm"]', "marks": [mark]}
    )
    as_csv = write_file(
        "v.csv",
        "annotator,outcome,candidate_b,candidate_a,prompt,reasons_a,reasons_b,comment,marks",
        'mika,both_bad,tiny temp 1.0,tiny temp 0.1,p1,"[""repetition""]",[],"[""hm""]",'
        '"[{""which"":""a"",""turn"":1,""start"":0,""end"":3,""tag"":""unnatural""}]"',
    )
    (vote,) = read_votes(as_csv, format="csv")
    assert [vote] == list(read_votes(as_json, format="jsonl"))
    assert vote.reasons_b == ()


def test_vote_csv_counts_lines_within_quotes(write_file: WriteFile) -> None:
    path = write_file(
        "v.csv",
        "prompt,candidate_a,candidate_b,outcome,annotator,comment",
        'p1,x,y,a,mika,"one\r\ntwo\nthree"',
        "",
        "p1,x,y,b,ken,",
    )
    votes = list(read_votes(path, format="csv"))
    assert [vote.location.line for vote in votes] == [2, 6]


def test_unknown_column_is_passed_over(write_file: WriteFile) -> None:
    path = write_file("v.jsonl", {**VOTE, "note": "hm", "prompt_id": 7})
    assert len(list(read_votes(path, format="jsonl"))) == 1


def test_packed_file_with_byte_order_mark_and_windows_lines_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl.gz"
    text = '\ufeff{"key": "a", "prompt": "Hi"}\r\n\r\n{"key": "b", "prompt": "Ho"}'
    path.write_bytes(gzip.compress(text.encode()))
    prompts = list(read_prompts(path, format="jsonl"))
    assert [(prompt.key, prompt.location.line) for prompt in prompts] == [("a", 1), ("b", 3)]


def test_reading_goes_on_row_by_row(write_file: WriteFile) -> None:
    """The first row is given before the second, which is broken, is looked at."""
    path = write_file("p.jsonl", {"key": "a", "prompt": "Hi"}, "{")
    assert next(read_prompts(path, format="jsonl")).key == "a"


def test_vote_is_known_by_its_id_or_by_what_it_is_about(write_file: WriteFile) -> None:
    swapped = {**VOTE, "candidate_a": VOTE["candidate_b"], "candidate_b": VOTE["candidate_a"]}
    path = write_file(
        "v.jsonl",
        VOTE,
        {**swapped, "annotator": "ken", "outcome": "a"},
        {**VOTE, "annotator": "ken", "turn": 1},
        {**VOTE, "annotator": "ken", "sample_b": 1},
        {**VOTE, "id": "v1"},
        {**VOTE, "id": "v1", "turn": 1},
        {**VOTE, "id": "v1", "turn": 2},
    )
    votes = list(read_votes(path, format="jsonl"))
    identities = [vote.identity for vote in votes]
    assert identities[0] == identities[1]
    assert len(set(identities)) == 6
    assert identities[4] == "v1"
