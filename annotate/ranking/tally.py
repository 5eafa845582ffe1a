"""Votes counted into cells of annotator and pair."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from annotate.ranking.arrays import (
    AnyIntArray,
    BoolArray,
    FloatArray,
    IntArray,
    blocks,
    number_present,
    sum_at,
)
from annotate.ranking.cube import MOST_CANDIDATES, Record, VoteCube, count_cube
from annotate.ranking.votes import A_WINS, B_WINS, BOTH_BAD, TIE, Ballots

# Wins + half of the ties is Davidson's (1970) sufficient statistic for the strengths. "Both bad"
# says nothing about which of the two is better, so it counts as a tie does.
HALF_WINS = np.array([1.0, 0.0, 0.5, 0.5])
# The outcome's code once a and b have changed places.
MIRRORED = np.array([B_WINS, A_WINS, TIE, BOTH_BAD])
_N_OUTCOMES = len(HALF_WINS)


@dataclass(frozen=True, eq=False)
class Cells:
    """Counts of votes, one cell for each annotator and pair that met.

    Attributes:
        annotator, first, second: (cells,) in ascending order; first < second.
        votes: (cells,) how often that annotator voted on that pair.
        half_wins: (cells,) of first over second: wins + half of the ties and both-bad.
        record: of the same votes.
    """

    annotator: IntArray
    first: IntArray
    second: IntArray
    votes: IntArray
    half_wins: FloatArray
    record: Record


@dataclass(frozen=True, eq=False)
class Tally:
    """Votes of one group of candidates, and what can be counted of them.

    Everything is counted when it is first asked for and then kept. Neither the order of the votes
    nor how the ballots group them leaves a trace in any of it.
    """

    ballots: Ballots

    @property
    def n_candidates(self) -> int:
        """Candidates are 0 .. n_candidates - 1, voted on or not."""
        return self.ballots.n_candidates

    @property
    def n_annotators(self) -> int:
        """Annotators are 0 .. n_annotators - 1, each with a vote."""
        return self.numbered[0]

    @cached_property
    def n_votes(self) -> int:
        return self.ballots.n_votes

    @cached_property
    def numbered(self) -> tuple[int, AnyIntArray]:
        """How many annotators voted, and (rows,) the number of each ballot's."""
        return number_present(self.ballots.annotator)

    @cached_property
    def cells(self) -> Cells:
        """The votes by annotator and pair.

        Raises:
            ValueError: more candidates and annotators than one 64-bit key can tell apart.
        """
        return _count_cells(replace(self.ballots, annotator=self.numbered[1]), self.n_annotators)

    @property
    def annotator(self) -> IntArray:
        return self.cells.annotator

    @property
    def first(self) -> IntArray:
        return self.cells.first

    @property
    def second(self) -> IntArray:
        return self.cells.second

    @property
    def votes(self) -> IntArray:
        return self.cells.votes

    @property
    def half_wins(self) -> FloatArray:
        return self.cells.half_wins

    @cached_property
    def cube(self) -> VoteCube | None:
        """The votes by pair and outcome; None of more candidates than a cube holds."""
        return count_cube(self.ballots) if self.n_candidates <= MOST_CANDIDATES else None

    def half_win_matrix(self) -> FloatArray:
        """Return (n, n) half-wins of row over column; not to be written to."""
        return self._half_win_matrix

    @cached_property
    def _half_win_matrix(self) -> FloatArray:
        if self.cube is not None:
            return self.cube.half_wins
        n, cells = self.n_candidates, self.cells
        forth = _sum_pairs(cells.first, cells.second, cells.half_wins, n)
        back = _sum_pairs(cells.second, cells.first, cells.votes - cells.half_wins, n)
        return forth + back

    @property
    def record(self) -> Record:
        """Votes on each candidate by outcome."""
        return self.cells.record if self.cube is None else self.cube.record()

    def within(self, members: IntArray) -> "Tally":
        """Return the votes between members only; candidates and annotators are numbered anew.

        Args:
            members: (m,) candidates; member k becomes candidate k, so they must ascend.
        """
        if len(members) == self.n_candidates:
            return self
        place = np.full(self.n_candidates, -1)
        place[members] = np.arange(len(members))
        ballots = self.ballots
        a, b = place[ballots.candidate_a], place[ballots.candidate_b]
        kept = (a >= 0) & (b >= 0)
        inner = Ballots(
            candidate_a=a[kept],
            candidate_b=b[kept],
            outcome=ballots.outcome[kept],
            annotator=ballots.annotator[kept],
            n_candidates=len(members),
            count=None if ballots.count is None else ballots.count[kept],
        )
        return Tally(inner)

    def judged_by_few(self, limit: int) -> BoolArray:
        """Return (n,) whether fewer than so many annotators voted on each candidate."""
        n, ballots, owner = self.n_candidates, self.ballots, self.numbered[1]
        judged = np.zeros((self.n_annotators, n), dtype=np.bool_)
        few = np.ones(n, dtype=np.bool_)
        for block in blocks(0, len(owner)):
            judged[owner[block], ballots.candidate_a[block]] = True
            judged[owner[block], ballots.candidate_b[block]] = True
            few = judged.sum(axis=0) < limit
            if not few.any():  # as a rule after the first of many blocks
                break
        return few


def count_votes(ballots: Ballots) -> tuple[Tally, Record]:
    """Count votes into cells and records; the order of the votes leaves no trace.

    Raises:
        ValueError: more candidates and annotators than one 64-bit key can tell apart.
    """
    tally = Tally(ballots)
    return tally, tally.record


def _count_cells(ballots: Ballots, n_annotators: int) -> Cells:
    n = ballots.n_candidates
    if n_annotators * n * n * _N_OUTCOMES >= 2**63:
        raise ValueError(f"{n} candidates and {n_annotators} annotators are too many to count")
    kind, count = _count_kinds(ballots, n_annotators)
    cell, outcome = np.divmod(kind, _N_OUTCOMES)
    start = np.flatnonzero(np.diff(cell, prepend=-1))
    annotator, pair = np.divmod(cell, max(n * n, 1))
    first, second = np.divmod(pair, max(n, 1))
    return Cells(
        annotator=annotator[start],
        first=first[start],
        second=second[start],
        votes=np.add.reduceat(count, start),
        half_wins=np.add.reduceat(count * HALF_WINS[outcome], start),
        record=_count_records(first, second, outcome, count, n),
    )


def _count_kinds(ballots: Ballots, n_annotators: int) -> tuple[IntArray, IntArray]:
    """Return the distinct votes as ascending numbers, and how often each was cast."""
    n = ballots.n_candidates
    # One integer says all of a vote, so that sorting integers brings equal votes together. Sorting
    # is most of the work, and narrow integers take half as long.
    width = np.uint32 if n_annotators * n * n * _N_OUTCOMES < 2**32 else np.int64
    vote: AnyIntArray = np.empty(len(ballots.outcome), dtype=width)
    for block in blocks(0, len(vote)):
        first, second, outcome = _with_first_below_second(ballots, block)
        owner = ballots.annotator[block].astype(np.int64, copy=False)
        vote[block] = ((owner * n + first) * n + second) * _N_OUTCOMES + outcome
    if ballots.count is None:
        vote.sort()
        start = _starts(vote)
        return vote[start].astype(np.int64), np.diff(start, append=len(vote))
    order = np.argsort(vote, kind="stable")
    vote = vote[order]
    start = _starts(vote)
    return vote[start].astype(np.int64), np.add.reduceat(ballots.count[order], start)


def _starts(ordered: AnyIntArray) -> IntArray:
    """Return where each run of equal values begins."""
    is_new = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    return np.flatnonzero(is_new)


def _with_first_below_second(ballots: Ballots, block: slice) -> tuple[IntArray, IntArray, IntArray]:
    a = ballots.candidate_a[block].astype(np.int64, copy=False)
    b = ballots.candidate_b[block].astype(np.int64, copy=False)
    outcome = ballots.outcome[block].astype(np.int64, copy=False)
    return np.minimum(a, b), np.maximum(a, b), np.where(a > b, MIRRORED[outcome], outcome)


def _count_records(
    first: IntArray, second: IntArray, outcome: IntArray, count: IntArray, n: int
) -> Record:
    size = _N_OUTCOMES * n
    sides = sum_at(outcome * n + first, count, size)
    sides += sum_at(MIRRORED[outcome] * n + second, count, size)
    wins, losses, ties, both_bad = sides.astype(np.int64).reshape(_N_OUTCOMES, n)
    return Record(wins=wins, losses=losses, ties=ties, both_bad=both_bad)


def _sum_pairs(row: IntArray, column: IntArray, counts: FloatArray, n: int) -> FloatArray:
    return sum_at(row * n + column, counts, n * n).reshape(n, n)
