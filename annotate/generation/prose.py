"""What of a reply is prose, and what is code, formulas and addresses, which are in no language."""

from __future__ import annotations

import re

NOT_PROSE = re.compile(
    r"```.*?(?:```|\Z)"  # a reply cut off at max_tokens leaves its last fence open
    r"|~~~.*?(?:~~~|\Z)"
    r"|`[^`\n]+`"
    r"|\$\$.*?\$\$|\\\[.*?\\\]|\\\(.*?\\\)|\$[^$\n]*[\\^_=][^$\n]*\$"
    r"|</?[A-Za-z][^<>\n]*>"
    r"|(?:https?://|www\.)[!-;=?-~]+"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?<![\w.])[\w-]+(?:\.[\w-]+)*\.(?:com|edu|gov|info|io|jp|net|org)(?![\w.])",
    re.DOTALL | re.ASCII,
)
# Not prose either, though not marked: handles, flags, paths, calls, names with points in them.
_UNMARKED_CODE = re.compile(
    r"(?<![A-Za-z0-9])[@#][A-Za-z]\w*|(?<!\S)--?[A-Za-z][\w-]*|(?<!\w)\.[a-z]\w+"
    r"|[A-Za-z][A-Za-z0-9-]*(?:[._/\\][A-Za-z0-9-]+)+|\w+\([^()\n]{0,40}\)"
)
# What begins like a command, with what follows in the same letters; a word, only on its own line.
_COMMAND = re.compile(
    r"(?<![\w-])(?:chkdsk|curl|docker|git|grep|kubectl|mkdir|npm|pip|scp|sudo|wget)(?: [!-~]+)+"
    r"|^\W*(?:cat|cd|cp|def|echo|from|import|ls|mv|print|python3?|return|rm)(?: [!-~]+)+ *$",
    re.MULTILINE,
)


def blank_code(prose: str) -> str:
    """Write spaces over code that is not marked as such; every place stays where it is."""
    for pattern in (_COMMAND, _UNMARKED_CODE):
        prose = pattern.sub(lambda match: " " * len(match[0]), prose)
    return prose
