"""Recognises the format of a file from how it holds its rows, and from its first row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike, fspath
from typing import Literal

from annotate.formats.csvtext import read_header
from annotate.formats.errors import Finding, FormatError
from annotate.formats.faults import Faults
from annotate.formats.jsontext import read_json_array, read_json_lines
from annotate.formats.records import Shape, shape_of
from annotate.formats.tables import first_cells

FileKind = Literal["prompts", "completions", "votes", "battles", "preferences"]
_Cells = Mapping[str, object]
_Tells = Callable[[Shape, _Cells], bool]


def _has(*columns: str, shapes: tuple[Shape, ...] = (), without: tuple[str, ...] = ()) -> _Tells:
    """Recognise rows by their columns, and a file by its shape where shapes are named."""

    def tells(shape: Shape, cells: _Cells) -> bool:
        fits = not shapes or shape in shapes
        return fits and cells.keys() >= set(columns) and not cells.keys() & set(without)

    return tells


def _is_canonical(shape: Shape, *columns: str) -> _Tells:
    return _has(*columns, shapes=(shape,))


def _is_lmarena(_shape: Shape, cells: _Cells) -> bool:
    if not cells.keys() >= {"model_a", "model_b"} or _is_human_mtbench(_shape, cells):
        return False
    is_told = "winner" in cells or "winner_model_a" in cells
    return is_told and ("conversation_a" in cells or cells.keys() >= {"prompt", "response_a"})


_is_human_mtbench = _has(
    "question_id",
    "model_a",
    "model_b",
    "winner",
    "judge",
    "conversation_a",
    without=("anony", "language", "tstamp"),
)


def _is_argilla(_shape: Shape, cells: _Cells) -> bool:
    is_nested = cells.keys() >= {"fields", "responses"}
    return is_nested or any(
        column.endswith((".responses", ".response", "-suggestion")) for column in cells
    )


def _is_labelstudio(_shape: Shape, cells: _Cells) -> bool:
    return cells.keys() >= {"data", "annotations"} or cells.keys() >= {"annotation_id", "lead_time"}


def _is_hh(_shape: Shape, cells: _Cells) -> bool:
    return cells.keys() == {"chosen", "rejected"} and not isinstance(cells["chosen"], list)


def _is_dpo(_shape: Shape, cells: _Cells) -> bool:
    return cells.keys() >= {"prompt", "chosen", "rejected", "prompt_set"}


def _is_ultrafeedback(_shape: Shape, cells: _Cells) -> bool:
    is_scored = "score_chosen" in cells or "messages" in cells
    return cells.keys() >= {"prompt", "prompt_id", "chosen", "rejected"} and is_scored


def _is_trl(shape: Shape, cells: _Cells) -> bool:
    others = (_is_hh, _is_dpo, _is_ultrafeedback)
    is_other = any(tells(shape, cells) for tells in others)
    return cells.keys() >= {"chosen", "rejected"} and not is_other


_TELLING: dict[str, dict[str, _Tells]] = {
    "prompts": {
        "jsonl": _is_canonical("lines", "key"),
        "csv": _is_canonical("csv", "key"),
        "parquet": _is_canonical("parquet", "key"),
        "shisa": _has("user_ja", "user_en", shapes=("array",)),
        "mtbench": _has("question_id", "turns", shapes=("lines",)),
    },
    "completions": {
        "jsonl": _is_canonical("lines", "prompt", "candidate"),
        "csv": _is_canonical("csv", "prompt", "candidate"),
        "parquet": _is_canonical("parquet", "prompt", "candidate"),
        "shisa": _has("chat", "response", "task", shapes=("array",)),
        "mtbench": _has("question_id", "model_id", "choices", shapes=("lines",)),
        "llmfao": _has("prompt", "model", "result", shapes=("lines",)),
    },
    "votes": {
        "jsonl": _is_canonical("lines", "candidate_a", "candidate_b"),
        "csv": _is_canonical("csv", "candidate_a", "candidate_b"),
        "parquet": _is_canonical("parquet", "candidate_a", "candidate_b"),
        "mtbench": _has("question_id", "model_1", "model_2", "g1_winner", shapes=("lines",)),
        "llmfao": _has("model_x", "model_y", "winner", shapes=("csv",)),
    },
    "battles": {
        "lmarena": _is_lmarena,
        "mtbench": _is_human_mtbench,
        "argilla": _is_argilla,
        "labelstudio": _is_labelstudio,
    },
    "preferences": {
        "dpo": _is_dpo,
        "ultrafeedback": _is_ultrafeedback,
        "hh-rlhf": _is_hh,
        "trl": _is_trl,
        "argilla": _is_argilla,
        "labelstudio": _is_labelstudio,
    },
}


def guess_format(path: str | PathLike[str], kind: FileKind) -> str:
    """Name the format of a file of prompts, completions, votes, battles or preferences.

    Raises FormatError where no format, or more than one, has rows such as its first.
    """
    name = fspath(path)
    shape = shape_of(name)
    return _guess(name, 1, shape, _first_cells(name, shape), kind)


def guess_of_cells(name: str, cells: _Cells, kind: FileKind) -> str:
    """Name the format of a table by the cells of its first row, as `guess_format` does a file's."""
    return _guess(name, 0, "parquet", cells, kind)


def _guess(path: str, line: int, shape: Shape, cells: _Cells, kind: FileKind) -> str:
    telling = _TELLING[kind]
    formats = [format for format, tells in telling.items() if tells(shape, cells)]
    if len(formats) == 1:
        return formats[0]
    if formats:
        found, choices = "columns of several formats", formats
    else:
        found, choices = f"no format of {kind} with these columns", list(telling)
    expected = f"one to be named: {', '.join(choices)}"
    raise FormatError(path, line, "format", Finding(found), expected)


def _first_cells(path: str, shape: Shape) -> _Cells:
    if shape == "csv":
        return dict.fromkeys(read_header(path))
    if shape == "parquet":
        return first_cells(path)
    if shape == "array":
        return next(read_json_array(path)).cells
    faults = Faults(limit=1)
    for row in read_json_lines(path, faults):
        return row.cells
    raise faults.kept[0]
