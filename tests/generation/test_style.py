"""Markdown is counted by its marks, much as a parser would count it."""

import json
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt

from annotate.generation.style import STYLE_FEATURES, ReplyStyle, add_styles, measure_style

PARSER = MarkdownIt()


def style(**counts: int) -> ReplyStyle:
    return ReplyStyle(**dict.fromkeys(STYLE_FEATURES, 0) | counts)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("", style()),
        ("  Two words \n", style(length=9)),
        ("# A\n\n###### B\n", style(length=13, headings=2)),
        ("#hash\n####### seven", style(length=19)),
        ("- a\n* b\n+ c\n1. d\n  2) e", style(length=23, list_items=5)),
        ("-5 degrees, 2024.5 in all", style(length=25)),
        ("**bold** and __also__", style(length=21, bold=2)),
        ("2 ** 3 ** 4 and snake__case__name", style(length=33)),
        ("Call `f(x)` or ``a`b``.", style(length=23, code=1)),
        ("```python\n# no heading\n- no item\n**no**\n```\nafter", style(length=49, code=1)),
        ("~~~\ncode", style(length=8, code=1)),
        ("```\ncut off at max_tokens\n# still code", style(length=38, code=1)),
        ("見出し\n# 日本語\n- **太字**", style(length=18, headings=1, list_items=1, bold=1)),
    ],
)  # fmt: skip
def test_measure_style_counts_marks(reply: str, expected: ReplyStyle) -> None:
    assert measure_style(reply) == expected


def test_add_styles_adds_each_count() -> None:
    assert add_styles([style(length=3, bold=1), style(length=4, code=2)]) == (7, 0, 0, 1, 2)


def test_hostile_replies_take_no_time() -> None:
    for piece in ("```\n", "**a ", "`", "- ", "#", "__a", "~~~", "1. "):
        measure_style(piece * 50_000)


def test_marks_agree_with_a_parser_on_real_replies(real_data: Path) -> None:
    """On 1,133 replies of LLMFAO; what differs is HTML, and a list inside of a paragraph."""
    path = real_data / "llmfao" / "results.jsonl"
    if not path.is_file():
        pytest.skip(f"no LLMFAO replies at {path}; set KURABE_REAL_DATA")
    lines = path.read_text(encoding="utf-8").splitlines()
    replies = [json.loads(line)["result"] or "" for line in lines]
    counted = np.array([add_styles([measure_style(reply)])[1:] for reply in replies])
    assert ((counted == [parse(reply) for reply in replies]).mean(axis=0) > 0.99).all()


def parse(reply: str) -> tuple[int, int, int, int]:
    """Return headings, list items, bold and code as markdown-it finds them."""
    tokens = [each for token in PARSER.parse(reply) for each in (token, *(token.children or ()))]
    kinds = [token.type for token in tokens]
    return (
        sum(token.type == "heading_open" and token.markup.startswith("#") for token in tokens),
        kinds.count("list_item_open"),
        kinds.count("strong_open"),
        kinds.count("fence") + kinds.count("code_inline"),
    )
