"""What every source gives: rows of one part of a dataset, which can be counted before they are."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from rapidfuzz.distance import Indel
from rapidfuzz.process import cdist

from annotate.ranking.arrays import AnyIntArray, FloatArray, IntArray
from annotate.services.exporting.reading import KINDS
from annotate.services.exporting.rows import Message
from annotate.services.exporting.skimming import Skimmed

Row = dict[str, Any]
# Rows whose texts are read at a time; more where one prompt has more.
BLOCK_ROWS = 2_000
_BACKED_BY_PEOPLE = {"person", "simulated"}
_KINDS_OF_BITS = [
    tuple(kind for place, kind in enumerate(KINDS) if bits >> place & 1)
    for bits in range(1 << len(KINDS))
]


class Portion(Protocol):
    """Rows of one source in one part of a dataset."""

    @property
    def left_out(self) -> Counter[str]:
        """Rows by the reason for which there is none; what texts decide is added as it is read."""
        ...

    @property
    def identity(self) -> IntArray:
        """(rows,) of their prompts."""
        ...

    @property
    def key(self) -> IntArray:
        """(rows,) by which draws know a row."""
        ...

    @property
    def sureness(self) -> FloatArray:
        """(rows,) agreement."""
        ...

    @property
    def n_votes(self) -> IntArray:
        """(rows,) votes on the pair."""
        ...

    def rows(self, places: IntArray) -> Iterator[tuple[int, Row]]:
        """Yield some rows, by ascending place, with their places; not those that texts forbid."""
        ...

    def skim(self, places: IntArray) -> Skimmed | None:
        """Say which of some rows their texts allow; None where only the texts themselves can say.

        Those that are not allowed are noted among `left_out`, as by `rows`.
        """
        ...


def blocks_of(group: AnyIntArray) -> Iterator[slice]:
    """Yield slices of some rows that part no two neighbours of one group."""
    ends = np.flatnonzero(np.diff(group, append=-1 if len(group) else 0) != 0) + 1
    begin = 0
    while begin < len(group):
        at = int(np.searchsorted(ends, begin + BLOCK_ROWS))
        end = int(ends[min(at, len(ends) - 1)])
        yield slice(begin, end)
        begin = end


def said_in(messages: Sequence[Message]) -> list[str]:
    """Give the replies among some messages."""
    return [each["content"] for each in messages if each["role"] == "assistant"]


def name_kinds(bits: int) -> list[str]:
    """Name the kinds of annotators whose bits are set."""
    return list(_KINDS_OF_BITS[bits])


def is_backed_by_people(kinds: Sequence[str]) -> bool:
    """Tell whether people are among some kinds of voters; simulated ones stand for people."""
    return not _BACKED_BY_PEOPLE.isdisjoint(kinds)


def longer_side(row: Row) -> int:
    """Tell which reply has more characters: 1 the chosen one, -1 the rejected one, 0 neither."""
    chosen, rejected = (
        sum(map(len, said_in(row[side]))) if side in row else 0 for side in ("chosen", "rejected")
    )
    return (chosen > rejected) - (chosen < rejected)


def represent(texts: Sequence[str], *, near_equal: float) -> list[int]:
    """Give for each text the place of the first one that it is as good as equal to.

    Args:
        near_equal: normalised Indel similarity from which two texts are the same: the share of
            characters that stay when one is changed into the other.
    """
    alike = cdist(
        texts, texts, scorer=Indel.normalized_similarity, score_cutoff=near_equal, dtype=np.float64
    )
    places: list[int] = []
    for place in range(len(texts)):
        hits = np.flatnonzero(alike[place, :place] >= near_equal).tolist()
        places.append(next((hit for hit in hits if places[hit] == hit), place))
    return places


def find_repeated(
    pairs: Sequence[tuple[int, int, int]], sureness: Sequence[float], n_votes: Sequence[int]
) -> set[int]:
    """Find the pairs whose two texts another pair has as well, whichever of them it prefers.

    Args:
        pairs: prompt, and what both texts are as good as equal to.
        sureness, n_votes: the surest pair stays, then that of the most votes, then the first.
    """
    best: dict[tuple[int, int, int], int] = {}
    repeated = set()
    for place, (prompt, chosen, rejected) in enumerate(pairs):
        both = (prompt, min(chosen, rejected), max(chosen, rejected))
        known = best.setdefault(both, place)
        if known == place:
            continue
        if (sureness[place], n_votes[place]) > (sureness[known], n_votes[known]):
            best[both] = place
            known, place = place, known
        repeated.add(place)
    return repeated
