"""Fields of a run: what each must be, and the words for one that is not."""

import math
from collections.abc import Iterable
from typing import Any


class BadInput(ValueError):
    """Something that the user wrote is wrong; the message says what, where and what is right."""


class ConfigError(BadInput):
    """A run's config is not valid."""


def require(holds: bool, field: str, value: object, right: str) -> None:
    """Raise ConfigError naming field, value and what would be right, unless it holds."""
    if not holds:
        raise ConfigError(f"field {field!r}: {value!r} is not valid; expected {right}")


def require_positive(run: Any, *fields: str) -> None:
    """Raise ConfigError for a field that is not a finite number above 0."""
    for field in fields:
        value = getattr(run, field)
        require(math.isfinite(value) and value > 0, field, value, "a number above 0")


def require_positive_or_none(run: Any, *fields: str) -> None:
    """Raise ConfigError for a field that is there and is not a finite number above 0."""
    require_positive(run, *(field for field in fields if getattr(run, field) is not None))


def require_not_negative(run: Any, field: str) -> None:
    """Raise ConfigError for a field that is not a finite number of 0 or more."""
    value = getattr(run, field)
    require(math.isfinite(value) and value >= 0, field, value, "a number of 0 or more")


def require_share(run: Any, field: str, *, below: float, is_allowed: bool = False) -> None:
    """Raise ConfigError for a share that is not from 0 to `below`, which may be allowed itself."""
    value = getattr(run, field)
    holds = 0 <= value < below or (is_allowed and value == below)
    require(holds, field, value, f"0 <= share <{'=' if is_allowed else ''} {below}")


def require_one_of(run: Any, field: str, names: Iterable[str]) -> None:
    """Raise ConfigError for a field that is none of the names."""
    value = getattr(run, field)
    require(value in names, field, value, one_of(names))


def one_of(names: Iterable[str]) -> str:
    """Say what names there are."""
    return "one of " + ", ".join(sorted(names))
