"""Files that are one JSON array."""

import json
import tracemalloc
from pathlib import Path

import pytest

from annotate.formats import FormatError
from annotate.formats.jsontext import read_json_array
from annotate.formats.lines import MAX_ROW_BYTES


def test_objects_come_with_the_lines_they_begin_on(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf\n [\n{"a":\n1}\n,\n\n{"b": [{}]} ]\n \n')
    rows = list(read_json_array(str(path)))
    assert [(row.location.line, row.cells) for row in rows] == [(3, {"a": 1}), (7, {"b": [{}]})]


@pytest.mark.parametrize("indent", [None, 1])
def test_objects_across_the_bounds_of_what_is_read_at_once_are_whole(
    tmp_path: Path, indent: int | None
) -> None:
    """Lengths around powers of two put every kind of character on a bound."""
    sizes = [1, 65_000, 65_536, 5, 131_072, 262_143, 300]
    rows = [{"text": "あ\n\\" * (size // 3), "n": size} for size in sizes] * 3
    path = tmp_path / "a.json"
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=indent), encoding="utf-8")
    assert [row.cells for row in read_json_array(str(path))] == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b" \n", ": an empty file; expected at least one row"),
        (b"{}", ', line 1: invalid JSON (found "{}"); expected a JSON array'),
        (b"\n[ ]", ", line 2: an empty array; expected at least one row"),
        (b"[1]", ', line 1: invalid JSON (found "1]"); expected a JSON object'),
        (b"[{},\n]", ', line 2: invalid JSON (found "]"); expected a JSON object'),
        (
            b"[{}\n{}]",
            ', line 2: invalid JSON (found "{}]"); expected "," or "]" between the rows of the'
            " array",
        ),
        (b"[{}", ', line 1: the file ends here; expected "," or "]" between the rows of the array'),
        (b"[{}] 1", ', line 1: invalid JSON (found "1"); expected nothing after the array'),
        (
            b'[{},\n{"a"\n: b}]',
            ', line 2: invalid JSON (Expecting value on line 3, before "b}]"); expected a JSON'
            " object",
        ),
        (
            b'[{"a": Infinity}]',
            ", line 1: invalid JSON (Infinity is not a JSON number); expected a JSON object",
        ),
        (b'[{"a": 1},\n"\xc3("]', ", line 2: invalid UTF-8 (byte 0xc3); expected text in UTF-8"),
        (
            b'[{"a": 1},\n{}]\n\xe3\x81',
            ", line 3: invalid UTF-8 (byte 0xe3); expected text in UTF-8",
        ),
    ],
)
def test_file_that_is_no_array_of_objects_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        list(read_json_array(str(path)))
    assert str(caught.value) == f"{path}{message}"


def test_object_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"a": "' + b"x" * (3 * MAX_ROW_BYTES))
    with pytest.raises(FormatError, match=r"line 1: longer than 16 MiB; expected rows shorter"):
        list(read_json_array(str(path)))


def test_array_is_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    row = json.dumps({"text": "x" * 1_000})
    path.write_text(f"[{', '.join([row] * 10_000)}]")
    tracemalloc.start()
    try:
        n_rows = sum(1 for _ in read_json_array(str(path)))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_rows == 10_000
    assert peak_bytes < 2_000_000
