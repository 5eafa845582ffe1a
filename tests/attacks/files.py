"""A hostile text in every place of a file where a stranger could write one, in every format."""

import copy
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from annotate.formats import (
    Faults,
    read_battles,
    read_completions,
    read_preferences,
    read_prompts,
    read_votes,
)
from tests.attacks.corpus import TEXTS
from tests.formats import (
    test_llmfao,
    test_mtbench,
    test_shisa,
)
from tests.formats.test_anything import ROWS as COMPARED

Row = dict[str, Any]
Read = Callable[..., Iterable[Any]]

PROMPT: Row = {
    "key": "p",
    "turns": ["What is tea?", "And coffee?"],
    "system": "Be brief.",
    "language": "en",
    "category": "drinks",
    "references": ["A drink."],
}
COMPLETION: Row = {
    "prompt": "p",
    "candidate": "c",
    "replies": ["A drink.", "Another."],
    "model": "m",
    "revision": "r",
    "prompt_format": "chatml",
    "sampling": {"stop": ["</s>"]},
    "licence": "MIT",
    **{name: value for name, value in PROMPT.items() if name != "key"},
}
VOTE: Row = {
    "prompt": "p",
    "candidate_a": "c",
    "candidate_b": "d",
    "outcome": "a",
    "annotator": "alice",
    "id": "v",
    "degree": "clearly",
    "reasons_a": ["more-correct"],
    "comment": "Clear.",
    "created_at": "2024-01-31T09:00:00+09:00",
    "marks": [{"which": "a", "turn": 1, "start": 0, "end": 1, "tag": "unnatural"}],
}
SAYS: dict[str, Row] = {"prompts": PROMPT, "completions": COMPLETION, "votes": VOTE}
READ: dict[str, Read] = {
    "prompts": read_prompts,
    "completions": lambda path, **told: read_completions([path], **told),
    "votes": read_votes,
    "battles": read_battles,
    "preferences": read_preferences,
}
ROWS: list[tuple[str, str, Row]] = [
    *((kind, form, row) for kind, row in SAYS.items() for form in ("jsonl", "csv", "parquet")),
    ("prompts", "shisa", test_shisa.TASK),
    ("prompts", "mtbench", test_mtbench.QUESTION),
    ("completions", "shisa", test_shisa.GENERATION),
    ("completions", "mtbench", test_mtbench.ANSWER),
    ("completions", "llmfao", test_llmfao.RESULT),
    *COMPARED,
]
# What a row of these formats names in files that lie beside it.
BESIDE: dict[str, dict[str, list[Row]]] = {
    "mtbench": {"question.jsonl": [test_mtbench.QUESTION]},
    "llmfao": {
        "prompts.jsonl": [test_llmfao.PROMPT],
        "models.jsonl": [test_llmfao.X, test_llmfao.Y],
    },
}


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every text within a value, and to the names of what it holds."""
    parts: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = list(enumerate(value))
    elif isinstance(value, str):
        yield path
    for key, part in parts:
        yield from places(part, (*path, key))


def replaced(row: Row, place: tuple[Any, ...], text: object) -> Row:
    """Give the row with another text in one place."""
    changed = copy.deepcopy(row)
    inner: Any = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = text
    return changed


def poisoned(row: Row) -> Iterator[Row]:
    """Yield the row once for each hostile text, which stands in one place after the other."""
    ways = list(places(row))
    for number, (_name, text) in enumerate(TEXTS):
        yield replaced(row, ways[number % len(ways)], text)


def write_rows(path: Path, form: str, rows: list[Row]) -> Path:
    """Write rows as a file of the format, whatever stands in them."""
    if form == "csv":
        return _write_csv(path.with_suffix(".csv"), rows)
    if form == "parquet":
        return _write_parquet(path.with_suffix(".parquet"), rows)
    if form == "shisa":  # whose file names tell the candidate
        path = path.with_name("m_temp-0.1_run-1.json")
    else:
        path = path.with_suffix(".json" if form == "labelstudio" else ".jsonl")
    for name, others in BESIDE.get(form, {}).items():
        if name != path.name:
            (path.parent / name).write_text("".join(json.dumps(row) + "\n" for row in others))
    lines = [json.dumps(row) for row in rows]
    is_array = path.suffix == ".json"
    path.write_text("[" + ",\n".join(lines) + "]" if is_array else "\n".join(lines) + "\n")
    return path


def _cell(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _write_csv(path: Path, rows: list[Row]) -> Path:
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(rows[0]))
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    path.write_bytes(table.getvalue().encode("utf-8", "surrogatepass"))
    return path


def _write_parquet(path: Path, rows: list[Row]) -> Path:
    columns = {name: [_cell(row[name]) for row in rows] for name in rows[0]}
    pq.write_table(pa.table(columns), path)
    return path


def read_file(kind: str, form: str, path: Path) -> tuple[list[Any], Faults]:
    """Read a file; give its rows, and what was wrong with the others."""
    faults = Faults(limit=len(TEXTS))
    return list(READ[kind](str(path), format=form, faults=faults)), faults
