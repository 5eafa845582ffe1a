"""Which script a letter belongs to, and which scripts a language is written in."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Letters by category that are signs in every language: µ, ª, mathematical alphabets, ʼ.
_COMMON = frozenset(
    {"MICRO", "FEMININE", "MASCULINE", "MATHEMATICAL", "DOUBLE-STRUCK", "BLACK-LETTER", "MODIFIER"}
)
_ALIASES = {"CJK": "HAN", "IDEOGRAPHIC": "HAN", "KATAKANA-HIRAGANA": "KATAKANA"}
_WIDTHS = ("FULLWIDTH ", "HALFWIDTH ")

_LATIN = frozenset({"LATIN"})
_CYRILLIC = frozenset({"CYRILLIC"})
_ARABIC = frozenset({"ARABIC"})
_WRITTEN_IN_LATIN = """
    cs da de en es et fi fr hr hu id it lt lv ms nb nl no pl pt ro sk sl sv sw tl tr vi
"""
SCRIPTS: dict[str, frozenset[str]] = {
    "ja": frozenset({"HIRAGANA", "KATAKANA", "HAN"}),
    "zh": frozenset({"HAN", "BOPOMOFO"}),
    "ko": frozenset({"HANGUL", "HAN"}),
    "ar": _ARABIC,
    "fa": _ARABIC,
    "ur": _ARABIC,
    "bg": _CYRILLIC,
    "ru": _CYRILLIC,
    "uk": _CYRILLIC,
    "el": frozenset({"GREEK"}),
    "he": frozenset({"HEBREW"}),
    "hi": frozenset({"DEVANAGARI"}),
    "th": frozenset({"THAI"}),
    **dict.fromkeys(_WRITTEN_IN_LATIN.split(), _LATIN),
}
UNSPACED_LANGUAGES = frozenset({"ja", "km", "lo", "my", "th", "zh"})


@lru_cache(maxsize=4_096)
def primary_subtag(language: str) -> str:
    """Return `ja` for `ja`, `ja-JP` and `JA_jp`."""
    return re.split(r"[-_]", language.strip().lower(), maxsplit=1)[0]


@lru_cache(maxsize=65_536)
def script_of(character: str) -> str:
    """Return the script of one character (`LATIN`, `HAN`, ...), or "" for what is no letter."""
    if not unicodedata.category(character).startswith("L"):
        return ""
    name = unicodedata.name(character, "")
    for width in _WIDTHS:
        name = name.removeprefix(width)
    first = name.split(" ", maxsplit=1)[0]
    return "" if first in _COMMON else _ALIASES.get(first, first)


@lru_cache(maxsize=65_536)
def is_japanese_han(character: str) -> bool:
    """Say whether a Han character stands in a Japanese standard (JIS X 0208, 0213 or cp932)."""
    for encoding in ("euc_jis_2004", "cp932"):
        try:
            character.encode(encoding)
        except UnicodeEncodeError:
            continue
        return True
    return False


def is_foreign(character: str, *, language: str) -> bool:
    """Say whether a letter lies outside the scripts of `language`.

    `language` is a primary subtag of `SCRIPTS`. Chinese written with shared kanji reads as
    Japanese here; only simplified forms that no Japanese standard holds (这, 们) are told apart.
    """
    script = script_of(character)
    if not script:
        return False
    if script not in SCRIPTS[language]:
        return True
    return language == "ja" and script == "HAN" and not is_japanese_han(character)
