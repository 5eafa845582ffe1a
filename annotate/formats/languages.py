"""Which language a prompt is in, where its file does not say."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Hiragana, katakana (also half width), and the Han characters, 々 among them.
_JAPANESE = re.compile("[\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uff66-\uff9f]")


def guess_language(turns: Iterable[str]) -> str:
    """Guess `ja` where a turn holds kana or kanji, else `en`; other languages must be named."""
    return "ja" if any(_JAPANESE.search(turn) for turn in turns) else "en"
