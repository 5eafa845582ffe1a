"""How the next token is drawn, and where a reply ends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

# (lowest, whether it is allowed itself, highest)
_Range = tuple[float, bool, float]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Settings of one candidate's draws.

    temperature 0..10 (0 is greedy), top_p above 0 to 1, top_k 0 or more (0 is off), min_p 0..1,
    repetition_penalty above 0 to 10 (1 is off; on the tokens of prompt and reply; Keskar 2019),
    frequency_penalty -2..2 (for each time that a token stands in the reply), max_tokens 1 or
    more for each reply, stop: texts at the first of which a reply ends, itself left out.
    Raises ValueError naming the field and its range.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()

    FLOAT_RANGES: ClassVar[dict[str, _Range]] = {
        "temperature": (0.0, True, 10.0),
        "top_p": (0.0, False, 1.0),
        "min_p": (0.0, True, 1.0),
        "repetition_penalty": (0.0, False, 10.0),
        "frequency_penalty": (-2.0, True, 2.0),
    }
    INTEGER_LOWEST: ClassVar[dict[str, int]] = {"top_k": 0, "max_tokens": 1}

    def __post_init__(self) -> None:
        for name, allowed in self.FLOAT_RANGES.items():
            object.__setattr__(self, name, _check_float(name, getattr(self, name), allowed))
        for name, lowest in self.INTEGER_LOWEST.items():
            _check_integer(name, getattr(self, name), lowest)
        object.__setattr__(self, "stop", _check_stop(self.stop))

    @property
    def is_greedy(self) -> bool:
        """Say whether every draw takes the most likely token."""
        return self.temperature == 0

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads, as JSON types."""
        return {**asdict(self), "stop": list(self.stop)}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Sampling:
        """Read settings; what is not given has its default.

        Raises ValueError for an unknown key or a value out of range.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise ValueError(
                f"sampling has unknown keys {', '.join(unknown)}; known: {', '.join(known)}"
            )
        return cls(**settings)


def _check_float(name: str, value: object, allowed: _Range) -> float:
    lowest, lowest_allowed, highest = allowed
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and math.isfinite(number := float(value)):  # type: ignore[arg-type]
        above = number >= lowest if lowest_allowed else number > lowest
        if above and number <= highest:
            return number
    start = f"from {lowest:g}" if lowest_allowed else f"above {lowest:g}"
    raise ValueError(f"sampling {name} is {value!r}; a number {start} to {highest:g} was expected")


def _check_integer(name: str, value: object, lowest: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < lowest:
        raise ValueError(
            f"sampling {name} is {value!r}; a whole number of {lowest} or more was expected"
        )


def _check_stop(stop: object) -> tuple[str, ...]:
    if not isinstance(stop, tuple | list) or not all(isinstance(s, str) and s for s in stop):
        raise ValueError(f"sampling stop is {stop!r}; a list of texts, none empty, was expected")
    return tuple(stop)
