"""A reply's Markdown as safe HTML."""

import re
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from annotate.rendering.code import MAX_IN_ALL as MAX_CODE
from annotate.rendering.code import highlight
from annotate.rendering.dollars import CLOSING, DISPLAYED, formula_plugin
from annotate.rendering.emphasis import CjkParserInline
from annotate.rendering.formulas import MAX_IN_ALL as MAX_TEX
from annotate.rendering.formulas import render_formula
from annotate.rendering.plain import render_plain
from annotate.rendering.sanitising import sanitise

# Longer texts are shown as they were written: hostile ones take time in proportion, about a
# second at this length.
MAX_CHARACTERS = 40_000
FIRST_HEADING = 3  # the page's own headings are one h1 and the h2 of each answer
LAST_HEADING = 6
_TAG = re.compile(r"<[^>]*>")
_CELL_CLASSES = {"text-align:right": "to-end", "text-align:center": "to-middle"}


def render_reply(text: str) -> str:
    """Give Markdown as HTML of few tags and no address; no text in it is dropped.

    Raw HTML is text. Links and images are text with their addresses: following one would lose the
    comparison, and tell a stranger's server who judges what. Headings begin below the page's own
    and skip no level, so that a screen reader's outline stays whole.
    """
    if len(text) > MAX_CHARACTERS:
        return _as_written(text)
    shown = sanitise(_PARSER.render(text, {})).strip()
    # Such as a fence with nothing in it: there is something to judge, so show it.
    is_blank = not _TAG.sub("", shown).strip() and "<hr>" not in shown
    return _as_written(text) if is_blank and text.strip() else shown


def _as_written(text: str) -> str:
    return sanitise(f'<div class="as-written">{render_plain(text)}</div>')


class _Renderer(RendererHTML):
    """Writes tokens as HTML; each method is the rule for the token of its name."""

    def text(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return render_plain(tokens[idx].content)

    def code_inline(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return f"<code>{render_plain(tokens[idx].content)}</code>"

    def code_block(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return f"<pre><code>{render_plain(tokens[idx].content)}</code></pre>\n"

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        language = (tokens[idx].info.split() or [""])[0]
        return f"<pre><code>{_code(tokens[idx].content, language, env)}</code></pre>\n"

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        alternative = self.renderInlineAsText(token.children, options, env)
        return render_plain(alternative) + _address(token.attrGet("src"), token.attrGet("title"))

    def link_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return ""

    def link_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        start = _start_of_link(tokens, idx)
        if tokens[start].markup == "autolink":
            return ""  # its text is the address
        return _address(tokens[start].attrGet("href"), tokens[start].attrGet("title"))

    def math_inline(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return _formula(tokens[idx], env)

    def math_block(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return f"<p>{_formula(tokens[idx], env)}</p>\n"

    def table_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        # A wide one scrolls by itself, by keys too.
        return '<div class="wide" tabindex="0"><table>\n'

    def table_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<th scope="col"{_cell_class(tokens[idx])}>'

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<td{_cell_class(tokens[idx])}>"


def _start_of_link(tokens: Sequence[Token], end: int) -> int:
    """Give the place of the opening token; links do not nest."""
    return next(i for i in range(end, -1, -1) if tokens[i].type == "link_open")


def _address(address: Any, title: Any) -> str:
    said = f"{address or ''} {title or ''}".strip()
    return f' <span class="address">({render_plain(said)})</span>' if said else ""


def _cell_class(token: Token) -> str:
    name = _CELL_CLASSES.get(str(token.attrGet("style")))
    return f' class="{name}"' if name else ""


def _code(code: str, language: str, env: EnvType) -> str:
    budget = env.get("code_budget", MAX_CODE)
    env["code_budget"] = budget - len(code)
    return highlight(code, language, budget=budget)


def _formula(token: Token, env: EnvType) -> str:
    budget = env.get("tex_budget", MAX_TEX)
    env["tex_budget"] = budget - len(token.content)
    return render_formula(
        token.content,
        source=token.markup + token.content + CLOSING[token.markup],
        is_display=token.markup in DISPLAYED,
        budget=budget,
    )


def _level_headings(state: Any) -> None:
    """Let headings begin at FIRST_HEADING and go down one level at a time."""
    above: list[int] = []
    for token in state.tokens:
        if token.type not in ("heading_open", "heading_close"):
            continue
        if token.type == "heading_open":
            wanted = int(token.tag[1])
            while above and above[-1] >= wanted:
                above.pop()
            above.append(wanted)
        token.tag = f"h{min(FIRST_HEADING + len(above) - 1, LAST_HEADING)}"


def _make_parser() -> MarkdownIt:
    # Line breaks are kept as they were written, and HTML is text.
    md = MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=_Renderer)
    inline = CjkParserInline()
    inline.ruler.enableOnly(md.inline.ruler.get_active_rules())
    inline.ruler2.enableOnly(md.inline.ruler2.get_active_rules())
    md.inline = inline
    md.enable(["table", "strikethrough"])
    # `reference` would drop lines that define an address; in a chat, dashes under a line are a
    # rule and no heading.
    md.disable(["reference", "lheading"])
    md.use(formula_plugin)
    md.core.ruler.push("level_headings", _level_headings)
    return md


_PARSER = _make_parser()
