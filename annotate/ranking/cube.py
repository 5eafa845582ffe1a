"""Votes counted into a cube: outcome, candidate a, candidate b.

The cube is all that strengths and the errors of independent votes depend on. 10 million votes on
500 candidates become 1 million counts, and cubes of parts add up to the cube of the whole.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from annotate.ranking.arrays import AnyIntArray, FlatPlaces, FloatArray, IntArray, blocks
from annotate.ranking.votes import A_WINS, B_WINS, BOTH_BAD, OUTCOMES, TIE, Ballots

# The cube of so many candidates is 16 MB, and any cell of it has a 32-bit number.
MOST_CANDIDATES = 1024
# Votes that 32-bit counts hold.
_FEW_VOTES = 2**31


@dataclass(frozen=True)
class Record:
    """Votes on each candidate by outcome, each (n_candidates,)."""

    wins: IntArray
    losses: IntArray
    ties: IntArray
    both_bad: IntArray

    @property
    def votes(self) -> IntArray:
        return self.wins + self.losses + self.ties + self.both_bad


@dataclass(frozen=True)
class VoteCube:
    """Counts of votes on pairs of candidates, whoever cast them.

    Attributes:
        counts: (outcomes, n, n) votes on a against b as they were cast, by the code of the outcome.
    """

    counts: AnyIntArray

    def __add__(self, other: "VoteCube") -> "VoteCube":
        return VoteCube(self.counts.astype(np.int64) + other.counts)

    @property
    def n_candidates(self) -> int:
        return int(self.counts.shape[1])

    @cached_property
    def n_votes(self) -> int:
        return int(self.counts.sum(dtype=np.int64))

    @cached_property
    def half_wins(self) -> FloatArray:
        """(n, n) of row over column: wins + half of the ties and both-bad."""
        drawn = (self.counts[TIE] + self.counts[BOTH_BAD]) / 2
        return np.asarray(drawn + drawn.T + self.counts[A_WINS] + self.counts[B_WINS].T)

    def record(self) -> Record:
        """Return the votes on each candidate by outcome."""
        as_a = self.counts.sum(axis=2, dtype=np.int64)
        as_b = self.counts.sum(axis=1, dtype=np.int64)
        return Record(
            wins=as_a[A_WINS] + as_b[B_WINS],
            losses=as_a[B_WINS] + as_b[A_WINS],
            ties=as_a[TIE] + as_b[TIE],
            both_bad=as_a[BOTH_BAD] + as_b[BOTH_BAD],
        )


def count_cube(ballots: Ballots) -> VoteCube:
    """Count votes into a cube; neither their order nor how rows group them leaves a trace.

    Raises:
        ValueError: more than 1,024 candidates.
    """
    n = ballots.n_candidates
    if n > MOST_CANDIDATES:
        raise ValueError(f"{n} candidates: a cube holds at most {MOST_CANDIDATES}")
    width: type[np.signedinteger[Any]] = np.int32 if ballots.n_votes < _FEW_VOTES else np.int64
    counts: AnyIntArray = np.zeros(len(OUTCOMES) * n * n, dtype=width)
    places = cube_places(ballots)
    for block in blocks(0, len(ballots.outcome)):
        # In place: `bincount` would make a million counts anew for each block.
        if ballots.count is None:
            np.add.at(counts, places.of(block), width(1))
        else:
            np.add.at(counts, places.of(block), ballots.count[block].astype(width))
    return VoteCube(counts.reshape(len(OUTCOMES), n, n))


def cube_places(ballots: Ballots) -> FlatPlaces:
    """Return the place of each ballot in a flat cube."""
    columns = (ballots.outcome, ballots.candidate_a, ballots.candidate_b)
    return FlatPlaces(columns, ballots.n_candidates)
