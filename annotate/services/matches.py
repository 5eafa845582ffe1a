"""What two candidates' completions can be compared on, and how often each two have met."""

import threading
import time
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from annotate.models import Comparison
from annotate.ranking.arrays import BoolArray, IntArray
from annotate.services.memory import Recent
from annotate.services.pairing import Cell

# Two candidates who both answered 1,000 prompts take 60 kB.
MATCHES_KEPT = 2_000
# Until then a process adds what it hears of; then it reads what came since, and what was open.
FRESH_S = 300.0
# So often all is read anew: a vote that is settled may have been taken back.
ANEW_S = 3_600.0

Codes = NDArray[np.complex128]
"""Two ids as one number: id of completion a + i · id of completion b; exact below 2^53."""
Key = tuple[int, int, int]
"""A round and two candidates, by their ids, the lower candidate first."""


@dataclass
class Matches:
    """Every two completions of two candidates that stand on one prompt, k of them.

    Attributes:
        codes: (k,) which two.
        prompts, prompt: (k,) id of the prompt, and its place among those of the k.
        use_a, use_b: (k,) place of the completion among its candidate's.
        cell: (k,) place of language and category in `cells`.
        may_meet: (k,) whether the texts differ, and the round asks the prompt.
        names_maker: (k,) whether one of them does.
        n_texts: how many completions each candidate had.
        excluded: number of the run's last exclusion; a later one makes all of it void.
        through: comparison up to which `settled` counts what was answered; others are `open`.
        settled: (k,) how often they have met up to there.
        begun: second of the process's clock at which all was read.
    """

    codes: Codes
    prompts: IntArray
    prompt: IntArray
    use_a: IntArray
    use_b: IntArray
    cell: IntArray
    cells: tuple[Cell, ...]
    may_meet: BoolArray
    names_maker: BoolArray
    n_texts: tuple[int, int]
    excluded: int
    through: int
    open: tuple[int, ...]
    settled: IntArray
    begun: float = field(default_factory=time.monotonic)
    _read_at: float = field(init=False)
    _n: IntArray = field(init=False)
    _ids: set[int] = field(init=False)
    _lock: threading.Lock = field(init=False)

    def __post_init__(self) -> None:
        self._read_at = time.monotonic()
        self._n = self.settled.copy()
        self._ids = set()
        self._lock = threading.Lock()

    @property
    def age_s(self) -> float:
        """Tell how long ago what is not settled was read."""
        return time.monotonic() - self._read_at

    @property
    def is_old(self) -> bool:
        """Tell whether all is to be read anew."""
        return time.monotonic() - self.begun >= ANEW_S

    @property
    def n(self) -> IntArray:
        """(k,) how often they have met, as far as is known."""
        with self._lock:
            return self._n.copy()

    def with_settled(self, codes: Codes, *, through: int, open_: tuple[int, ...]) -> "Matches":
        """Give them with more comparisons settled; what is not is forgotten."""
        settled = self.settled.copy()
        order = np.argsort(self.codes)
        place = np.searchsorted(self.codes, codes, sorter=order)
        found = place < len(order)
        rows = order[place[found]]
        rows = rows[self.codes[rows] == codes[found]]
        np.add.at(settled, rows, 1)
        return replace(self, settled=settled, through=through, open=open_)

    def add(self, comparison: int, code: complex) -> None:
        """Count a comparison that is not settled, unless it is counted."""
        with self._lock:
            if comparison not in self._ids:
                self._ids.add(comparison)
                self._n[self.codes == code] += 1


_kept: Recent[Key, Matches] = Recent(MATCHES_KEPT)


def find(key: Key) -> Matches | None:
    """Give what is kept of two candidates; None where nothing is."""
    return _kept.find(key)


def keep(key: Key, matches: Matches) -> None:
    """Keep what was read of two candidates."""
    _kept.keep(key, matches)


def note(key: Key, comparison: int, first: int, second: int) -> None:
    """Count a comparison that somebody was given, where anything is kept of the two candidates."""
    if (kept := _kept.find(key)) is not None:
        kept.add(comparison, complex(first, second))


def forget(comparison: Comparison) -> None:
    """Have all be read again of its candidates: another was given its two, or it is free again."""
    _kept.forget((comparison.round_id, comparison.candidate_a_id, comparison.candidate_b_id))
