"""Plain text, and two texts with what differs between them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.rendering import render_difference, render_plain
from annotate.rendering.passages import text_of
from annotate.rendering.plain import MAX_MARKED
from tests.rendering.markup import Markup

TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.just("\n"), max_size=60)


@given(TEXTS)
def test_plain_text_is_the_text(text: str) -> None:
    assert Markup(render_plain(text)).text == text


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d👩\u200d👧",
        "می\u200cخواهم",
        "🏴\U000e0067\U000e0062\U000e007f",
        "葛\U000e0100",
        "ルビ",
    ],
)
def test_signs_that_belong_to_a_script_stay_as_they_are(text: str) -> None:
    assert render_plain(text) == text


@pytest.mark.parametrize(
    ("sign", "kind"),
    [
        ("\u202e", "turn"),
        ("\u2066", "turn"),
        ("\u200b", "zero"),
        ("\ufeff", "zero"),
        ("\u200d", "zero"),
        ("\U000e0041", "zero"),
        ("\u2028", "control"),
    ],
)
def test_signs_that_cannot_be_seen_are_fenced(sign: str, kind: str) -> None:
    assert render_plain(f"a{sign}b") == f'a<bdi class="sign {kind}">{sign}</bdi>b'


def test_signs_beyond_the_limit_are_replaced_one_for_one() -> None:
    n_beyond = 20
    text = "\u200ba" * (MAX_MARKED + n_beyond)
    shown = render_plain(text)
    assert shown.count("<bdi") == MAX_MARKED
    assert len(text_of(shown)) == len(text)
    assert text_of(shown).endswith("\N{REPLACEMENT CHARACTER}a" * n_beyond)


def test_control_characters_are_replaced() -> None:
    assert render_plain("a\x00\x1b\x9fb") == 'a<bdi class="sign control">\ufffd\ufffd\ufffd</bdi>b'


@pytest.mark.parametrize(
    ("a", "b", "marked_a", "marked_b"),
    [
        ("the same", "the same", "the same", "the same"),
        ("The cat sat.", "The dog sat.", "The [cat] sat.", "The [dog] sat."),
        ("recalled it", "recall it", "[recalled] it", "[recall] it"),
        ("今日は雨です", "今日は雪です", "今日は[雨]です", "今日は[雪]です"),
        ("Kurabeは良い", "Kuraberuは良い", "[Kurabe]は良い", "[Kuraberu]は良い"),
        ("one two", "one two three", "one two", "one two[ three]"),
        ("", "new", "", "[new]"),
        ("<b>", "<i>", "<[b]>", "<[i]>"),
        ("हिन्दी एक", "हिन्दू एक", "[हिन्दी] एक", "[हिन्दू] एक"),
        ("red of blue", "green of white", "[red of blue]", "[green of white]"),
    ],
)
def test_differences_are_marked_by_word_or_character(
    a: str, b: str, marked_a: str, marked_b: str
) -> None:
    shown = [
        html.replace("<mark>", "[").replace("</mark>", "]") for html in render_difference(a, b)
    ]
    assert shown == [
        marked_a.replace("<", "&lt;").replace(">", "&gt;"),
        marked_b.replace("<", "&lt;").replace(">", "&gt;"),
    ]


@given(TEXTS, TEXTS)
def test_differences_keep_both_texts_and_what_is_unmarked_is_shared(a: str, b: str) -> None:
    left, right = (Markup(html) for html in render_difference(a, b))
    assert (left.text, right.text) == (a, b)
    assert left.outside.split() == right.outside.split()


@given(TEXTS, TEXTS)
def test_differences_do_not_depend_on_the_side(a: str, b: str) -> None:
    """Where several ways to compare are as short, the shared text is as long."""
    left, right = (Markup(html) for html in render_difference(a, b))
    assert len(Markup(render_difference(a, a)[0]).outside) == len(a)
    assert len(left.outside) == len(right.outside) or left.outside.split() == right.outside.split()


@pytest.mark.parametrize(
    ("a", "b"), [("あいう", "えおか"), ("a b ", "c d "), ("あいう", "いあう"), ("a b ", "b a ")]
)
def test_differences_of_long_texts_take_no_minutes(a: str, b: str) -> None:
    begin = time.perf_counter()
    render_difference((a * 20_000)[:20_000], (b * 20_000)[:20_000])
    assert time.perf_counter() - begin < 5


def test_differences_of_texts_beyond_the_limit_are_coarse() -> None:
    a, b = "x" + "無" * 30_000 + "z", "x" + "有" * 30_000 + "z"
    assert render_difference(a, b)[0] == f"x<mark>{a[1:-1]}</mark>z"
