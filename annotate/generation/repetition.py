"""How much of a text says again what it has just said."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

# (units in the n-gram, times it must stand): long enough that ordinary turns of phrase
# (することができます。, "one of the most important") do not count. Units are words or characters.
FREQUENT_WORDS = ((7, 3), (20, 2))
FREQUENT_CHARACTERS = ((16, 3), (40, 2))
# At least this many units in one run of a block said three times or more: どきどき and
# "no, no, no" are language, ああああああああ and "the the the the the" are a loop.
RUN_WORDS = 5
RUN_CHARACTERS = 8
RUN_SYMBOLS = 12
# A block as long as a sentence is a loop when it is said twice in a row.
SENTENCE_WORDS = 5
SENTENCE_CHARACTERS = 12
MAX_PERIOD = 64
_RULE_LINE = re.compile(r"^[\s|:=*_+─━―~\-]+$", re.MULTILINE)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]|_")


def measure_repetition(prose: str, *, by_words: bool) -> float:
    """Return the share (0..1) of the characters of `prose` that repeat an n-gram.

    A block said three times or more in a row counts from its second copy on, so does a sentence
    said twice in a row, and an n-gram of `FREQUENT_*` that stands often enough anywhere. Ruled
    lines are left out.
    """
    text = _RULE_LINE.sub(" ", prose).casefold()
    units = _WORD.findall(text) if by_words else [c for c in text if not c.isspace()]
    if not units:
        return 0.0
    ids = _number_units(units)
    lengths = np.array([len(unit) for unit in units])
    is_symbol = np.array([not any(c.isalpha() for c in unit) for unit in units])
    shortest, sentence = (
        (RUN_WORDS, SENTENCE_WORDS) if by_words else (RUN_CHARACTERS, SENTENCE_CHARACTERS)
    )
    covered = _cover_runs(ids, is_symbol, shortest=shortest, sentence=sentence)
    for n, times in FREQUENT_WORDS if by_words else FREQUENT_CHARACTERS:
        covered |= _cover_frequent(ids, n=n, times=times)
    return float(lengths[covered].sum() / lengths.sum())


def _number_units(units: list[str]) -> NDArray[np.int64]:
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(unit, len(numbers)) for unit in units], dtype=np.int64)


def _cover_runs(
    ids: NDArray[np.int64], is_symbol: NDArray[np.bool_], *, shortest: int, sentence: int
) -> NDArray[np.bool_]:
    """Mark what repeats the block just before it."""
    covered = np.zeros(len(ids), dtype=bool)
    for period in range(1, min(MAX_PERIOD, len(ids) // 2) + 1):
        same = np.concatenate(([False], ids[period:] == ids[:-period], [False]))
        edges = np.flatnonzero(np.diff(same.astype(np.int8)))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            only_symbols = is_symbol[start : start + period].all()
            copies = 2 if period >= sentence and not only_symbols else 3
            needed = max(copies * period, RUN_SYMBOLS if only_symbols else shortest)
            if stop - start + period >= needed:
                covered[start + period : stop + period] = True
    return covered


def _cover_frequent(ids: NDArray[np.int64], *, n: int, times: int) -> NDArray[np.bool_]:
    """Mark each n-gram that stands `times` or more, from its second place on."""
    covered = np.zeros(len(ids), dtype=bool)
    if len(ids) < n * times:
        return covered
    windows = np.lib.stride_tricks.sliding_window_view(ids, n)
    _, first, group, counts = np.unique(
        windows, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    group = group.reshape(-1)
    again = (counts[group] >= times) & (first[group] != np.arange(len(group)))
    for start in np.flatnonzero(again):
        covered[start : start + n] = True
    return covered
