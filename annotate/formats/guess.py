"""Recognises the format of a file from its name and its first row."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Literal

from annotate.formats.csvtext import read_header
from annotate.formats.errors import Finding, FormatError
from annotate.formats.jsontext import read_json_array, read_json_lines
from annotate.formats.lines import BYTE_ORDER_MARK, open_bytes

_SNIFFED_BYTES = 4096

FileKind = Literal["prompts", "completions", "votes"]

# By kind and by the shape of the file: the columns that only rows of one format have together.
_TELLING: dict[str, dict[str, dict[str, frozenset[str]]]] = {
    "prompts": {
        "lines": {
            "jsonl": frozenset({"key"}),
            "mtbench": frozenset({"question_id", "turns"}),
        },
        "array": {"shisa": frozenset({"user_ja", "user_en"})},
    },
    "completions": {
        "lines": {
            "jsonl": frozenset({"prompt", "candidate"}),
            "mtbench": frozenset({"question_id", "model_id", "choices"}),
            "llmfao": frozenset({"prompt", "model", "result"}),
        },
        "array": {"shisa": frozenset({"chat", "response", "task"})},
    },
    "votes": {
        "lines": {"jsonl": frozenset({"candidate_a", "candidate_b"})},
        "csv": {
            "csv": frozenset({"candidate_a", "candidate_b"}),
            "llmfao": frozenset({"model_x", "model_y", "winner"}),
        },
    },
}


def guess_format(path: str | PathLike[str], kind: FileKind) -> str:
    """Name the format of a file of prompts, completions or votes.

    Raises FormatError where no format, or more than one, has rows such as its first.
    """
    name = fspath(path)
    shape = _shape(name)
    columns = _first_columns(name, shape)
    telling = _TELLING[kind].get(shape, {})
    formats = [format for format, needed in telling.items() if needed <= columns]
    if len(formats) == 1:
        return formats[0]
    if formats:
        found, choices = "columns of several formats", formats
    else:
        found, choices = f"no format of {kind} with these columns", _names(kind)
    raise FormatError(name, 1, "format", Finding(found), f"one to be named: {', '.join(choices)}")


def _shape(path: str) -> str:
    if path.removesuffix(".gz").endswith(".csv"):
        return "csv"
    with open_bytes(path) as stream:
        beginning = stream.read(_SNIFFED_BYTES).removeprefix(BYTE_ORDER_MARK).lstrip()
    return "array" if beginning.startswith(b"[") else "lines"


def _first_columns(path: str, shape: str) -> frozenset[str]:
    if shape == "csv":
        return frozenset(read_header(path))
    rows = read_json_array(path) if shape == "array" else read_json_lines(path)
    return frozenset(next(rows).cells)


def _names(kind: FileKind) -> list[str]:
    return list(dict.fromkeys(name for shape in _TELLING[kind].values() for name in shape))
