"""Files of strangers: what can be stored comes in as it is, the rest is told in a sentence."""

import gzip
import json
import time
from dataclasses import asdict, is_dataclass
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from annotate.formats.lines import UNPACKED_ANYWAY_BYTES
from annotate.models import Candidate, Completion, PreferencePair, Prompt, SelectionRun, Vote
from annotate.services.importing import (
    import_battles,
    import_completions,
    import_preferences,
    import_prompts,
    import_votes,
)
from tests.attacks import files
from tests.attacks.corpus import HUGE, MIB, TEXTS, UNSTORABLE, fits

# What tells one row from another, in one format or the other.
KEYS = ("key", "prompt", "id", "prompt_id", "question_id", "answer_id", "model_id", "candidate")
SLOW_S = 20.0  # of this process's own time: many times what any of these takes


def all_texts(value: object) -> set[str]:
    """Give every text that a row holds, however deep."""
    if isinstance(value, str):
        return {value}
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(parts, list | tuple) or hasattr(parts, "mapping"):
        return set().union(*map(all_texts, parts))  # type: ignore[arg-type]
    return set()


@pytest.mark.parametrize(("kind", "form", "row"), files.ROWS)
def test_hostile_text_anywhere_is_read_or_told(
    kind: str, form: str, row: dict[str, Any], tmp_path: Path
) -> None:
    begin = time.process_time()
    rows = list(files.poisoned(row))
    path = files.write_rows(tmp_path / "rows", form, rows)
    read, faults = files.read_file(kind, form, path)
    assert read or faults.n
    for fault in faults.kept:
        said = str(fault)
        assert said.isprintable() or not set("\n\r\x00") & set(said)
        assert len(said) < 1_000 + len(str(path))
    assert time.process_time() - begin < SLOW_S


@pytest.mark.parametrize(
    ("kind", "form", "place"),
    [
        ("prompts", "jsonl", ("turns", 0)),
        ("prompts", "csv", ("system",)),
        ("prompts", "parquet", ("system",)),
        ("completions", "jsonl", ("replies", 1)),
        ("completions", "csv", ("replies", 1)),
        ("completions", "parquet", ("replies", 1)),
        ("completions", "mtbench", ("choices", 0, "turns", 1)),
        ("completions", "llmfao", ("result",)),
        ("votes", "jsonl", ("comment",)),
        ("battles", "labelstudio", ("data", "answer1")),
        ("preferences", "trl", ("chosen", 0, "content")),
        ("preferences", "dpo", ("rejected", 0, "content")),
    ],
)
def test_hostile_text_is_read_as_it_was_written(
    kind: str, form: str, place: tuple[Any, ...], tmp_path: Path
) -> None:
    row = next(row for of, also, row in files.ROWS if (of, also) == (kind, form))
    said = [text for _name, text in TEXTS if text.strip()]
    rows = [files.replaced(row, place, text) for text in said]
    for number, each in enumerate(rows):  # else they would all be one row with other texts
        each |= {name: f"{each[name]}{number}" for name in KEYS if isinstance(each.get(name), str)}
    parts = [rows]
    if form in ("llmfao", "labelstudio"):  # whose rows are told apart by what lies beside them
        said = said[::12]
        parts = [[each] for each in rows[::12]]
    found: set[str] = set()
    for part in parts:
        path = files.write_rows(tmp_path / "rows", form, part)
        found |= all_texts(files.read_file(kind, form, path)[0])
    assert set(said) - found == set()


@pytest.mark.parametrize("text", UNSTORABLE)
@pytest.mark.parametrize(
    ("kind", "form", "row"), [each for each in files.ROWS if each[1] not in ("csv", "parquet")]
)
def test_what_no_database_holds_is_told_with_its_line(
    kind: str, form: str, row: dict[str, Any], text: str, tmp_path: Path
) -> None:
    """JSON can write NUL and half a pair of surrogates; whatever is read holds neither."""
    rows = [files.replaced(row, place, text) for place in files.places(row)]
    path = files.write_rows(tmp_path / "rows", form, rows)
    read, faults = files.read_file(kind, form, path)
    assert faults.n
    assert all(fault.line for fault in faults.kept)
    for said in all_texts([*read]):
        assert "\x00" not in said
        said.encode()


@pytest.mark.django_db
@pytest.mark.parametrize("each", [12, pytest.param(1, marks=pytest.mark.slow)])
def test_the_corpus_is_stored_as_it_was_written(each: int) -> None:
    """Prompts, replies, names, categories, comments and pairs: what comes back is what went in."""
    from tests.services.rows import (  # noqa: PLC0415  Django is not set up before
        battle_row,
        completion_row,
        preference_row,
        prompt_row,
        vote_row,
    )

    said = [text for _name, text in TEXTS if text.strip()][::each]
    names = sorted({name for text in said if (name := fits(text, 200))})
    import_prompts(rows=[prompt_row(f"p{n}", text) for n, text in enumerate(said)], set_slug="s")
    assert set(Prompt.objects.values_list("turns__0", flat=True)) == set(said)
    candidates = [completion_row("p0", name, line=n) for n, name in enumerate(names, start=1)]
    import_completions(rows=candidates, run_slug="r", set_slug="s")
    assert sorted(Candidate.objects.values_list("name", flat=True)) == names
    replies = [
        completion_row(f"p{n}", name, text, line=n + 1)
        for n, text in enumerate(said[1:], start=1)
        for name in names[:2]
    ]
    import_completions(rows=replies, run_slug="r", set_slug="s")
    stored = Completion.objects.filter(candidate__name=names[0]).exclude(prompt__key="p0")
    assert set(stored.values_list("replies__0", flat=True)) == set(said[1:])
    votes = [
        vote_row(*names[:2], prompt=f"p{n}", comment=text, annotator=fits(text, 90) or "x", line=n)
        for n, text in enumerate(said[1:], start=1)
    ]
    import_votes(rows=votes, run=SelectionRun.objects.get(slug="r"))
    assert set(Vote.objects.values_list("comment", flat=True)) == set(said[1:])
    pairs = [
        preference_row(f"k{n}", chosen=text) for n, text in enumerate(said) if text != "悪い返事"
    ]
    import_preferences(rows=pairs, set_slug="p")
    assert set(PreferencePair.objects.values_list("chosen__0__content", flat=True)) == set(said)
    battles = [
        battle_row(name[:50].strip(), name, "other", annotator=name[:90].strip(), line=n)
        for n, name in enumerate(names)
    ]
    import_battles(rows=battles, run_slug="battles", set_slug="battles")
    fought = Candidate.objects.filter(run__slug="battles").values_list("name", flat=True)
    assert set(fought) == {*names, "other"}


@pytest.mark.parametrize(("name", "text"), HUGE)
def test_huge_text_is_read_in_time(name: str, text: str, tmp_path: Path) -> None:
    begin = time.process_time()
    for form in ("jsonl", "csv", "parquet"):
        row = {"prompt": "p", "candidate": "c", "reply": text}
        path = files.write_rows(tmp_path / "rows", form, [row])
        (read,), faults = files.read_file("completions", form, path)
        assert (read.replies, faults.n) == ((text,), 0), name
    assert time.process_time() - begin < SLOW_S


@pytest.mark.parametrize("sign", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_name_that_turns_what_stands_beside_it_is_refused(sign: str, tmp_path: Path) -> None:
    row = {**files.COMPLETION, "candidate": f"best{sign}model"}
    read, faults = files.read_file(
        "completions", "jsonl", files.write_rows(tmp_path / "rows", "jsonl", [row])
    )
    assert read == []
    assert str(faults.kept[0]).endswith(
        "is not a name without signs that turn the direction of text"
    )


BOMBS_FOR = [(kind, form, row) for kind, form, row in files.ROWS if form not in ("csv", "parquet")]
DEPTHS = (40, 950, 100_000)


@pytest.mark.parametrize(
    ("kind", "form", "row"),
    [
        pytest.param(*each, marks=[] if number % 6 == 0 else pytest.mark.slow)
        for number, each in enumerate(BOMBS_FOR)
    ],
)
def test_value_nested_however_deep_is_read_or_told(
    kind: str, form: str, row: dict[str, Any], tmp_path: Path
) -> None:
    for depth in DEPTHS:
        for opens, closes in (("[", "]"), ('{"a":', "}")):
            nested = opens * depth + "1" + closes * depth
            for name in row:
                line = json.dumps({**row, name: "HERE"}).replace('"HERE"', nested)
                path = files.write_rows(tmp_path / "rows", form, [row])
                path.write_text(f"[{line}]" if path.suffix == ".json" else line)
                read, faults = files.read_file(kind, form, path)
                assert read or faults.n or faults.left_out


@pytest.mark.parametrize("cell", ["[" * 100_000, "[" * 900 + "]" * 900, '"' * 100_001])
@pytest.mark.parametrize("kind", ["prompts", "completions", "votes"])
def test_cell_that_looks_like_json_is_read_or_told(kind: str, cell: str, tmp_path: Path) -> None:
    for form in ("csv", "parquet"):
        rows = [files.replaced(files.SAYS[kind], (name,), cell) for name in files.SAYS[kind]]
        path = files.write_rows(tmp_path / "rows", form, rows)
        read, faults = files.read_file(kind, form, path)
        assert len(read) + faults.n >= len(rows)


def bomb(path: Path, piece: bytes, times: int) -> Path:
    """Write a file that unpacks to so many times the piece."""
    with gzip.open(path, "wb", compresslevel=9) as file:
        for _time in range(times):
            file.write(piece)
    return path


@pytest.mark.parametrize(
    ("name", "piece"),
    [
        ("rows.jsonl.gz", b" "),
        pytest.param("rows.jsonl.gz", b"\n", marks=pytest.mark.slow),
        ("rows.jsonl.gz", b"x"),
        ("rows.csv.gz", b'"'),
        ("rows.csv.gz", b'"\n'),
        ("m_temp-0.1_run-1.json.gz", b" "),
        ("m_temp-0.1_run-1.json.gz", b"["),
        ("rows.parquet.gz", b"\x00"),
    ],
)
def test_file_that_unpacks_to_hundreds_of_times_its_size_is_refused(
    name: str, piece: bytes, tmp_path: Path
) -> None:
    begin = time.process_time()
    path = bomb(tmp_path / name, piece * (MIB // len(piece)), 40)
    form = name.split(".")[-2].replace("json", "shisa").replace("shisal", "jsonl")
    read, faults = files.read_file("completions", form, path)
    assert read == []
    assert "expected" in str(faults.kept[-1])
    assert time.process_time() - begin < SLOW_S


def test_table_whose_cells_are_one_cell_over_and_over_is_refused(tmp_path: Path) -> None:
    """A dictionary holds a text once, and every row its number: a kilobyte makes gigabytes."""
    path = tmp_path / "rows.parquet"
    cells = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000), pa.array(["x" * MIB]))
    keys = pa.array([f"p{n}" for n in range(100_000)])
    table = pa.table({"prompt": keys, "candidate": keys, "reply": cells})
    pq.write_table(table, path, compression="zstd")
    assert path.stat().st_size < 2 * MIB
    begin = time.process_time()
    read, faults = files.read_file("completions", "parquet", path)
    assert len(read) * MIB < 2 * 256 * MIB
    assert "unpacks" in str(faults.kept[-1])
    assert time.process_time() - begin < SLOW_S


def test_honest_file_that_packs_well_is_read(tmp_path: Path) -> None:
    """Rows that say a thing ten times are packed to a twentieth, and are no bomb."""
    chance = Random(1)
    said = [chance.randbytes(500).hex() * 10 for _row in range(2_000)]
    rows = [{**files.PROMPT, "key": f"p{n}", "system": text} for n, text in enumerate(said)]
    path = tmp_path / "rows.jsonl.gz"
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    path.write_bytes(packed)
    read, faults = files.read_file("prompts", "jsonl", path)
    assert (len(read), faults.n) == (2_000, 0)
    assert sum(map(len, said)) > max(UNPACKED_ANYWAY_BYTES, 10 * len(packed))
