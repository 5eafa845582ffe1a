"""The house's own words, and an admin's, as safe HTML."""

import re

from annotate.rendering.reply import render_reply

# A line break inside a paragraph is only where the source was wrapped: unlike a reply's, it is
# nothing that anybody meant. Between two characters without spaces of their own it vanishes.
_BLOCK = r"[ \t]*(?:[-*+>#|]\s|\d+[.)]\s|\n)"
_BETWEEN_WIDE = re.compile(rf"(?<=[^\x00-\u2e7f])\n(?!{_BLOCK})(?=[^\x00-\u2e7f]|\*\*)")
_WRAPPED = re.compile(rf"(?<!\n)\n(?!{_BLOCK}|$)")


def render_prose(text: str) -> str:
    """Give Markdown in which lines flow, unless it holds code, which keeps its lines."""
    text = text.replace("\r\n", "\n")
    if "```" in text:
        return render_reply(text)
    return render_reply(_WRAPPED.sub(" ", _BETWEEN_WIDE.sub("", text)))
