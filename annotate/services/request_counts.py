"""Requests counted by view, method and status, with a histogram of their time, across processes.

A web server has several processes, of which any may be asked for the figures. Each counts in a
file of its own under `KURABE_HOME/metrics/`, mapped into its memory, so that to count is to add
to two numbers: no lock between processes, no thread that writes, no statement to the database.
Whoever is asked adds all files up. A file outlives its process, for a counter must never fall;
the files go when the server starts again.
"""

import mmap
import os
import threading
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings

# Upper ends of the histogram's classes, in seconds; what took longer is in one more class.
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROW = np.dtype(
    [("view", "S72"), ("method", "S8"), ("status", "u4"), ("seconds", "f8"),
     ("counts", "u8", (len(BUCKETS_S) + 1,))], align=True,
)  # fmt: skip
N_ROWS = 1024  # combinations of view, method and status that a process tells apart
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"

Key = tuple[str, str, int]


@dataclass(frozen=True)
class RequestCount:
    """Requests of one view, method and status: how many in each class of time, and their sum."""

    view: str
    method: str
    status: int
    seconds: float
    counts: tuple[int, ...]


class RequestCounter:
    """What one process counts, in a file, or in its memory alone where no file can be made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows = _map_rows(path)
        self._lock = threading.Lock()
        self._places: dict[Key, int] = {}
        for place, row in enumerate(self._rows):
            if not row["view"]:
                break
            self._places[_key_of(row)] = place

    def add(self, view: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = view, method if method in METHODS else OTHER, status
        bucket = bisect_left(BUCKETS_S, seconds)
        with self._lock:
            place = self._places.get(key)
            if place is None:
                place = self._open_row(key)
            self._rows["counts"][place, bucket] += 1
            self._rows["seconds"][place] += seconds

    def read(self) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
        """Give a copy of the rows."""
        return self._rows.copy()

    def _open_row(self, key: Key) -> int:
        """Take the next row for a combination; the last row is for all that find none."""
        place = len(self._places)
        if place >= N_ROWS - 1:
            place, key = N_ROWS - 1, (OTHER, OTHER, 0)
        row = self._rows[place]
        # The name comes last: until it is there, a reader takes the row for an empty one.
        row["status"], row["method"], row["view"] = key[2], key[1].encode(), key[0].encode()
        self._places[key] = place
        return place


_counter: tuple[int, RequestCounter] | None = None
_opening = threading.Lock()


def count_request(view: str, method: str, status: int, seconds: float) -> None:
    """Count a request that this process has answered."""
    _own_counter().add(view, method, status, seconds)


def read_request_counts() -> list[RequestCount]:
    """Add up what every process of this server has counted, sorted by view, method and status."""
    own = _own_counter()
    sums: dict[Key, tuple[float, np.ndarray]] = {}
    for row in _rows_of_all(own):
        seconds, counts = sums.get(_key_of(row), (0.0, np.zeros(len(BUCKETS_S) + 1, np.uint64)))
        sums[_key_of(row)] = seconds + float(row["seconds"]), counts + row["counts"]
    return [
        RequestCount(*key, seconds=seconds, counts=tuple(counts.tolist()))
        for key, (seconds, counts) in sorted(sums.items())
    ]


def forget_request_counts() -> None:
    """Remove what earlier processes counted: the server is about to start."""
    for path in _folder().glob("*.requests"):
        with suppress(OSError):
            path.unlink()


def _rows_of_all(own: RequestCounter) -> "Iterator[np.void]":
    yield from (row for row in own.read() if row["view"])
    for path in _folder().glob("*.requests"):
        if path == own.path:
            continue
        with suppress(OSError):
            content = path.read_bytes()
            if len(content) == N_ROWS * _ROW.itemsize:
                yield from (row for row in np.frombuffer(content, _ROW) if row["view"])


def _own_counter() -> RequestCounter:
    """Give the counter of this process; one that was forked has its own."""
    global _counter
    pid = os.getpid()
    if _counter is None or _counter[0] != pid:
        with _opening:
            if _counter is None or _counter[0] != pid:
                _counter = pid, RequestCounter(_folder() / f"{pid}.requests")
    return _counter[1]


def _map_rows(path: Path) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    n_bytes = N_ROWS * _ROW.itemsize
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            # All of it now: to write into a hole on a disk that is full would kill the process.
            os.posix_fallocate(file.fileno(), 0, n_bytes)
            return np.frombuffer(mmap.mmap(file.fileno(), n_bytes), _ROW)
    except OSError:
        return np.zeros(N_ROWS, _ROW)


def _key_of(row: np.void) -> Key:
    return row["view"].decode("utf-8", "replace"), row["method"].decode(), int(row["status"])


def _folder() -> Path:
    return Path(settings.KURABE_HOME) / "metrics"
