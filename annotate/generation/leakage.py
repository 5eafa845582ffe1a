"""Which parts of a reply are not in the language that it should be in.

A letter is foreign where it is of a script that the language is not written in, unless it is part
of a name, a gloss, code, or a word that is at home anywhere; and a whole run of text is foreign
where it is in another language, whatever its letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from annotate.generation.chinese import find_chinese, is_chinese
from annotate.generation.language_id import MIN_WORDS, find_other_sentences, name_language
from annotate.generation.prose import blank_code
from annotate.generation.scripts import SCRIPTS, is_foreign, script_of
from annotate.generation.terms import COMMANDS, LOAN_TOKENS, STOP_WORDS

# A term that is spoken of, and one with its reading or meaning behind it: 鬼滅の刃 (Demon Slayer).
_QUOTED = re.compile(r"[\"“'‘「『*]([^\"“”'‘’「」『』*\n]{1,12})[\"”'’」』*]")
_GLOSSED = re.compile(
    r"(?P<term>[^\s()（）「」『』。、]{1,20})[」』\"'*]{0,3} ?"
    r"[(（](?P<gloss>[^()（）\n]{1,48})[)）]"
)
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
MAX_NAME_WORDS = 8
# Latin letters that stand alone and are so few are signs: 250 cc, au, 東京喰種:re.
MAX_SIGN_LETTERS = 2
# Foreign letters are a run of text from so many on; fewer are words.
MIN_RUN_LETTERS = 8
# As much as may stand between two words of one stretch.
MAX_GAP = 4
# Of these a single letter is a sign: C, Ψ, ħ.
_LETTERS = {"LATIN", "GREEK", "CYRILLIC", "HEBREW"}
_ONE_WRITING = {"HIRAGANA": "HAN", "KATAKANA": "HAN", "HAN": "HAN", "BOPOMOFO": "HAN"}


@dataclass(frozen=True, slots=True)
class Foreign:
    """A part (start, stop) of a prose, with its script, and its language as far as it is known.

    `is_run` says whether it is a run of text; else it is a word.
    """

    start: int
    stop: int
    script: str
    language: str
    is_run: bool


class _Token(NamedTuple):
    """Foreign letters with nothing between them."""

    start: int
    stop: int
    script: str
    text: str


def find_foreign(
    prose: str, *, language: str, prompt: str, loan_tokens: frozenset[str] = LOAN_TOKENS | COMMANDS
) -> list[Foreign]:
    """Find what of a prose is not in `language`, a primary subtag; parts may overlap.

    A language that `SCRIPTS` does not list has none, since nothing tells its letters from others'.

    Args:
        prose: a reply without what `NOT_PROSE` finds.
        prompt: whose words are allowed.
        loan_tokens: casefolded words in Latin letters that are at home anywhere.
    """
    if language not in SCRIPTS:
        return []
    prose = blank_code(prose.translate(_FULL_WIDTH))
    allowed = _Allowed(prose, prompt, language, loan_tokens)
    parts = [
        part for stretch in _stretches(prose, language) for part in _judge(stretch, prose, allowed)
    ]
    if language == "ja":
        parts += [Foreign(*span, "HAN", "zh", is_run=True) for span in find_chinese(prose)]
    for start, stop, other in find_other_sentences(prose, language=language):
        parts.append(Foreign(start, stop, script_of_text(prose[start:stop]), other, is_run=True))
    return parts


def script_of_text(text: str) -> str:
    """Give the script of a text's first letter, or ""."""
    return next(filter(None, map(script_of, text)), "")


def _stretches(prose: str, language: str) -> Iterator[list[_Token]]:
    """Yield foreign words, those of one way of writing together where only marks part them."""
    stretch: list[_Token] = []
    for token in _tokens(prose, language):
        if stretch and not _goes_on(stretch[-1], token, prose):
            yield stretch
            stretch = []
        stretch.append(token)
    if stretch:
        yield stretch


def _tokens(prose: str, language: str) -> Iterator[_Token]:
    place = 0
    for script, run in groupby(prose, key=lambda c: _foreign_script(c, language)):
        text = "".join(run)
        if script:
            yield _Token(place, place + len(text), script, text)
        place += len(text)


def _foreign_script(character: str, language: str) -> str:
    if not is_foreign(character, language=language):
        return ""
    script = script_of(character)
    return _ONE_WRITING.get(script, script)


def _goes_on(before: _Token, token: _Token, prose: str) -> bool:
    gap = prose[before.stop : token.start]
    return (
        before.script == token.script
        and len(gap) <= MAX_GAP
        and not any(character == "\n" or script_of(character) for character in gap)
    )


class _Allowed:
    """What may stand in a reply whatever its language."""

    def __init__(self, prose: str, prompt: str, language: str, loan_tokens: frozenset[str]) -> None:
        self._loan_tokens = loan_tokens
        self._prompt = _fold(prompt)
        self._prompt_words = frozenset(re.findall(r"[a-z]+", self._prompt))
        self._glosses = [match.span(1) for match in _QUOTED.finditer(prose)]
        for match in _GLOSSED.finditer(prose):
            # One of the two is in the reply's language, and the other says the same again.
            if any(_is_at_home(text, language) for text in match.groups()):
                self._glosses += [match.span("term"), match.span("gloss")]

    def is_gloss(self, stretch: Sequence[_Token]) -> bool:
        """Say whether it stands in brackets after a word, or is a term in quotation marks."""
        start, stop = stretch[0].start, stretch[-1].stop
        return any(first <= start and stop <= last for first, last in self._glosses)

    def is_word(self, token: _Token) -> bool:
        """Say whether it is a word of the prompt, a single sign, or at home anywhere."""
        folded = _fold(token.text)
        if len(folded) == 1 and token.script in _LETTERS:
            return True
        if folded.isascii():
            return folded in self._loan_tokens or folded in self._prompt_words
        return folded in self._prompt


def _is_at_home(text: str, language: str) -> bool:
    """Say whether a text has letters, and the first is of the language's own."""
    first = next((character for character in text if script_of(character)), "")
    return bool(first) and not is_foreign(first, language=language)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _judge(stretch: list[_Token], prose: str, allowed: _Allowed) -> Iterator[Foreign]:
    """Yield what counts of a stretch: all of a run of text, else the words that are not allowed."""
    words = [token for token in stretch if not allowed.is_word(token)]
    if not words or allowed.is_gloss(stretch):
        return
    script, start, stop = stretch[0].script, stretch[0].start, stretch[-1].stop
    if script == "LATIN":
        is_sign = len(stretch) == 1 and len(words[0].text) <= MAX_SIGN_LETTERS
        if is_sign or _is_name(stretch):
            return
        words = [word for word in words if word.text == word.text.lower()]
        is_run = sum(token.text == token.text.lower() for token in stretch) >= MIN_WORDS
    else:
        is_run = sum(len(token.text) for token in stretch) >= MIN_RUN_LETTERS
    if is_run:
        yield Foreign(start, stop, script, _name(prose[start:stop], script), is_run=True)
        return
    for word in words:
        yield Foreign(word.start, word.stop, script, _name(word.text, script), is_run=False)


def _name(text: str, script: str) -> str:
    """Name the language of a stretch; kanji alone are Japanese unless they tell otherwise."""
    if script != "HAN":
        return name_language(text, script=script)
    han_only = not any(script_of(character) in ("HIRAGANA", "KATAKANA") for character in text)
    return "zh" if han_only and is_chinese(text) else "ja"


def _is_name(stretch: Sequence[_Token]) -> bool:
    """Say whether a stretch reads as a name, as half of its words do: Attack on Titan.

    Words that no name is made of (The, You) are none by their capitals.
    """
    if len(stretch) > MAX_NAME_WORDS:
        return False
    capitals = [token for token in stretch if token.text != token.text.lower()]
    says_something = any(token.text.casefold() not in STOP_WORDS for token in capitals)
    return says_something and 2 * len(capitals) >= len(stretch)
