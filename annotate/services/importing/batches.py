"""Rows in batches, of which the next is read while one is stored."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

BATCH_SIZE = 2_000

Row = TypeVar("Row")


class Batches(Generic[Row]):
    """Yields the rows in lists of at most `BATCH_SIZE`.

    Whoever stores a batch may call `read_ahead` after each of its rows: so the file is read while
    the database server is at work, without a second thread.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = iter(rows)
        self._ahead: list[Row] = []

    def __iter__(self) -> Iterator[list[Row]]:
        while batch := self._take():
            yield batch

    def read_ahead(self) -> None:
        """Read one row of the next batch."""
        if len(self._ahead) < BATCH_SIZE:
            self._ahead.extend(islice(self._rows, 1))

    def _take(self) -> list[Row]:
        batch, self._ahead = self._ahead, []
        batch.extend(islice(self._rows, BATCH_SIZE - len(batch)))
        return batch
