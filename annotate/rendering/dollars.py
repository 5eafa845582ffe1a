r"""Where formulas stand in Markdown: `$…$`, `$$…$$`, `\(…\)` and `\[…\]`.

Dollars are money as well, so a single one opens a formula only as in Pandoc: no space after the
opening dollar nor before the closing one, no digit after it. Here, too, no letter or digit stands
before the opening one (`US$5`), all is on one line, and it does not read as prose.
"""

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from annotate.rendering.formulas import MAX_CHARACTERS

CLOSING = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}
DISPLAYED = ("$$", "\\[")
MAX_LINES = 40  # of a displayed formula


def formula_plugin(md: MarkdownIt) -> None:
    """Let a parser find formulas; their tokens are `math_inline` and `math_block`."""
    md.inline.add_terminator_char("$")
    md.inline.ruler.before("escape", "math_inline", _find_inline)
    md.block.ruler.before(
        "fence", "math_block", _find_block, {"alt": ["paragraph", "blockquote", "list"]}
    )


def _find_inline(state: StateInline, silent: bool) -> bool:
    start = state.pos
    opening = next((sign for sign in CLOSING if state.src.startswith(sign, start)), None)
    if opening is None or start + len(opening) >= state.posMax:
        return False
    begin = start + len(opening)
    end = _find_closing(state.src, opening, begin, min(state.posMax, begin + MAX_CHARACTERS))
    if end < 0 or not _is_formula(state.src, opening, begin, end):
        return False
    if not silent:
        token = state.push("math_inline", "math", 0)
        token.content, token.markup = state.src[begin:end], opening
    state.pos = end + len(CLOSING[opening])
    return True


def _find_closing(text: str, opening: str, begin: int, limit: int) -> int:
    """Give the place of the closing delimiter, or -1; `\\$` closes nothing."""
    end = text.find(CLOSING[opening], begin, limit)
    while opening == "$" and end > 0 and text[end - 1] == "\\":
        end = text.find("$", end + 1, limit)
    return end


def _is_formula(text: str, opening: str, begin: int, end: int) -> bool:
    tex = text[begin:end]
    if not tex.strip():
        return False
    if opening == "$$":
        return True
    if opening == "$":
        before, after = text[begin - 2 : begin - 1], text[end + 1 : end + 2]
        if tex[0].isspace() or tex[-1].isspace() or "\n" in tex or after.isdigit():
            return False
        if before == "$" or (before.isascii() and before.isalnum()):
            return False
    if opening == "\\[" and (not set(tex) & set("\\^_=+<>") or text[end + 2 : end + 3] == "("):
        return False  # escaped brackets, not a formula
    return not _is_prose(tex)


def _is_prose(tex: str) -> bool:
    """Tell whether there are words and nothing of mathematics."""
    is_plain = not set(tex) & set("\\^_=+<>")
    return is_plain and sum(len(word) > 1 and word.isalpha() for word in tex.split()) >= 2


def _find_block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    text = _line(state, first)
    opening = next((sign for sign in DISPLAYED if text.startswith(sign)), None)
    if opening is None or state.is_code_block(first):
        return False
    closing = CLOSING[opening]
    lines = [text[2:]]
    number = first
    while not _closes(lines[-1], closing):
        number += 1
        is_over = number >= min(last, first + MAX_LINES) or state.isEmpty(number)
        if is_over or closing in lines[-1] or state.sCount[number] < state.blkIndent:
            return False
        lines.append(_line(state, number))
    lines[-1] = lines[-1].rstrip()[:-2]
    tex = "\n".join(lines)
    if not tex.strip() or closing in tex:
        return False
    if not silent:
        token = state.push("math_block", "math", 0)
        token.block, token.content, token.markup = True, tex, opening
        token.map = [first, number + 1]
        state.line = number + 1
    return True


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _closes(line: str, closing: str) -> bool:
    return line.rstrip().endswith(closing)
