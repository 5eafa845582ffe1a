"""Which language a reply is to be in: the prompt's, unless the prompt asks for another.

The rule, turn by turn, the first that says something:

1. The category is `translation-en-ja` or the like: the language behind the last hyphen.
2. The turn asks for a translation: the language into which it is to be.
3. The turn, or else the system text, says in which language or languages to answer.
4. The language of the turn's own letters where the prompt's language cannot have them.
5. The prompt's language.

What else the turn names of languages may be quoted: who asks how to learn Japanese gets examples.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from annotate.generation.scripts import SCRIPTS, primary_subtag, script_of

NAMES: dict[str, tuple[str, str]] = {
    "ar": ("Arabic", "アラビア語"),
    "de": ("German", "ドイツ語"),
    "en": ("English", "英語"),
    "es": ("Spanish", "スペイン語"),
    "fr": ("French", "フランス語"),
    "hi": ("Hindi", "ヒンディー語"),
    "id": ("Indonesian", "インドネシア語"),
    "it": ("Italian", "イタリア語"),
    "ja": ("Japanese", "日本語"),
    "ko": ("Korean", "韓国語"),
    "nl": ("Dutch", "オランダ語"),
    "pt": ("Portuguese", "ポルトガル語"),
    "ru": ("Russian", "ロシア語"),
    "th": ("Thai", "タイ語"),
    "vi": ("Vietnamese", "ベトナム語"),
    "zh": ("Chinese", "中国語"),
}
_TAGS = {name.casefold(): tag for tag, names in NAMES.items() for name in names}
_ENGLISH = "|".join(english for english, _japanese in NAMES.values())
_JAPANESE = "|".join(japanese for _english, japanese in NAMES.values())
_NAME = re.compile(rf"\b(?:{_ENGLISH})\b|{_JAPANESE}", re.IGNORECASE)
_CATEGORY = re.compile(r"translation-[a-z]{2,3}-([a-z]{2,3})")
_TRANSLATE = re.compile(
    rf"\btranslat\w*\b[^.?!\n]{{0,40}}?\b(?:in)?to\s+(?P<en>{_ENGLISH})\b"
    rf"|(?P<ja>{_JAPANESE})に(?:翻訳|訳|直)",
    re.IGNORECASE,
)
_ANSWER_IN = re.compile(
    r"\b(?:answer|reply|respond|write|speak)\b[^.?!,\n]{0,20}?\bin\s+(?:either\s+)?"
    rf"(?P<en>(?:{_ENGLISH})(?:(?:,\s*|\s+or\s+|\s+and\s+)(?:{_ENGLISH}))*)\b"
    rf"|(?P<ja>(?:{_JAPANESE})(?:(?:、|または|又は|か|と|や)(?:{_JAPANESE}))*)"
    r"(?:で|のみで)[^。\n]{0,8}(?:返信|回答|返答|答え|応答|書い|話し|お願い)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ReplyLanguages:
    """Primary subtags: of the languages that a reply may be in, and of those it may quote."""

    main: tuple[str, ...]
    quoted: frozenset[str]


def reply_languages(
    *, turn: str, language: str, system: str = "", category: str = ""
) -> ReplyLanguages:
    """Say which language the reply to a turn is to be in.

    Args:
        language: of the prompt (a code such as `ja` or `en-GB`).
    """
    main = _asked_for(turn, system, category) or (_written(turn, primary_subtag(language)),)
    named = {_TAGS[name.casefold()] for name in _NAME.findall(turn)}
    return ReplyLanguages(main=main, quoted=frozenset(named) - set(main))


def _asked_for(turn: str, system: str, category: str) -> tuple[str, ...]:
    if told := _CATEGORY.fullmatch(category):
        return (told[1],)
    if told := _TRANSLATE.search(turn):
        return _tags_in(told)
    for text in (turn, system):
        if told := _ANSWER_IN.search(text):
            return _tags_in(told)
    return ()


def _tags_in(match: re.Match[str]) -> tuple[str, ...]:
    names = _NAME.findall(match["en"] or match["ja"])
    return tuple(dict.fromkeys(_TAGS[name.casefold()] for name in names))


def _written(turn: str, language: str) -> str:
    """Give `ja` for a turn with kana that is said to be in a language without them."""
    scripts = {script_of(character) for character in turn} - {""}
    at_home = SCRIPTS.get(language, frozenset())
    kana = scripts & {"HIRAGANA", "KATAKANA"}
    return "ja" if at_home and not scripts & at_home and kana else language
