"""What docs/formats.md shows is what the readers do."""

import csv
import re
from io import StringIO
from pathlib import Path

import pytest

from annotate.formats import (
    BATTLE_FILE_FORMATS,
    COMPLETION_FILE_FORMATS,
    PREFERENCE_FILE_FORMATS,
    PROMPT_FILE_FORMATS,
    VOTE_FILE_FORMATS,
    FileKind,
    FormatError,
    VoteRow,
    guess_format,
    read_battles,
    read_completions,
    read_gold,
    read_preferences,
    read_prompts,
    read_votes,
)
from annotate.formats.canonical import COMPLETION_COLUMNS, PROMPT_COLUMNS, VOTE_COLUMNS
from annotate.formats.gold import GOLD_COLUMNS
from tests.formats.conftest import REPOSITORY, WriteFile

PAGE = (REPOSITORY / "docs/formats.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```(jsonl|csv) (?!known)(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(KNOWN,) = re.findall(r"^```jsonl known\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FOREIGN = re.findall(
    r"^```(json|jsonl|csv) (\w+) (?!wrong)([\w-]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)
(PYTHON,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WRONG = re.findall(
    r"^```jsonl (\w+) wrong\n(.*?)^```\n\n```text\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL
)


def read_all(kind: str, path: Path, format: str) -> list[object]:
    if kind == "prompts":
        return list(read_prompts(path, format=format))
    if kind == "completions":
        return list(read_completions([path], format=format))
    if kind == "battles":
        return list(read_battles(path, format=format))
    if kind == "preferences":
        return list(read_preferences(path, format=format))
    return list(read_votes(path, format=format))


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]


def test_page_has_an_example_of_each_canonical_form() -> None:
    assert sorted({(kind, format) for format, kind, _ in EXAMPLES}) == [
        ("completions", "csv"),
        ("completions", "jsonl"),
        ("prompts", "csv"),
        ("prompts", "jsonl"),
        ("votes", "csv"),
        ("votes", "jsonl"),
    ]
    assert len(WRONG) == 3


@pytest.mark.parametrize(("format", "kind", "text"), EXAMPLES)
def test_example_is_read_and_recognised(
    write_file: WriteFile, format: str, kind: FileKind, text: str
) -> None:
    path = write_file(f"{kind}.{format}", text.rstrip("\n"))
    assert guess_format(path, kind) == format
    if format == "csv":
        records = list(csv.DictReader(StringIO(text)))
        n_prompts_along = sum(bool(record.get("turns")) for record in records)
        assert len(read_all(kind, path, format)) == len(records) + n_prompts_along
    else:
        n_prompts_along = text.count('"turns"') if kind == "completions" else 0
        assert len(read_all(kind, path, format)) == len(text.splitlines()) + n_prompts_along


def test_page_has_an_example_of_every_format_of_battles_and_preferences() -> None:
    shown = {(kind, format) for _, kind, format, _ in FOREIGN}
    assert shown >= {("battles", format) for format in BATTLE_FILE_FORMATS}
    assert shown >= {
        ("preferences", format) for format in PREFERENCE_FILE_FORMATS if format != "labelstudio"
    }
    assert ("votes", "mtbench") in shown


@pytest.mark.parametrize(("ending", "kind", "format", "text"), FOREIGN)
def test_example_of_another_tool_is_read_and_recognised(
    write_file: WriteFile, ending: str, kind: FileKind, format: str, text: str
) -> None:
    path = write_file(f"{kind}.{ending}", text.rstrip("\n"))
    assert guess_format(path, kind) == format
    n_rows = 1 if ending == "json" else len(text.splitlines()) - (ending == "csv")
    if kind == "votes":
        n_rows *= 2  # games
    assert len(read_all(kind, path, format)) == n_rows


def test_example_in_python_gives_a_vote() -> None:
    names: dict[str, object] = {}
    exec(PYTHON, names)
    (vote,) = names["votes"]  # type: ignore[misc]
    assert isinstance(vote, VoteRow)
    assert vote.outcome == "b"


def test_example_of_known_answers_is_read(write_file: WriteFile) -> None:
    assert len(list(read_gold(write_file("gold.jsonl", KNOWN.rstrip("\n"))))) == 2


@pytest.mark.parametrize(("kind", "text", "message"), WRONG)
def test_wrong_example_gives_the_error_shown(
    write_file: WriteFile, kind: str, text: str, message: str
) -> None:
    path = write_file(f"{kind}.jsonl", text.rstrip("\n"))
    with pytest.raises(FormatError) as caught:
        read_all(kind, path, "jsonl")
    assert str(caught.value).replace(f"{path.parent}/", "") == message


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("Prompts: `jsonl`", PROMPT_COLUMNS),
        ("Completions: `jsonl`", COMPLETION_COLUMNS),
        ("Votes: `jsonl`, `csv` and `parquet`", VOTE_COLUMNS),
        ("Known answers: `jsonl`", GOLD_COLUMNS),
    ],
)
def test_every_column_is_in_its_table(heading: str, columns: tuple[str, ...]) -> None:
    first_cells = re.findall(r"^\| (`[^|]+`) \|", section(heading), re.MULTILINE)
    documented = re.findall(r"`(\w+)`", " ".join(first_cells))
    assert sorted(documented) == sorted(columns)


@pytest.mark.parametrize(
    ("kind", "formats"),
    [
        ("prompts", PROMPT_FILE_FORMATS),
        ("completions", COMPLETION_FILE_FORMATS),
        ("votes", VOTE_FILE_FORMATS),
        ("battles", BATTLE_FILE_FORMATS),
        ("preferences", PREFERENCE_FILE_FORMATS),
    ],
)
def test_every_format_is_in_the_first_table(kind: str, formats: tuple[str, ...]) -> None:
    listed = ", ".join(f"`{format}`" for format in formats)
    assert re.search(rf"^\| {kind} \| .* \| {listed} \|$", PAGE, re.MULTILINE)
