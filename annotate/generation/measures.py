"""What can be counted in a completion without a reader, all its replies taken together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from annotate.generation.leakage import Foreign, find_foreign
from annotate.generation.prose import NOT_PROSE
from annotate.generation.refusals import find_refusal
from annotate.generation.repetition import measure_repetition
from annotate.generation.reply_language import ReplyLanguages, reply_languages
from annotate.generation.scripts import SCRIPTS, UNSPACED_LANGUAGES, script_of
from annotate.generation.terms import COMMANDS
from annotate.generation.terms import LOAN_TOKENS as NAMES_AND_UNITS

# Raised by whoever changes what is counted, so that stored measures are made anew.
VERSION = 1
# Casefolded words in Latin letters that are at home in any language.
LOAN_TOKENS = NAMES_AND_UNITS | COMMANDS
# Of a reply that somebody made longer than any model writes, so much of the beginning is looked at.
MAX_CHARACTERS = 100_000
# A language that the prompt names may be quoted, and no more of a reply than this is a quotation.
MOST_QUOTED = 0.5


@dataclass(frozen=True, slots=True)
class CompletionMeasures:
    """Measures of one completion.

    `leakage`, `other_language` and `repetition` are shares in 0..1. `leakage` is of letters
    outside the language that a reply should be in, `other_language` the part of it that stands in
    whole runs of text, in the other `languages` (primary subtags, as far as they are known);
    `n_characters` counts code points, `refusal` is the words in which a reply declines, or "".
    """

    n_characters: int
    leakage: float
    other_language: float
    languages: tuple[str, ...]
    repetition: float
    is_empty: bool
    refusal: str


@dataclass(frozen=True, slots=True)
class _Reply:
    """Letters of one reply, those that are foreign, those of runs of text; repeated characters."""

    n_letters: int
    n_foreign: int
    n_in_runs: int
    languages: frozenset[str]
    n_repeated: float


def measure_completion(
    *,
    turns: Sequence[str],
    replies: Sequence[str],
    language: str,
    system: str = "",
    category: str = "",
    loan_tokens: frozenset[str] = LOAN_TOKENS,
) -> CompletionMeasures:
    """Measure the replies to a prompt's turns, each weighed by its length.

    Args:
        language: of the prompt (a code such as `ja` or `en-GB`); what replies are to be in follows
            from it and from what the prompt asks for (`reply_languages`).
        loan_tokens: casefolded words in Latin letters that are at home in any language.
    """
    counted = []
    for turn, whole in zip(turns, replies, strict=True):
        reply = whole[:MAX_CHARACTERS]
        wanted = reply_languages(turn=turn, language=language, system=system, category=category)
        counted.append(_count(turn, reply, wanted, loan_tokens))
    n_letters = max(1, sum(each.n_letters for each in counted))
    n_characters = sum(map(len, replies))
    n_looked_at = sum(min(len(reply), MAX_CHARACTERS) for reply in replies)
    return CompletionMeasures(
        n_characters=n_characters,
        leakage=sum(each.n_foreign for each in counted) / n_letters,
        other_language=sum(each.n_in_runs for each in counted) / n_letters,
        languages=tuple(sorted(frozenset().union(*(each.languages for each in counted)))),
        repetition=sum(each.n_repeated for each in counted) / max(1, n_looked_at),
        is_empty=not any(reply.strip() for reply in replies),
        refusal=next(filter(None, map(find_refusal, replies)), ""),
    )


def _count(turn: str, reply: str, wanted: ReplyLanguages, loan_tokens: frozenset[str]) -> _Reply:
    """Count a reply in that of the languages it may be in which it fits best."""
    prose = NOT_PROSE.sub(" ", reply)
    is_letter = [bool(script_of(character)) for character in prose]
    n_letters = sum(is_letter)
    foreign, in_runs, runs, main = min(
        (
            (_letters(parts, is_letter), _letters(runs, is_letter), runs, main)
            for main in wanted.main
            for parts in [_find(turn, prose, main, wanted.quoted, loan_tokens, n_letters)]
            for runs in [[part for part in parts if part.is_run]]
        ),
        key=lambda each: each[0],
    )
    by_words = main not in UNSPACED_LANGUAGES
    return _Reply(
        n_letters=n_letters,
        n_foreign=foreign,
        n_in_runs=in_runs,
        languages=frozenset(part.language for part in runs if part.language),
        n_repeated=len(reply) * measure_repetition(prose, by_words=by_words),
    )


def _find(
    turn: str, prose: str, main: str, quoted: frozenset[str], loan_tokens: frozenset[str],
    n_letters: int,
) -> list[Foreign]:  # fmt: skip
    """Find the foreign parts without what is quoted."""
    parts = find_foreign(prose, language=main, prompt=turn, loan_tokens=loan_tokens)
    quotations = [part for part in parts if _is_of(part, quoted)]
    if sum(part.stop - part.start for part in quotations) > MOST_QUOTED * n_letters:
        return parts
    return [part for part in parts if part not in quotations]


def _is_of(part: Foreign, languages: Iterable[str]) -> bool:
    if part.language:
        return part.language in languages
    return any(part.script in SCRIPTS.get(language, ()) for language in languages)


def _letters(parts: Iterable[Foreign], is_letter: Sequence[bool]) -> int:
    """Count the letters that lie in at least one of the parts."""
    places = {place for part in parts for place in range(part.start, part.stop)}
    return sum(is_letter[place] for place in places)
