"""Which language a run of text is in, where its letters alone do not tell.

Sentences are told apart by lingua (n-grams of characters up to 5). Its models are loaded when the
first sentence needs them and take about 250 MB, so whatever is plainly in the expected language
never gets there, and `forget_models` gives the memory back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from annotate.generation.scripts import SCRIPTS

if TYPE_CHECKING:
    from lingua import LanguageDetector

# Those that are told apart; more of them cost memory, and mistakes among near relations.
BY_SCRIPT: dict[str, tuple[str, ...]] = {
    "LATIN": ("de", "en", "es", "fr", "id", "it", "nl", "pl", "pt", "tr", "vi"),
    "CYRILLIC": ("bg", "ru", "uk"),
    "ARABIC": ("ar", "fa", "ur"),
}
# A sentence counts from so many words and letters on. Words with a capital are left out before:
# lists of foreign names read like the language of the names.
MIN_WORDS, MIN_LETTERS = 4, 15
MIN_CONFIDENCE = 0.7
# Words that no other of these languages has. English prose is a fifth of them, and a sentence
# with a tenth of them is taken for English unread.
_ENGLISH = frozenset(
    """
    about and are because been but can could did does for from have he how if into it it's its my
    should some than that the their them then these they this what when which who with would you
    your
    """.split()  # noqa: SIM905 - quoted words read worse
)
PLAINLY_ENGLISH = 0.1

_SENTENCE = re.compile(r"[^.!?:;\n。！？：；]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def find_other_sentences(prose: str, *, language: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, stop, language) of sentences in another language of the same script.

    Args:
        language: that is expected, as a primary subtag.
    """
    script = next(iter(SCRIPTS.get(language, ())), "")
    if language not in BY_SCRIPT.get(script, ()):
        return
    for match in _SENTENCE.finditer(prose):
        words = _telling_words(match[0])
        if not words or (language == "en" and _is_plainly_english(words)):
            continue
        found = _identify(" ".join(words), script)
        if found not in ("", language):
            yield match.start(), match.end(), found


def name_language(text: str, *, script: str) -> str:
    """Give the language of a passage in one script, or "" where nothing tells it."""
    alone = [language for language, scripts in SCRIPTS.items() if script in scripts]
    if script in ("HIRAGANA", "KATAKANA"):
        return "ja"
    if script not in BY_SCRIPT:
        return alone[0] if len(alone) == 1 else ""
    words = _telling_words(text)
    if script == "LATIN" and words and _is_plainly_english(words):
        return "en"
    return _identify(" ".join(words), script) if words else ""


def forget_models() -> None:
    """Give the memory of the models back; they are loaded again when they are needed."""
    if not _detector.cache_info().currsize:
        return
    for script in BY_SCRIPT:
        _detector(script).unload_language_models()  # type: ignore[no-untyped-call]  # lingua's stub
    _detector.cache_clear()


def _telling_words(sentence: str) -> list[str]:
    """List the words without capitals, or nothing where they are too few to tell a language."""
    words = _WORD.findall(sentence)
    small = [word.replace("’", "'") for word in words if word == word.lower()]
    enough = len(small) >= MIN_WORDS and sum(map(len, small)) >= MIN_LETTERS
    return small if enough else []


def _is_plainly_english(words: list[str]) -> bool:
    return sum(word in _ENGLISH for word in words) >= PLAINLY_ENGLISH * len(words)


def _identify(text: str, script: str) -> str:
    best = _detector(script).compute_language_confidence_values(text)[0]
    is_sure = best.value >= MIN_CONFIDENCE
    return best.language.iso_code_639_1.name.lower() if is_sure else ""


@lru_cache(maxsize=len(BY_SCRIPT))
def _detector(script: str) -> LanguageDetector:
    from lingua import IsoCode639_1, LanguageDetectorBuilder  # noqa: PLC0415  only where needed

    codes = [getattr(IsoCode639_1, code.upper()) for code in BY_SCRIPT[script]]
    return LanguageDetectorBuilder.from_iso_codes_639_1(*codes).build()
