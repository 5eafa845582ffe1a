"""Files that are whole or not there."""

import csv
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from annotate.formats import FILE_ENDINGS, FormatError, write_files, write_jsonl, write_rows
from annotate.formats.parquet import FIRST_GROUP_ROWS, ROW_GROUP_BYTES, ROW_GROUP_ROWS
from annotate.formats.writers import BATCH_ROWS

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
SCHEMA = pa.schema(
    [pa.field("prompt", MESSAGES, nullable=False), ("margin", pa.int64()), ("side", pa.string())]
)


def preference(number: int) -> dict[str, object]:
    message = {"role": "user", "content": f"こんにちは {number}"}
    return {"prompt": [message], "margin": number, "side": None if number % 2 else "left"}


def test_jsonl_is_written_as_it_is_documented(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    written = write_rows(path, [{"b": "日本\u2028\n", "a": None}, {"c": [1, 0.5, True]}])
    content = '{"b":"日本\u2028\\n","a":null}\n{"c":[1,0.5,true]}\n'.encode()
    assert path.read_bytes() == content
    assert written.path == path
    assert written.n_rows == 2
    assert written.n_bytes == len(content)
    assert written.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("ending", FILE_ENDINGS)
def test_same_rows_give_the_same_bytes(tmp_path: Path, ending: str) -> None:
    rows = [preference(number) for number in range(ROW_GROUP_ROWS + 5)]
    first = write_rows(tmp_path / f"1{ending}", rows, schema=SCHEMA)
    second = write_rows(tmp_path / f"2{ending}", iter(rows), schema=SCHEMA)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256


def test_parquet_holds_the_rows_in_groups(tmp_path: Path) -> None:
    """A column that is null throughout the first group keeps its type."""
    n_rows = 2 * ROW_GROUP_ROWS + 1
    rows = [
        {**preference(number), "side": "left" if number >= ROW_GROUP_ROWS else None}
        for number in range(n_rows)
    ]
    written = write_rows(tmp_path / "x.parquet", iter(rows), schema=SCHEMA)
    file = pq.ParquetFile(written.path)
    groups = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    rest = n_rows - FIRST_GROUP_ROWS - ROW_GROUP_ROWS
    assert groups == [FIRST_GROUP_ROWS, ROW_GROUP_ROWS, rest]
    assert file.schema_arrow == SCHEMA
    assert file.read().to_pylist() == rows
    assert written.n_rows == n_rows
    assert written.n_bytes == written.path.stat().st_size
    assert written.sha256 == hashlib.sha256(written.path.read_bytes()).hexdigest()


@pytest.mark.parametrize("ending", FILE_ENDINGS)
def test_no_rows_give_a_file_without_rows(tmp_path: Path, ending: str) -> None:
    written = write_rows(tmp_path / f"x{ending}", [], schema=SCHEMA)
    assert written.n_rows == 0
    if ending == ".csv":
        assert written.path.read_bytes() == b"prompt,margin,side\n"
    if ending == ".parquet":
        assert pq.read_schema(written.path) == SCHEMA


@pytest.mark.parametrize("ending", FILE_ENDINGS)
def test_file_that_fails_half_way_leaves_the_earlier_one(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    path.write_text("earlier")

    def failing() -> Iterator[dict[str, object]]:
        for number in range(ROW_GROUP_ROWS + 1):
            yield preference(number)
        raise ConnectionError("the database went away")

    with pytest.raises(ConnectionError):
        write_rows(path, failing(), schema=SCHEMA)
    assert path.read_text() == "earlier"
    assert os.listdir(tmp_path) == [path.name]


def test_nothing_is_seen_before_the_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    seen: list[bool] = []

    def watching() -> Iterator[dict[str, object]]:
        for number in range(3):
            seen.append(path.exists())
            yield preference(number)

    write_rows(path, watching())
    assert seen == [False, False, False]
    assert os.listdir(tmp_path) == ["x.jsonl"]


def test_file_may_be_read_as_the_mask_of_the_process_says(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        written = write_rows(tmp_path / "x.jsonl", [{"a": 1}])
    finally:
        os.umask(mask)
    assert stat.S_IMODE(written.path.stat().st_mode) == 0o640


def test_path_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_rows("x.jsonl", [{"a": 1}]).path == Path("x.jsonl")
    assert json.loads((tmp_path / "x.jsonl").read_text()) == {"a": 1}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.txt", 'x.txt, ending: ".txt" is not one of .jsonl, .parquet, .csv'),
        ("x", 'x, ending: "" is not one of .jsonl, .parquet, .csv'),
        ("x.csv", "x.csv, schema: missing; expected the columns of a CSV file"),
        ("x.parquet", "x.parquet, schema: missing; expected the columns of a Parquet file"),
        (
            "none/x.jsonl",
            "none/x.jsonl: no file can be made in {folder}/none (No such file or directory);"
            " expected a folder that can be written to",
        ),
        ("folder.jsonl", "folder.jsonl: a folder; expected the name of a file"),
    ],
)
def test_path_that_cannot_be_written_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(FormatError) as caught:
        write_rows(tmp_path / name, [])
    assert str(caught.value) == f"{tmp_path}/{message.format(folder=tmp_path)}"
    assert os.listdir(tmp_path) == ["folder.jsonl"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"a": float("nan")}, "a number that is not finite"),
        ({"a": [{"b": [0.5, float("-inf")]}]}, "a number that is not finite"),
        ({"a": object()}, "Unable to serialize unknown type: <class 'object'>"),
        ({"a": "\ud800"}, "Error serializing to JSON: UnicodeEncodeError: 'utf-8' codec"),
    ],
)
def test_row_that_json_cannot_hold_is_refused(
    tmp_path: Path, row: dict[str, object], message: str
) -> None:
    with pytest.raises(FormatError) as caught:
        write_rows(tmp_path / "x.jsonl", [{"a": 1}, row])
    start = f"{tmp_path}/x.jsonl, line 2: a row that cannot be written ({message}"
    assert str(caught.value).startswith(start)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"margin": 1, "side": None}, "line 2, prompt: missing; expected a value in every row"),
        ({**preference(1), "prompt": None}, "line 2, prompt: missing; expected a value in every"),
        ({**preference(1), "x": 1}, "line 2, x: no column of the schema; expected none such"),
        ({**preference(1), "margin": "many"}, "line 2, margin: a value that does not fit ("),
        ({**preference(1), "margin": 2**70}, "line 2, margin: a value that does not fit ("),
        ({**preference(1), "side": "\ud800"}, "line 2, side: a value that does not fit ("),
    ],
)
def test_row_that_the_schema_does_not_hold_is_refused(
    tmp_path: Path, row: dict[str, object], message: str
) -> None:
    with pytest.raises(FormatError) as caught:
        write_rows(tmp_path / "x.parquet", [preference(0), row], schema=SCHEMA)
    assert str(caught.value).startswith(f"{tmp_path}/x.parquet, {message}")
    assert os.listdir(tmp_path) == []


def test_csv_has_lists_as_json_and_no_formulas(tmp_path: Path) -> None:
    schema = pa.schema([(name, pa.string()) for name in ("text", "lists", "number", "flag")])
    rows = [
        {"text": "=1+1", "lists": [{"a": "b,\n"}], "number": -1, "flag": True},
        {"text": ' \t@x"', "lists": [], "number": 0.5, "flag": None},
        {"text": "犬 = いぬ", "lists": None, "number": None, "flag": False},
    ]
    path = write_rows(tmp_path / "x.csv", rows, schema=schema).path
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["text", "lists", "number", "flag"],
            ["'=1+1", '[{"a":"b,\\n"}]', "-1", "true"],
            ["' \t@x\"", "[]", "0.5", ""],
            ["犬 = いぬ", "", "", "false"],
        ]


def test_csv_of_a_row_without_a_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="line 2, side: missing; expected a value in every row"):
        write_rows(tmp_path / "x.csv", [preference(0), {"prompt": [], "margin": 1}], schema=SCHEMA)


def test_several_files_are_written_at_once_as_each_by_itself(tmp_path: Path) -> None:
    rows = [preference(number) for number in range(BATCH_ROWS + 1)]
    together = [tmp_path / f"together{ending}" for ending in FILE_ENDINGS]
    written = write_files(together, iter(rows), schema=SCHEMA)
    for each, ending in zip(written, FILE_ENDINGS, strict=True):
        alone = write_rows(tmp_path / f"alone{ending}", iter(rows), schema=SCHEMA)
        assert (each.sha256, each.n_bytes) == (alone.sha256, alone.n_bytes)
        assert each.n_rows == len(rows)
        assert each.path.read_bytes() == alone.path.read_bytes()


def test_row_that_one_of_several_files_cannot_hold_leaves_none(tmp_path: Path) -> None:
    rows = [preference(0), {**preference(1), "margin": 2**70}]
    with pytest.raises(FormatError, match="line 2, margin"):
        write_files([tmp_path / "x.jsonl", tmp_path / "x.parquet"], rows, schema=SCHEMA)
    assert os.listdir(tmp_path) == []


def test_parquet_of_long_texts_has_smaller_groups(tmp_path: Path) -> None:
    text = "x" * (ROW_GROUP_BYTES // BATCH_ROWS + 1)
    rows = ({"text": text} for _ in range(2 * BATCH_ROWS + 1))
    path = write_rows(tmp_path / "x.parquet", rows, schema=pa.schema([("text", pa.string())])).path
    file = pq.ParquetFile(path)
    groups = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    assert groups == [BATCH_ROWS, BATCH_ROWS, 1]


def test_stream_of_jsonl_is_the_file_in_pieces_of_whole_lines(tmp_path: Path) -> None:
    rows = [preference(number) for number in range(2_000)]
    pieces = list(write_jsonl(iter(rows), batch_bytes=10_000))
    written = write_rows(tmp_path / "x.jsonl", rows)
    assert b"".join(pieces) == written.path.read_bytes()
    assert pieces[0].count(b"\n") == 1
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert all(10_000 <= len(piece) < 10_500 for piece in pieces[1:-1])
    assert list(write_jsonl([])) == []
