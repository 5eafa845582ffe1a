"""Kurabe's own columns in CSV and Parquet."""

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from annotate.formats import (
    Faults,
    FormatError,
    completion_columns,
    guess_format,
    prompt_columns,
    read_completions,
    read_prompts,
    read_votes,
    vote_columns,
)
from tests.formats.conftest import WriteFile
from tests.formats.test_round_trip import completions, new_file, prompts, votes, written_to_disk

PROMPTS: list[dict[str, Any]] = [
    {"key": "tea", "turns": ["お茶とは?", "もっと短く。"], "language": "ja", "is_held_out": True},
    {"key": "7", "turns": ["[not, JSON"], "category": "1", "references": ["ref"]},
]
COMPLETIONS: list[dict[str, Any]] = [
    {
        "prompt": "tea",
        "candidate": "base",
        "sample": 1,
        "replies": ['a, "b"\n', ""],
        "sampling": {"temperature": 0.7, "stop": ["\n"]},
        "seed": -5,
    },
    {"prompt": "tea", "candidate": "tuned", "replies": ["1", "true"], "completion_tokens": 3},
]
VOTES: list[dict[str, Any]] = [
    {
        "prompt": "tea",
        "candidate_a": "base",
        "sample_a": 1,
        "candidate_b": "tuned",
        "outcome": "a",
        "annotator": "ken",
        "turn": 2,
        "created_at": "2024-01-31T09:00:00+09:00",
        "reasons_a": ["more-correct"],
        "marks": [{"which": "b", "turn": 1, "start": 0, "end": 1, "tag": "unnatural"}],
    },
    {
        "prompt": "tea",
        "candidate_a": "base",
        "candidate_b": "tuned",
        "outcome": "tie",
        "annotator": "7",
    },
]


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write what a researcher's script would: lists as JSON, nothing for what is not given."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        for row in rows:
            cells = {
                column: value if isinstance(value, str) else json.dumps(value)
                for column, value in row.items()
                if value is not None
            }
            writer.writerow(cells)
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = pa.table({column: [row.get(column) for row in rows] for column in columns})
    pq.write_table(table, path)
    return path


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


Read = Callable[[Path, str], Iterable[object]]
KINDS: list[tuple[str, list[dict[str, Any]], Read]] = [
    ("prompts", PROMPTS, lambda path, format: read_prompts(path, format=format)),
    ("completions", COMPLETIONS, lambda path, format: read_completions([path], format=format)),
    ("votes", VOTES, lambda path, format: read_votes(path, format=format)),
]


@pytest.mark.parametrize(("kind", "rows", "read"), KINDS, ids=[kind for kind, _, _ in KINDS])
def test_tables_hold_what_lines_do(
    tmp_path: Path, kind: Any, rows: list[dict[str, Any]], read: Read
) -> None:
    lines = write_jsonl(tmp_path / "x.jsonl", rows)
    expected = list(read(lines, "jsonl"))
    for path, format in (
        (write_csv(tmp_path / "x.csv", rows), "csv"),
        (write_parquet(tmp_path / "named-anyhow", rows), "parquet"),
    ):
        assert guess_format(path, kind) == format
        assert list(read(path, format)) == expected


@written_to_disk
@given(prompts)
def test_any_prompt_comes_back_from_csv(row: Any) -> None:
    with new_file("x.csv") as path:
        write_csv(path, [prompt_columns(row)])
        assert list(read_prompts(path, format="csv")) == [row]


@written_to_disk
@given(completions)
def test_any_completion_comes_back_from_csv(row: Any) -> None:
    with new_file("x.csv") as path:
        write_csv(path, [completion_columns(row)])
        assert list(read_completions([path], format="csv")) == [row]


@written_to_disk
@given(votes)
def test_any_vote_comes_back_from_parquet(row: Any) -> None:
    with new_file("x.parquet") as path:
        write_parquet(path, [vote_columns(row)])
        assert list(read_votes(path, format="parquet")) == [row]


def test_parquet_types_of_other_writers_are_read(tmp_path: Path) -> None:
    """Numbers with gaps are floats to pandas; JSON and times may be texts or have their types."""
    table = pa.table(
        {
            "prompt": ["p", "p"],
            "candidate": ["x", "y"],
            "reply": ["a", "b"],
            "seed": pa.array([7.0, None], pa.float64()),
            "sampling": pa.array([{"temperature": 0.5, "top_p": None}, {"temperature": None}]),
            "turns": ['["Hi"]', None],
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    prompt, first, second = read_completions([tmp_path / "x.parquet"], format="parquet")
    assert prompt.turns == ("Hi",)  # type: ignore[union-attr]
    assert (first.seed, second.seed) == (7, None)  # type: ignore[union-attr]
    assert first.candidate.sampling == {"temperature": 0.5}  # type: ignore[union-attr]
    assert second.candidate.sampling == {}  # type: ignore[union-attr]

    moment = pa.array([1706659200], pa.timestamp("s", tz="Asia/Tokyo"))
    columns = {name: [value] for name, value in VOTES[1].items()}
    pq.write_table(pa.table({**columns, "created_at": moment}), tmp_path / "v.parquet")
    (vote,) = read_votes(tmp_path / "v.parquet", format="parquet")
    assert str(vote.created_at) == "2024-01-31 00:00:00+00:00"


def test_faults_of_a_parquet_file_name_its_rows(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "x.parquet",
        [{**VOTES[1], "outcome": "left"}, {**VOTES[1], "turn": -1}, VOTES[1], VOTES[1]],
    )
    faults = Faults()
    rows = read_votes(path, format="parquet", faults=faults)
    assert [str(row.location) for row in rows] == [f"{path}, row 3"]
    assert [str(fault).removeprefix(f"{path}, ") for fault in faults.kept] == [
        'row 1, outcome: "left" is not one of a, b, tie, both_bad',
        "row 2, turn: -1 is not a whole number from 0 to 32767",
        'row 4, annotator: "7" without id on the same two completions again; expected each once;'
        " row 3 has it already",
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"key": "p"}], ", row 1, prompt: missing; expected a string, or a list of strings in"),
        ([{"key": "p", "promt": "Hi"}], ", promt: unknown column; expected prompt"),
        ([{"id": "p", "prompt": "Hi"}], ", key: missing; expected a column of this name in the"),
        ([{"key": "p", "prompt": b"Hi"}], ", row 1, prompt: b'Hi' is not a string"),
    ],
)
def test_parquet_that_is_wrong_is_refused(
    tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    path = write_parquet(tmp_path / "x.parquet", rows)
    with pytest.raises(FormatError) as caught:
        list(read_prompts(path, format="parquet"))
    assert str(caught.value).startswith(f"{path}{message}")


def test_parquet_that_is_empty_or_broken_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"key": pa.array([], pa.string())}), path)
    with pytest.raises(FormatError, match="an empty table; expected at least one row"):
        list(read_prompts(path, format="parquet"))
    path.write_bytes(b"PAR1 and no more")
    for read in (
        lambda: read_prompts(path, format="parquet"),
        lambda: [guess_format(path, "votes")],
    ):
        with pytest.raises(FormatError, match=r"broken \(.*\); expected a whole Parquet file"):
            list(read())


def test_cell_of_csv_may_be_as_long_as_a_row(write_file: WriteFile) -> None:
    long = "x" * 300_000
    path = write_file("x.csv", "prompt,candidate,reply", f"p,c,{long}")
    (row,) = read_completions([path], format="csv")
    assert row.replies == (long,)  # type: ignore[union-attr]
