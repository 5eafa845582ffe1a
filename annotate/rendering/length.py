"""How long a text will be on the screen, so that a page can fold it before it is drawn."""

import unicodedata
from functools import lru_cache

COLUMNS = 84  # of a reply's column on a desk; a wide character takes two
MAX_COUNTED = 2_000  # beyond so many lines' worth of text the rest is not looked at


def count_lines(text: str) -> int:
    """Estimate the lines that a text takes in one of two columns on a desk.

    An empty line counts half: between paragraphs there is half a line.
    """
    lines = text[: COLUMNS * MAX_COUNTED].splitlines()
    full = sum(-(-_columns(line) // COLUMNS) for line in lines)
    return full + sum(not line.strip() for line in lines) // 2


def _columns(line: str) -> int:
    if line.isascii():
        return len(line)
    return sum(map(_width, line))


@lru_cache(maxsize=20_000)  # hostile texts know a million signs
def _width(sign: str) -> int:
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1
