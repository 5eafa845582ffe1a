"""What a process keeps in memory of the database, by version, and what it gives back."""

import ctypes
import threading
from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime
from typing import Generic, TypeVar

Kept = TypeVar("Kept")
Key = TypeVar("Key", bound=Hashable)
Stamp = tuple[int, datetime]
"""A version, and when it was made."""


class Newest(Generic[Kept]):
    """The newest version of each of so many things, the one used longest ago forgotten first."""

    def __init__(self, n_kept: int) -> None:
        self._n_kept = n_kept
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[Stamp, Kept]] = OrderedDict()

    def find(self, key: int, stamp: Stamp) -> Kept | None:
        """Give what is kept in this very version; None where it is another, or none."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept[0] != stamp:
                return None
            self._kept.move_to_end(key)
            return kept[1]

    def keep(self, key: int, stamp: Stamp, thing: Kept) -> None:
        """Keep a thing, unless a newer version of it is kept."""
        with self._lock:
            kept = self._kept.get(key)
            # Of two threads that read two versions at once, the newer one's stays.
            if kept is None or kept[0][1] <= stamp[1]:
                self._kept[key] = stamp, thing
            self._kept.move_to_end(key)
            while len(self._kept) > self._n_kept:
                self._kept.popitem(last=False)


class Recent(Generic[Key, Kept]):
    """So many things, the one used longest ago forgotten first."""

    def __init__(self, n_kept: int) -> None:
        self._n_kept = n_kept
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    def find(self, key: Key) -> Kept | None:
        """Give what is kept; None where nothing is."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def keep(self, key: Key, thing: Kept) -> None:
        """Keep a thing in the place of an earlier one."""
        with self._lock:
            self._kept[key] = thing
            self._kept.move_to_end(key)
            while len(self._kept) > self._n_kept:
                self._kept.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Keep a thing no more."""
        with self._lock:
            self._kept.pop(key, None)


def give_back_memory() -> None:
    """Give freed memory back to the system, which glibc keeps for later; elsewhere, do nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
