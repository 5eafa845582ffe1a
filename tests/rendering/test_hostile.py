"""Whatever a reply holds, the page gets text and a short list of tags."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.rendering import render_difference, render_plain, render_reply
from annotate.rendering.sanitising import sanitise
from tests.rendering.hostile import HOSTILE
from tests.rendering.markup import Markup

SLOW_S = 3.0  # ten times what the slowest takes on two cores
PIECES = st.sampled_from(
    [
        "<",
        ">",
        "</",
        "/>",
        "<!--",
        "-->",
        '"',
        "'",
        "=",
        "&",
        ";",
        "#",
        "&#x3c;",
        "\n",
        "\n\n",
        " ",
        "    ",
        "`",
        "```",
        "~~~",
        "$",
        "$$",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "\\",
        "{",
        "}",
        "^",
        "_",
        "*",
        "**",
        "~~",
        "[",
        "](",
        ")",
        "![",
        "|",
        "|-|",
        "- ",
        "1. ",
        "> ",
        "# ",
        "---",
        "script",
        "style",
        "math",
        "svg",
        "mtext",
        "img src=x",
        "onerror=x",
        "javascript:",
        "https://a.invalid",
        "python",
        "\\frac",
        "\\text",
        "\\begin{matrix}",
        "\\end{matrix}",
        "あ",
        "「",
        "a",
        "1",
        "\u202e",
        "\u200b",
        "\u0301",
        "\x00",
        "\x01",
        "\r",
        "\u2028",
        "👩\u200d",
    ]
)


def faults(html: str) -> list[str]:
    return Markup(html).faults


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE])
def test_hostile_text_becomes_harmless_markup(text: str) -> None:
    begin = time.perf_counter()
    assert faults(render_reply(text)) == []
    assert faults(render_plain(text)) == []
    other = text[::-1]
    assert [faults(html) for html in render_difference(text, other)] == [[], []]
    assert time.perf_counter() - begin < SLOW_S


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE])
def test_last_step_alone_makes_hostile_html_harmless(text: str) -> None:
    assert faults(sanitise(text)) == []


def test_there_are_many_different_hostile_texts() -> None:
    assert len({text for _name, text in HOSTILE}) == len(HOSTILE) >= 200


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>",
        "<p onclick=x></p>",
        "<p style=x></p>",
        "<a href=x></a>",
        "<p>",
        "</p>",
        "<!--x-->",
        "<p class=verdict></p>",
        "<img>",
        "<mi href=x></mi>",
        "<div tabindex=1></div>",
        "<div data-reply=x></div>",
    ],
)
def test_faults_are_found(html: str) -> None:
    """The tests above can fail."""
    assert faults(html) != []


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_mixture_becomes_harmless_markup(text: str) -> None:
    assert faults(render_reply(text)) == []


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text_becomes_harmless_markup(text: str) -> None:
    assert faults(render_reply(text)) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=20).map(lambda pieces: "$$" + "".join(pieces) + "$$"))
def test_any_formula_becomes_harmless_markup(text: str) -> None:
    assert faults(render_reply(text)) == []
