"""Passages find the same words in what is drawn and in what is stored, and marks break nothing."""

import html
from typing import Any

import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.rendering import render_difference, render_plain, render_reply
from annotate.rendering.passages import (
    Passage,
    align_plain,
    align_rendered,
    draw_passages,
    text_of,
)
from tests.rendering.hostile import HOSTILE

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=60)
LINED = st.lists(st.sampled_from(["\r\n", "\n", "\r", "a", "b ", "漢", "\u200b"])).map("".join)
WORDS = st.sampled_from(["cat", "dog", "red", "run", "12", "再", "利用", "とき", "naïve", "👩‍👩‍👧"])
SHAPES = st.sampled_from(
    ["{}", "**{}**", "*{}*", "`{}`", "[{}](https://ex.org/a)", "~~{}~~", "$\\alpha_1$", "&amp; {}"]
)
INLINE = st.lists(st.builds(str.format, SHAPES, WORDS), min_size=1, max_size=6).map(" ".join)
BLOCKS = st.one_of(
    INLINE,
    INLINE.map("## {}".format),
    INLINE.map("> {}".format),
    st.lists(INLINE, min_size=1, max_size=3).map(lambda rows: "\n".join(f"- {r}" for r in rows)),
    st.lists(INLINE, min_size=1, max_size=3).map(lambda rows: "\n".join(f"1. {r}" for r in rows)),
    st.lists(WORDS, min_size=1, max_size=4).map(
        lambda words: "```python\n" + "\n".join(words) + "\n```"
    ),
    st.tuples(WORDS, INLINE).map(
        lambda row: "| {0} | {1} |\n|---|:-:|\n| {1} | {0} |".format(*row)
    ),
    st.just("$$\\frac{x}{y}$$"),
)
MARKDOWN = st.lists(BLOCKS, min_size=1, max_size=5).map("\n\n".join)


def stretches_of(data: st.DataObject, text: str) -> tuple[int, int]:
    """Draw a stretch of at least one character."""
    start = data.draw(st.integers(0, len(text) - 1))
    return start, data.draw(st.integers(start + 1, len(text)))


@settings(deadline=None)
@given(TEXTS, st.data())
def test_stretch_of_a_plain_text_is_itself(text: str, data: st.DataObject) -> None:
    drawn = text_of(render_plain(text))
    if not drawn:
        return
    start, end = stretches_of(data, drawn)
    assert align_plain(text).to_stored(start, end) == (start, end)


@settings(deadline=None)
@given(LINED, st.data())
def test_ends_of_lines_move_no_stretch_of_a_plain_text(text: str, data: st.DataObject) -> None:
    drawn = text_of(render_plain(text))
    if not drawn.strip():
        return
    start = data.draw(st.sampled_from([i for i, sign in enumerate(drawn) if not sign.isspace()]))
    alignment = align_plain(text)
    found = alignment.to_stored(start, start + 1)
    assert found is not None
    assert text[slice(*found)] == drawn[start]
    assert alignment.to_drawn(*found) == (start, start + 1)


@settings(deadline=None)
@given(LINED, LINED)
def test_differences_draw_the_same_text_as_plain(one: str, other: str) -> None:
    shown = render_difference(one, other)
    assert [text_of(each) for each in shown] == [text_of(render_plain(t)) for t in (one, other)]


@settings(deadline=None)
@given(MARKDOWN, st.data())
def test_stretch_of_rendered_markdown_has_its_words_in_the_source(
    source: str, data: st.DataObject
) -> None:
    shown = render_reply(source)
    drawn = text_of(shown)
    words = [word for word in drawn.split() if word in source and word.isalnum()]
    if not words:
        return
    word = data.draw(st.sampled_from(words))
    start = data.draw(st.sampled_from(places_of(word, drawn)))
    alignment = align_rendered(source, shown)
    found = alignment.to_stored(start, start + len(word))
    assert found is not None
    assert word in source[slice(*found)]
    again = alignment.to_drawn(*found)
    assert again is not None
    assert again[0] <= start
    assert again[1] >= start + len(word)


def test_cells_of_a_table_are_told_from_a_line_that_reads_like_one() -> None:
    source = "| cat | cat |\n|---|:-:|\n| cat | cat |\n\n```python\ncat\n```"
    shown = render_reply(source)
    alignment = align_rendered(source, shown)
    found = [alignment.to_stored(at, at + 3) for at in places_of("cat", text_of(shown))]
    assert found == [(at, at + 3) for at in places_of("cat", source)]


def places_of(word: str, text: str) -> list[int]:
    return [place for place in range(len(text)) if text.startswith(word, place)]


@pytest.mark.parametrize(
    ("source", "selected", "stored"),
    [
        ("the **old** cat", "old cat", "old** cat"),
        ("the **old** cat", "the old", "the **old"),
        ("# Title\n\n1. one\n2. two", "two", "two"),
        ("| a | b |\n|---|---|\n| one | `two` |", "one", "one"),
        ("| a | b |\n|---|---|\n| one | `two` |", "two", "two"),
        ('```python\nprint("x")\n```', 'print("x")', 'print("x")'),
        ("so $\\alpha$ is", "α", "$\\alpha$"),
        ("so $x^2$ is", "x2", "$x^2$"),
        ("これは**「重要」**です", "重要", "重要"),
        ("これは**「重要」**です", "は「重要」で", "は**「重要」**で"),
        ("fish &amp; chips", "fish & chips", "fish &amp; chips"),
        ("a \\*star\\*", "*star*", "*star\\*"),
        ("un**believ**able", "believ", "**believ**"),
        ("see [here](https://ex.org/a) now", "here", "here"),
        ("see [here](https://ex.org/a) now", "ex.org", "ex.org"),
        ("🎉🎉 **party** 🎉", "party", "party"),
        ("🎉", "🎉", "🎉"),
    ],
)
def test_selected_words_are_found_in_the_source(source: str, selected: str, stored: str) -> None:
    shown = render_reply(source)
    start = text_of(shown).index(selected)
    found = align_rendered(source, shown).to_stored(start, start + len(selected))
    assert found is not None
    assert source[slice(*found)] == stored


def test_words_that_stand_twice_are_told_apart() -> None:
    source = "- **yes**, a cat\n- a cat, *no*\n\na cat"
    shown = render_reply(source)
    drawn = text_of(shown)
    alignment = align_rendered(source, shown)
    found = [alignment.to_stored(place, place + 5) for place in places_of("a cat", drawn)]
    assert found == [(place, place + 5) for place in places_of("a cat", source)]


@pytest.mark.parametrize("stretch", [(-1, 2), (2, 2), (3, 2), (0, 99)])
def test_stretch_outside_of_the_text_is_none(stretch: tuple[int, int]) -> None:
    assert align_plain("short").to_stored(*stretch) is None
    assert align_rendered("*short*", render_reply("*short*")).to_stored(*stretch) is None


def test_markup_alone_is_drawn_nowhere() -> None:
    source = "**a** b"
    assert align_rendered(source, render_reply(source)).to_drawn(0, 2) is None


def test_long_texts_are_aligned_word_by_word() -> None:
    source = "日本語の**重要**な文章です。\n\n" * 2_000
    shown = render_reply(source)
    place = text_of(shown).index("重要", 15_000)
    found = align_rendered(source, shown).to_stored(place, place + 2)
    assert found is not None
    assert source[slice(*found)] == "重要"


def marked(shown: str) -> str:
    """Give the text of all marks of passages."""
    pieces = shown.split('<mark class="passage"')[1:]
    return "".join(text_of(piece.split(">", 1)[1].split("</mark>")[0]) for piece in pieces)


def test_mark_stands_around_its_characters() -> None:
    shown = draw_passages("<p>the <em>old</em> cat &amp; I</p>", [Passage(4, 11, "unnatural", "0")])
    mark = '<mark class="passage" data-tag="unnatural" data-passage="0">'
    assert shown == (f"<p>the <em>{mark}old</mark></em>{mark} cat</mark> &amp; I</p>")


def test_marks_over_each_other_are_named_together() -> None:
    passages = [Passage(0, 3, "unnatural", "0"), Passage(2, 5, "wrong_fact", "1")]
    assert draw_passages("abcde", passages) == (
        '<mark class="passage" data-tag="unnatural" data-passage="0">ab</mark>'
        '<mark class="passage" data-tag="unnatural wrong_fact" data-passage="0 1">c</mark>'
        '<mark class="passage" data-tag="wrong_fact" data-passage="1">de</mark>'
    )


def test_mark_takes_a_formula_as_a_whole() -> None:
    shown = render_reply("so $x^2$ is")
    place = text_of(shown).index("x2")
    drawn = draw_passages(shown, [Passage(place + 1, place + 2, "wrong_fact")])
    assert drawn.count("<mark") == 1
    assert marked(drawn) == "x2"
    assert "><math" in drawn
    assert "</math></mark>" in drawn


def test_marks_stay_out_of_the_rows_of_a_table() -> None:
    shown = render_reply("| a | b |\n|---|---|\n| c | d |")
    drawn = draw_passages(shown, [Passage(0, len(text_of(shown)), "unnatural")])
    assert marked(drawn) == "abcd"


def clean(shown: str) -> str:
    """Parse HTML as a browser does, and write it again; what stands in a wrong place moves."""
    tags = nh3.ALLOWED_TAGS | {"math", "mi", "mo", "mn", "mrow", "msup", "mark", "bdi"}
    return nh3.clean(shown, tags=tags, attributes={"*": set()}, link_rel=None)


@pytest.mark.parametrize(("name", "text"), HOSTILE)
def test_marks_change_no_text_and_no_markup_of_hostile_replies(name: str, text: str) -> None:
    views = [render_reply(text), render_plain(text), render_difference(text, "x")[0]]
    for shown in views:
        length = len(text_of(shown))
        passages = [
            Passage(length // 3, max(length // 2, 1), "unnatural", "0"),
            Passage(length // 2, length, "wrong_fact", "1"),
        ]
        drawn = draw_passages(shown, passages)
        assert text_of(drawn) == text_of(shown)
        assert without_marks(drawn) == shown or html.unescape(without_marks(drawn)) == (
            html.unescape(shown)
        )
        assert text_of(clean(drawn)) == text_of(clean(shown))


def without_marks(shown: str) -> str:
    pieces: list[Any] = shown.split('<mark class="passage"')
    rest = [piece.split(">", 1)[1].replace("</mark>", "", 1) for piece in pieces[1:]]
    return "".join([pieces[0], *rest])
