"""A reply's Markdown as a reader expects it."""

import time

import pytest

from annotate.rendering import count_lines, render_reply
from tests.rendering.markup import Markup


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "<p>plain</p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("**b** *i* ~~s~~ `c`", "<p><strong>b</strong> <em>i</em> <s>s</s> <code>c</code></p>"),
        ("<b>x</b> &amp;", "<p>&lt;b&gt;x&lt;/b&gt; &amp;</p>"),
        ("> q", "<blockquote>\n<p>q</p>\n</blockquote>"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>'),
        ("a\n---\nb", "<p>a</p>\n<hr>\n<p>b</p>"),
        ("[x]: https://a.invalid", "<p>[x]: https://a.invalid</p>"),
        (
            "<ruby>漢<rt>かん</rt></ruby>",
            "<p>&lt;ruby&gt;漢&lt;rt&gt;かん&lt;/rt&gt;&lt;/ruby&gt;</p>",
        ),
        ("", ""),
    ],
)
def test_markdown_becomes(text: str, html: str) -> None:
    assert render_reply(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "これは**「重要」**です。",
        "**注意：**必ず",
        "*「傍点」*の例",
        "中文**“引号”**中文",
        "한국어**(강조)**는",
    ],
)
def test_emphasis_needs_no_spaces_beside_japanese(text: str) -> None:
    html = render_reply(text)
    assert "<strong>" in html or "<em>" in html
    assert "*" not in html


def test_emphasis_in_english_stays_as_commonmark_has_it() -> None:
    assert render_reply(
        'a**"b"**c and 2 * 3 * 4'
    ) == "<p>a**&quot;b&quot;**c and 2 * 3 * 4</p>".replace("&quot;", '"')


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[l](https://e.invalid/a?b=c)", "l (https://e.invalid/a?b=c)"),
        ('![alt *x*](https://e.invalid/i.png "t")', "alt x (https://e.invalid/i.png t)"),
        ("<https://e.invalid/>", "https://e.invalid/"),
        ("[l](javascript:x)", "[l](javascript:x)"),
        ("[**b** `c`](mailto:a@e.invalid)", "b c (mailto:a@e.invalid)"),
    ],
)
def test_addresses_are_shown_and_lead_nowhere(text: str, shown: str) -> None:
    markup = Markup(render_reply(text))
    assert markup.text.strip() == shown
    assert markup.faults == []


def test_headings_begin_under_the_pages_own_and_skip_no_level() -> None:
    html = render_reply("### a\n# b\n#### c\n## d\n# e\n## f\n### g\n#### h\n##### i")
    assert Markup(html).tags == [
        "h3",
        "h3",
        "h4",
        "h4",
        "h3",
        "h4",
        "h5",
        "h6",
        "h6",
    ]


def test_tables_have_column_headings_and_sides() -> None:
    html = render_reply("| a | b |\n|:-:|--:|\n| 1 | 2 |")
    assert '<th scope="col" class="to-middle">a</th>' in html
    assert '<td class="to-end">2</td>' in html
    assert html.startswith('<div class="wide" tabindex="0"><table>')


def test_code_is_coloured_by_classes() -> None:
    html = render_reply("```python\n# c\ndef f(): return 'a', 1\n```")
    assert Markup(html).text == "# c\ndef f(): return 'a', 1\n"
    for kind in ("comment", "keyword", "name", "string", "number"):
        assert f'<span class="{kind}">' in html


@pytest.mark.parametrize("text", ["```x-unknown\na < b\n```", "```\na < b\n```", "    a < b"])
def test_code_of_no_known_language_stays_plain(text: str) -> None:
    assert render_reply(text) == "<pre><code>a &lt; b\n</code></pre>"


def test_code_beyond_the_limits_stays_plain() -> None:
    assert "<span" not in render_reply("```python\n" + "x = 1\n" * 600 + "```")
    html = render_reply(("```python\n" + "x = 1\n" * 400 + "```\n") * 4)
    assert html.count('<span class="number">') == 800


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("$x^2$", 1),
        ("$$x^2$$", 1),
        (r"\(x^2\)", 1),
        (r"\[x^2\]", 1),
        ("a $n$th and $x$、$y$。", 3),
        ("$$\n\\frac{a}{b}\n$$", 1),
        ("\\[\n\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}\n\\]", 1),
        ("- $a$\n- b\n\n  $$\n  c\n  $$", 2),
        ("関数$f(x)=x$は", 1),
        ("| $a$ | b |\n|---|---|", 1),
        ("> $$\n> a\n> $$", 1),
        ("$5 and $10", 0),
        ("US$5 to US$6", 0),
        ("5$/month, 10$/year", 0),
        ("it costs $5, not $6!", 0),
        ("$5-$10", 0),
        ("\\$5\\$", 0),
        ("`$x$`", 0),
        ("    $$x$$", 0),
        ("$ x $", 0),
        ("$a\nb$", 0),
        ("$HOME and $PATH", 0),
        ("価格は$5です。次は$6です", 0),
        (r"\[note\](x)", 0),
        (r"\(so to say\)", 0),
        ("$5 million or 6 million US$", 0),
    ],
)
def test_formulas_are_found_and_prices_are_none(text: str, n: int) -> None:
    assert render_reply(text).count("<math") == n


def test_formulas_say_how_they_are_displayed() -> None:
    assert '<math display="inline"><mrow><mi>x</mi></mrow></math>' in render_reply("a $x$")
    assert '<math display="block"><mrow><mi>x</mi></mrow></math>' in render_reply("$$x$$")


@pytest.mark.parametrize(
    "tex",
    [r"\nosuch{x}", r"\frac{1}", "x^a^b", r"\begin{matrix} a", "a}{b", r"\newcommand{\a}{b}\a"],
)
def test_formulas_that_cannot_be_converted_show_their_source(tex: str) -> None:
    html = render_reply(f"a ${tex}$ b")
    assert "<math" not in html
    assert '<code class="tex">' in html
    assert Markup(html).text == f"a ${tex}$ b"


def test_formulas_beyond_the_limit_show_their_source() -> None:
    html = render_reply(("$" + "x+" * 900 + "x$\n\n") * 6)
    assert (html.count("<math"), html.count('class="tex"')) == (4, 2)


def test_less_than_in_a_formulas_text_is_text() -> None:
    assert Markup(render_reply(r"$\text{<b>}$")).text.strip() == "<b>"


@pytest.mark.parametrize("text", ["```\n```", "#", "-", "> ", "\u00a0**"])
def test_something_is_always_shown(text: str) -> None:
    assert Markup(render_reply(text)).text.strip() != "" or "<li>" in render_reply(text)


def test_signs_that_turn_text_are_fenced() -> None:
    assert render_reply("a\u202eb") == '<p>a<bdi class="sign turn">\u202e</bdi>b</p>'
    assert '<code><bdi class="sign zero">\u200b</bdi></code>' in render_reply("`\u200b`")


def test_text_beyond_the_limit_is_shown_as_written() -> None:
    text = "**a** <b>\n" * 5_000
    html = render_reply(text)
    assert html.startswith('<div class="as-written">**a** &lt;b&gt;\n')
    assert Markup(html).text == text


def test_a_long_reply_takes_less_than_a_blink() -> None:
    part = (
        "A paragraph of some length, as a reply has many. " * 6
        + "\n\n# H\n\nSome **bold** `code`, a [link](https://e.invalid) and $x^2$.\n\n- one\n"
        + "- two\n\n| a |\n|---|\n| 1 |\n\n"
    )
    text = (part * 200)[:20_000]
    render_reply(text)
    times = []
    for _time in range(3):
        begin = time.process_time()
        render_reply(text)
        times.append(time.process_time() - begin)
    assert min(times) < 0.1  # about 25 ms by itself; other work runs beside the tests


@pytest.mark.parametrize(
    ("text", "n"),
    [("", 0), ("a", 1), ("a\n\n\nb", 3), ("a" * 85, 2), ("無" * 43, 2), ("無" * 42, 1)],
)
def test_lines_are_counted_as_on_the_screen(text: str, n: int) -> None:
    assert count_lines(text) == n
