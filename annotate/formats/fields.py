"""One row as read, and typed access to what it holds."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from annotate.formats.errors import MISSING, Finding, FormatError
from annotate.formats.rows import Location

MAX_NAME_CHARS = 200
MAX_LABEL_CHARS = 100
MAX_MODEL_CHARS = 500
MAX_SMALL_INTEGER = 2**15 - 1
MAX_INTEGER = 2**31 - 1
MAX_SEED = 2**63 - 1
MAX_DEPTH = 50  # of settings; what reads them again goes down by calling itself

_Choice = TypeVar("_Choice", bound=str)

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Amid a sentence of a page they would turn around what stands beside the name.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_TAG = re.compile(r"[-a-zA-Z0-9_]{1,50}")
_LANGUAGE_TAG = re.compile(r"([a-z]{2,3})([-_][a-z0-9]{1,8})*", re.IGNORECASE)


@dataclass(slots=True)  # one is made for every row: frozen, they would take twice as long
class Fields:
    """The cells of one row by column; null and an absent column mean the same: not given.

    Each method that reads a cell raises FormatError where it holds anything else. `prefix` says
    where a nested object stands in its row, and `is_storable` that every text of it is known to be
    one that can be stored.
    """

    location: Location
    cells: Mapping[str, object]
    prefix: str = ""
    is_storable: bool = False

    def has(self, field: str) -> bool:
        """Say whether the cell is given."""
        return self.cells.get(field) is not None

    def fail(self, field: str, expected: str) -> FormatError:
        """Tell what a cell holds instead of what is expected."""
        value = self.cells.get(field)
        return self.refuse(field, MISSING if value is None else value, expected)

    def refuse(self, field: str, value: object, expected: str) -> FormatError:
        """Tell of a value, or of a finding, in a field of this row."""
        return FormatError(*self.location, f"{self.prefix}{field}", value, expected)

    def text(self, field: str, default: str | None = None) -> str:
        """Read a text exactly as it stands; it may be empty."""
        value = self.cells.get(field)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self.fail(field, "a string")
        if not self.is_storable and not _is_storable_text(value):
            raise self.fail(field, "a string without NUL and lone surrogates")
        return value

    def name(self, field: str, default: str | None = None, max_chars: int = MAX_NAME_CHARS) -> str:
        """Read a name: one line of 1 to `max_chars` characters, no space at either end."""
        value = self.text(field, default)
        if value == default:
            return value
        is_name = 1 <= len(value) <= max_chars and value == value.strip()
        if not is_name or (not value.isprintable() and _UNPRINTABLE.search(value)):
            raise self.fail(
                field, f"a name: one line of 1 to {max_chars} characters, no space at either end"
            )
        if not value.isprintable() and _TURNING.search(value):
            raise self.fail(field, "a name without signs that turn the direction of text")
        return value

    def label(self, field: str) -> str:
        """Read a short name that may be left out or empty."""
        return self.name(field, "", MAX_LABEL_CHARS)

    def name_or_number(self, field: str) -> str:
        """Read a name that some files write as a number."""
        if isinstance(self.cells.get(field), str):
            return self.name(field)
        return str(self.whole_number(field, maximum=MAX_SEED))

    def maybe_number(self, field: str) -> float | None:
        """Read a finite number, or None where it is not given."""
        value = self.cells.get(field)
        if value is None:
            return None
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise self.fail(field, "a number")
        return float(value)

    def whole_number(
        self,
        field: str,
        default: int | None = None,
        *,
        minimum: int = 0,
        maximum: int = MAX_INTEGER,
    ) -> int:
        """Read a whole number within bounds; true and 1.0 are none."""
        value = self.cells.get(field)
        if value is None and default is not None:
            return default
        if type(value) is not int or not minimum <= value <= maximum:
            raise self.fail(field, f"a whole number from {minimum} to {maximum}")
        return value

    def maybe_whole_number(
        self, field: str, *, minimum: int = 0, maximum: int = MAX_INTEGER
    ) -> int | None:
        """Read a whole number within bounds, or None where it is not given."""
        if not self.has(field):
            return None
        return self.whole_number(field, minimum=minimum, maximum=maximum)

    def flag(self, field: str) -> bool:
        """Read true or false; false where it is not given."""
        value = self.cells.get(field)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.fail(field, "true or false")
        return value

    def choice(
        self, field: str, choices: Collection[_Choice], default: _Choice | None = None
    ) -> _Choice:
        """Read one of the choices, or the default where it is given or nothing is."""
        value = self.cells.get(field)
        if default is not None and (value is None or value == default):
            return default
        for choice in choices:
            if value == choice:
                return choice
        raise self.fail(field, f"one of {', '.join(choices)}")

    def texts(self, field: str, *, may_be_blank: bool = True) -> tuple[str, ...]:
        """Read a list of one or more texts."""
        value = self.cells.get(field)
        if not isinstance(value, list) or not value:
            raise self.fail(field, "a list of one or more strings")
        parts = self._parts(field, value)
        return tuple(
            parts.text(part) if may_be_blank else parts.spoken(part) for part in parts.cells
        )

    def references(self, field: str, turns: Sequence[str]) -> tuple[str, ...]:
        """Read a right answer for each of the turns, "" for none; () where it is not given."""
        if not self.has(field):
            return ()
        found = self.texts(field)
        if len(found) > len(turns):
            raise self.refuse(
                field, Finding(f"{len(found)} answers"), f"{len(turns)} at most, one for each turn"
            )
        return (*found, *("" for _turn in turns[len(found) :])) if any(found) else ()

    def tags(self, field: str) -> tuple[str, ...]:
        """Read a list of tags, each once; () where it is not given."""
        value = self.cells.get(field)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self.fail(field, "a list of tags")
        parts = self._parts(field, value)
        tags = tuple(parts.tag(part) for part in parts.cells)
        if len(set(tags)) < len(tags):
            raise self.refuse(field, Finding("a tag given twice"), "each tag once")
        return tags

    def tag(self, field: str) -> str:
        """Read a tag, as reasons have them."""
        value = self.cells.get(field)
        if not isinstance(value, str) or not _TAG.fullmatch(value):
            raise self.fail(field, "a tag: 1 to 50 of the characters a-z, A-Z, 0-9, - and _")
        return value

    def spoken(self, field: str) -> str:
        """Read a text that says something."""
        value = self.text(field)
        if not value.strip():
            raise self.fail(field, "a text that says something")
        return value

    def one_or_more(self, one: str, more: str, *, may_be_blank: bool = True) -> tuple[str, ...]:
        """Read the text in column `one`, or the list of texts in column `more`."""
        if self.has(one) and self.has(more):
            raise self.refuse(one, Finding(f"given beside {more}"), "only one of the two")
        if self.has(more):
            return self.texts(more, may_be_blank=may_be_blank)
        if not self.has(one):
            raise self.refuse(one, MISSING, f"a string, or a list of strings in {more}")
        return (self.text(one) if may_be_blank else self.spoken(one),)

    def language(self, field: str) -> str:
        """Read a BCP 47 tag and return its primary part in lower case: `ja` for `ja-JP`."""
        value = self.text(field)
        match = _LANGUAGE_TAG.fullmatch(value)
        if match is None:
            raise self.fail(field, "a language tag such as ja or en")
        return match[1].lower()

    def moment(self, field: str) -> datetime | None:
        """Read a moment in ISO 8601 with its offset, in UTC; None where it is not given."""
        if not self.has(field):
            return None
        value = self.text(field)
        try:
            moment = datetime.fromisoformat(value)
            in_utc = moment.astimezone(UTC) if moment.tzinfo else None
        except (ValueError, OverflowError):
            in_utc = None
        if in_utc is None:
            raise self.fail(
                field, "a moment in ISO 8601 with an offset, such as 2024-01-31T09:00:00+09:00"
            )
        return in_utc

    def instant(self, field: str) -> datetime | None:
        """Read when something was, as logs write it; None where it is not given.

        That is seconds since 1970, or ISO 8601, in UTC where it has no offset.
        """
        value = self.cells.get(field)
        if value is None:
            return None
        try:
            if isinstance(value, str):
                moment = datetime.fromisoformat(value)
                return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
            seconds = self.maybe_number(field)
            return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError) as error:
            if isinstance(error, FormatError):
                raise
            raise self.fail(field, "a moment: seconds since 1970, or ISO 8601") from None

    def nested(self, field: str) -> Fields:
        """Read an object that stands in a cell."""
        value = self.cells.get(field)
        if not isinstance(value, dict):
            raise self.fail(field, "an object")
        return Fields(self.location, value, f"{self.prefix}{field}.", self.is_storable)

    def nested_list(self, field: str, *, may_be_empty: bool = False) -> list[Fields]:
        """Read a list of objects that stands in a cell.

        Where it may be empty, [] is also what is not given.
        """
        value = self.cells.get(field)
        if may_be_empty and value is None:
            return []
        if not isinstance(value, list) or not (value or may_be_empty):
            expected = "a list of objects" if may_be_empty else "a list of one or more objects"
            raise self.fail(field, expected)
        parts = self._parts(field, value)
        return [parts.nested(part) for part in parts.cells]

    def _parts(self, field: str, values: list[object]) -> Fields:
        cells = {f"{field}[{i}]": value for i, value in enumerate(values)}
        return Fields(self.location, cells, self.prefix, self.is_storable)

    def settings(self, field: str) -> dict[str, object]:
        """Read an object of JSON values that can be stored as it is; {} where not given."""
        value = self.cells.get(field)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.fail(field, "an object of settings")
        if not _is_storable(value, MAX_DEPTH):
            expected = f"an object of finite numbers and storable strings, {MAX_DEPTH} deep at most"
            raise self.fail(field, expected)
        return value


def _is_storable_text(text: str) -> bool:
    # PostgreSQL stores no NUL, and no encoding a lone surrogate. This is asked of every text, and
    # takes a tenth of what a pattern would.
    if "\x00" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_storable(value: object, depth: int) -> bool:
    if depth < 0:
        return False
    if isinstance(value, str):
        return _is_storable_text(value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(
            _is_storable_text(key) and _is_storable(part, depth - 1) for key, part in value.items()
        )
    if isinstance(value, list):
        return all(_is_storable(part, depth - 1) for part in value)
    return True
