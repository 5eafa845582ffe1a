"""What every import counts, and how it refuses."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from annotate.formats import Location
from annotate.services import errors

BATCH_SIZE = 2_000

Row = TypeVar("Row")


@dataclass(kw_only=True)
class Counts:
    """How many rows were new, and how many were there already."""

    new: int = 0
    equal: int = 0

    def add(self, *, new: int, equal: int) -> None:
        """Count a batch."""
        self.new += new
        self.equal += equal

    def __str__(self) -> str:
        return f"{self.new} new, {self.equal} there already"


def batched(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows in lists of at most `BATCH_SIZE`."""
    iterator = iter(rows)
    while batch := list(itertools.islice(iterator, BATCH_SIZE)):
        yield batch


def refuse(location: Location, message: str) -> NoReturn:
    """Refuse a row, saying where it stands."""
    raise errors.ImportRefused(f"{location.path}, line {location.line}: {message}")
