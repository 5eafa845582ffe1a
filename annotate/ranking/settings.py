"""What a ranking was asked for, small enough to be stored beside it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

MIN_PRIOR = 1e-6
MAX_PRIOR = 1e6
MIN_RESAMPLES = 100
WIDEST = "widest"
CLUSTERS = (WIDEST, "annotator")
# What a ranking was made with that was stored before these settings were.
_BEFORE = {"clusters": "annotator", "anytime": False}


@dataclass(frozen=True)
class RankingSettings:
    """Everything beside the votes that a ranking depends on.

    Attributes:
        prior: wins each way of the phantom opponent against every candidate; 0 turns it off,
            otherwise from 1e-6 to 1e6.
        level: coverage of the intervals, between 0 and 1.
        n_resamples: draws of the score bootstrap behind the rank intervals, at least 100.
        seed: seed of that bootstrap, 0 or more.
        clusters: which votes may hang together: "widest" takes those of one annotator and, where
            that is wider, also those on one pair of completions or under one prompt, and knows
            that some annotators vote more than others; "annotator" takes the first alone and all
            as voting alike much, as rankings were made before this could be chosen.
        anytime: intervals that hold at every moment at once, as they must where votes were looked
            at before it was decided when to stop; else for a number of votes fixed before.
    """

    prior: float = 0.5
    level: float = 0.95
    n_resamples: int = 1000
    seed: int = 0
    clusters: str = WIDEST
    anytime: bool = False

    def __post_init__(self) -> None:
        _require_number("prior", self.prior)
        _require_number("level", self.level)
        _require_integer("n_resamples", self.n_resamples)
        _require_integer("seed", self.seed)
        if self.prior != 0 and not MIN_PRIOR <= self.prior <= MAX_PRIOR:
            raise ValueError(
                f"prior is {self.prior!r}: it must be 0, or between {MIN_PRIOR:g} and {MAX_PRIOR:g}"
            )
        if not 0 < self.level < 1:
            raise ValueError(f"level is {self.level!r}: it must lie between 0 and 1, as 0.95 does")
        if self.n_resamples < MIN_RESAMPLES:
            raise ValueError(f"n_resamples is {self.n_resamples}: at least {MIN_RESAMPLES}")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: it must be 0 or more")
        if self.clusters not in CLUSTERS:
            raise ValueError(f"clusters is {self.clusters!r}: it must be {' or '.join(CLUSTERS)}")
        if not isinstance(self.anytime, bool):
            raise ValueError(f"anytime is {self.anytime!r}: it must be true or false")

    def to_dict(self) -> dict[str, float | int | str]:
        """Return the settings as JSON-able values, in the order of the fields."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, float | int | str]) -> "RankingSettings":
        """Read what `to_dict` wrote, now or before a field was there.

        A field that is missing takes its default; `clusters` and `anytime` what every ranking was
        made with before they could be chosen: votes clustered by annotator alone.

        Raises:
            ValueError: a field is unknown, or its value is out of range.
        """
        unknown = sorted(set(stored) - set(cls.__dataclass_fields__))
        if unknown:
            known = ", ".join(cls.__dataclass_fields__)
            raise ValueError(f"unknown ranking settings: {', '.join(unknown)}; known are {known}")
        return cls(**{**_BEFORE, **stored})  # type: ignore[arg-type]  # __post_init__ checks each type


def _require_number(field: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{field} is {value!r}: it must be a finite number")


def _require_integer(field: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{field} is {value!r}: it must be an integer")
