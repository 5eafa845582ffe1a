"""What docs/formats.md shows is what the readers do."""

import re
from pathlib import Path

import pytest

from annotate.formats import (
    COMPLETION_FILE_FORMATS,
    PROMPT_FILE_FORMATS,
    VOTE_FILE_FORMATS,
    FileKind,
    FormatError,
    guess_format,
    read_completions,
    read_gold,
    read_prompts,
    read_votes,
)
from annotate.formats.canonical import COMPLETION_COLUMNS, PROMPT_COLUMNS, VOTE_COLUMNS
from annotate.formats.gold import GOLD_COLUMNS
from tests.formats.conftest import REPOSITORY, WriteFile

PAGE = (REPOSITORY / "docs/formats.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```(jsonl|csv) (?!known)(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(KNOWN,) = re.findall(r"^```jsonl known\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WRONG = re.findall(
    r"^```jsonl (\w+) wrong\n(.*?)^```\n\n```text\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL
)


def read_all(kind: str, path: Path, format: str) -> list[object]:
    if kind == "prompts":
        return list(read_prompts(path, format=format))
    if kind == "completions":
        return list(read_completions([path], format=format))
    return list(read_votes(path, format=format))


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]


def test_page_has_an_example_of_each_canonical_form() -> None:
    assert sorted({(kind, format) for format, kind, _ in EXAMPLES}) == [
        ("completions", "jsonl"),
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
    n_rows = len(text.splitlines()) - (format == "csv")
    n_prompts_along = text.count('"turns"') if kind == "completions" else 0
    assert len(read_all(kind, path, format)) == n_rows + n_prompts_along


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
        ("Votes: `jsonl` and `csv`", VOTE_COLUMNS),
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
    ],
)
def test_every_format_is_in_the_first_table(kind: str, formats: tuple[str, ...]) -> None:
    listed = ", ".join(f"`{format}`" for format in formats)
    assert re.search(rf"^\| {kind} \| .* \| {listed} \|$", PAGE, re.MULTILINE)
