"""Tells a misspelt column from one that is the file's own business."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache

from annotate.formats.errors import Finding, FormatError
from annotate.formats.rows import Location

# Below this share of letters in common, two words are taken for different ones.
_MIN_LIKENESS = 0.8
_MIN_ABBREVIATION = 4


def refuse_misspelt(location: Location, columns: Iterable[str], known: tuple[str, ...]) -> None:
    """Raise FormatError where an unknown column looks like a known one that is not there.

    Other unknown columns are passed over.
    """
    found = _first_misspelt(tuple(columns), known)
    if found is not None:
        column, meant = found
        raise FormatError(*location, column, Finding("unknown column"), meant)


# Almost every row of a file has the columns of the one before.
@lru_cache(maxsize=256)
def _first_misspelt(columns: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, str] | None:
    absent = [name for name in known if name not in columns]
    for column in columns:
        meant = None if column in known else _meant(column.strip().lower(), absent)
        if meant is not None:
            return column, meant
    return None


def _meant(column: str, absent: list[str]) -> str | None:
    for name in absent:
        if len(column) >= _MIN_ABBREVIATION and name.startswith(column):
            return name
    likenesses = [(SequenceMatcher(None, column, name).ratio(), name) for name in absent]
    likeness, name = max(likenesses, default=(0.0, ""))
    return name if likeness >= _MIN_LIKENESS else None
