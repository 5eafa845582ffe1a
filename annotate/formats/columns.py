"""What columns a table has, and which is misspelt rather than the file's own business."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from annotate.formats.errors import MISSING, Finding, FormatError
from annotate.formats.rows import Location

# Below this share of letters in common, two words are taken for different ones.
_MIN_LIKENESS = 0.8
_MIN_ABBREVIATION = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of a table, and of which of them the cells are more than texts.

    CSV has nothing but texts; other tables have their types, and JSON in a text all the same.
    Unknown columns are passed over, and unless `optional` is None, those that look misspelt
    refused.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] | None = None
    whole_numbers: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    json_values: tuple[str, ...] = ()

    def check_header(self, location: Location, header: list[str]) -> None:
        """Raise FormatError for a column given twice, misspelt or missing."""
        for column in header:
            if header.count(column) > 1:
                raise FormatError(*location, column, Finding("given twice"), "each column once")
        if self.optional is not None:
            refuse_misspelt(location, header, self.required + self.optional)
        for column in self.required:
            if column not in header:
                raise FormatError(*location, column, MISSING, "a column of this name in the header")


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
