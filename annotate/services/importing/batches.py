"""Rows in batches, of which the next is read while one is stored."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

BATCH_SIZE = 2_000

Row = TypeVar("Row")


class Batches(Generic[Row]):
    """Yields the rows in lists of at most `BATCH_SIZE`.

    Whoever stores a batch may call `read_ahead` while the database server is at work on it.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = iter(rows)
        self._ahead: list[Row] = []

    def __iter__(self) -> Iterator[list[Row]]:
        while batch := self._take():
            yield batch

    def read_ahead(self) -> None:
        """Read the next batch."""
        self._ahead.extend(islice(self._rows, BATCH_SIZE - len(self._ahead)))

    def _take(self) -> list[Row]:
        batch, self._ahead = self._ahead, []
        batch.extend(islice(self._rows, BATCH_SIZE - len(batch)))
        return batch
