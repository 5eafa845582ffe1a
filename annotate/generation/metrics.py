"""Automatic measures of one reply: foreign letters, loops, and whether it is about the prompt."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import groupby

from annotate.generation.prose import NOT_PROSE
from annotate.generation.repetition import measure_repetition
from annotate.generation.scripts import (
    SCRIPTS,
    UNSPACED_LANGUAGES,
    is_foreign,
    primary_subtag,
    script_of,
)
from annotate.generation.terms import LOAN_TOKENS, count_terms_taken_up


@dataclass(frozen=True, slots=True)
class ReplyMetrics:
    """What can be counted in a reply without a reader.

    `leakage`, `repetition` and `overlap` are shares in 0..1; `n_characters` counts code points.
    """

    n_characters: int
    leakage: float
    repetition: float
    overlap: float
    is_empty: bool


def measure_reply(*, prompt: str, reply: str, language: str) -> ReplyMetrics:
    """Measure a reply to `prompt` that should be in `language` (a code such as `ja` or `en-GB`).

    `language` is that of the reply: pass the target where the prompt asks for a translation.
    A language that `SCRIPTS` does not list has leakage 0, since nothing tells its letters from
    others'; such a language is otherwise read as one written with spaces.
    """
    language = primary_subtag(language)
    prose = NOT_PROSE.sub(" ", reply)
    return ReplyMetrics(
        n_characters=len(reply),
        leakage=_measure_leakage(prose, prompt=prompt, language=language),
        repetition=measure_repetition(prose, by_words=language not in UNSPACED_LANGUAGES),
        overlap=_measure_overlap(prompt=prompt, reply=reply),
        is_empty=not reply.strip(),
    )


def _measure_leakage(prose: str, *, prompt: str, language: str) -> float:
    """Return the share of letters that belong to foreign tokens.

    A token is a run of foreign letters. Single Latin letters (C in ビタミンC, an option B) are
    signs rather than words, and names and abbreviations of `LOAN_TOKENS` are at home anywhere.
    """
    if language not in SCRIPTS:
        return 0.0
    n_letters = sum(1 for character in prose if script_of(character))
    folded_prompt = unicodedata.normalize("NFKC", prompt).casefold()
    prompt_words = frozenset(re.findall(r"[a-z]+", folded_prompt))
    n_foreign = 0
    for foreign, run in groupby(prose, key=lambda c: is_foreign(c, language=language)):
        token = "".join(run)
        if foreign and not _is_allowed(token, folded_prompt, prompt_words):
            n_foreign += len(token)
    return n_foreign / n_letters if n_letters else 0.0


def _is_allowed(token: str, folded_prompt: str, prompt_words: frozenset[str]) -> bool:
    folded = unicodedata.normalize("NFKC", token).casefold()
    if folded.isascii():
        return len(folded) == 1 or folded in LOAN_TOKENS or folded in prompt_words
    return folded in folded_prompt


def _measure_overlap(*, prompt: str, reply: str) -> float:
    """Return the share of the prompt's content terms that stand in the reply.

    A prompt without a content term asks for none, so that any reply but an empty one has 1.
    """
    if not reply.strip():
        return 0.0
    n_taken_up, n_terms = count_terms_taken_up(prompt=prompt, reply=reply)
    return n_taken_up / n_terms if n_terms else 1.0
