"""What of a reply is prose, and what is code, formulas and addresses, which are in no language."""

from __future__ import annotations

import re

# Each pattern looks at a letter some hundred times at the most: a reply may be made so that a
# pattern without bounds takes time by the square of its length.
NOT_PROSE = re.compile(
    r"```.*?(?:```|\Z)"  # a reply cut off at max_tokens leaves its last fence open
    r"|~~~.*?(?:~~~|\Z)"
    r"|`[^`\n]+`"
    r"|\$\$.*?\$\$|\\\[.{0,2000}?\\\]|\\\(.{0,1000}?\\\)|\$(?=[^$\n\\^_=]*[\\^_=])[^$\n]*\$"
    r"|</?[A-Za-z][^<>\n]*>"
    r"|(?:https?://|www\.)[!-;=?-~]+"
    r"|(?<![\w.+-])[\w.+-]{1,100}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,9}"
    r"|(?<![\w.])[\w-]{1,63}(?:\.[\w-]{1,63}){0,9}\.(?:com|edu|gov|info|io|jp|net|org)(?![\w.])",
    re.DOTALL | re.ASCII,
)
# Not prose either, though not marked: handles, flags, paths, calls, names with points in them.
_UNMARKED_CODE = re.compile(
    r"(?<![A-Za-z0-9])[@#][A-Za-z]\w*|(?<!\S)--?[A-Za-z][\w-]*|(?<!\w)\.[a-z]\w+"
    r"|(?<![A-Za-z])[A-Za-z][A-Za-z0-9-]{0,99}(?:[._/\\][A-Za-z0-9-]+)+|\w{1,100}\([^()\n]{0,40}\)"
)
# What begins like a command, with what follows in the same letters; a word, only on its own line.
_COMMAND = re.compile(
    r"(?<![\w-])(?:chkdsk|curl|docker|git|grep|kubectl|mkdir|npm|pip|scp|sudo|wget)(?: [!-~]+)+"
    r"|^[^\w\n]*(?:cat|cd|cp|def|echo|from|import|ls|mv|print|python3?|return|rm)(?: [!-~]+)+ *$",
    re.MULTILINE,
)


def blank_code(prose: str) -> str:
    """Write spaces over code that is not marked as such; every place stays where it is."""
    for pattern in (_COMMAND, _UNMARKED_CODE):
        prose = pattern.sub(lambda match: " " * len(match[0]), prose)
    return prose
