"""Votes counted into cells of annotator and pair."""

from dataclasses import dataclass

import numpy as np

from annotate.ranking.arrays import FloatArray, IntArray, count_equal, sum_at
from annotate.ranking.votes import A_WINS, B_WINS, BOTH_BAD, TIE, VoteColumns

# Wins + half of the ties is Davidson's (1970) sufficient statistic for the strengths. "Both bad"
# says nothing about which of the two is better, so it counts as a tie does.
_HALF_WINS = np.array([1.0, 0.0, 0.5, 0.5])
# The outcome's code once a and b have changed places.
_MIRRORED = np.array([B_WINS, A_WINS, TIE, BOTH_BAD])
_N_OUTCOMES = len(_HALF_WINS)


@dataclass(frozen=True)
class Tally:
    """Counts of votes, one cell for each annotator and pair that met.

    Attributes:
        n_candidates: candidates are 0 .. n_candidates - 1, voted on or not.
        n_annotators: annotators are 0 .. n_annotators - 1, each with a vote.
        annotator, first, second: (cells,) in ascending order; first < second.
        votes: (cells,) how often that annotator voted on that pair.
        half_wins: (cells,) of first over second: wins + half of the ties and both-bad.
    """

    n_candidates: int
    n_annotators: int
    annotator: IntArray
    first: IntArray
    second: IntArray
    votes: IntArray
    half_wins: FloatArray

    def within(self, members: IntArray) -> "Tally":
        """Return the cells between members only; candidates and annotators are numbered anew.

        Args:
            members: (m,) candidates; member k becomes candidate k, so they must ascend.
        """
        place = np.full(self.n_candidates, -1)
        place[members] = np.arange(len(members))
        kept = (place[self.first] >= 0) & (place[self.second] >= 0)
        n_annotators, annotator = _renumber(self.annotator[kept])
        return Tally(
            n_candidates=len(members),
            n_annotators=n_annotators,
            annotator=annotator,
            first=place[self.first[kept]],
            second=place[self.second[kept]],
            votes=self.votes[kept],
            half_wins=self.half_wins[kept],
        )

    def half_win_matrix(self) -> FloatArray:
        """Return (n, n) half-wins of row over column."""
        n = self.n_candidates
        forth = _sum_pairs(self.first, self.second, self.half_wins, n)
        back = _sum_pairs(self.second, self.first, self.votes - self.half_wins, n)
        return forth + back


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


def count_votes(columns: VoteColumns) -> tuple[Tally, Record]:
    """Count votes into cells and records; the order of the votes leaves no trace.

    Raises:
        ValueError: more candidates and annotators than one 64-bit key can tell apart.
    """
    n = columns.n_candidates
    n_annotators, annotator = _renumber(columns.annotator)
    if n_annotators * n * n * _N_OUTCOMES >= 2**63:
        raise ValueError(f"{n} candidates and {n_annotators} annotators are too many to count")
    first, second, outcome = _with_first_below_second(columns)
    # One integer says all of a vote, so that sorting integers brings equal votes together.
    vote = ((annotator * n + first) * n + second) * _N_OUTCOMES + outcome
    kind, count = count_equal(vote)
    cell, outcome = np.divmod(kind, _N_OUTCOMES)
    start = np.flatnonzero(np.diff(cell, prepend=-1))
    annotator, pair = np.divmod(cell, max(n * n, 1))
    first, second = np.divmod(pair, max(n, 1))
    tally = Tally(
        n_candidates=n,
        n_annotators=n_annotators,
        annotator=annotator[start],
        first=first[start],
        second=second[start],
        votes=np.add.reduceat(count, start),
        half_wins=np.add.reduceat(count * _HALF_WINS[outcome], start),
    )
    return tally, _count_records(first, second, outcome, count, n)


def _renumber(annotator: IntArray) -> tuple[int, IntArray]:
    present, _ = count_equal(annotator)
    return len(present), np.searchsorted(present, annotator)


def _with_first_below_second(columns: VoteColumns) -> tuple[IntArray, IntArray, IntArray]:
    swap = columns.candidate_a > columns.candidate_b
    first = np.where(swap, columns.candidate_b, columns.candidate_a)
    second = np.where(swap, columns.candidate_a, columns.candidate_b)
    return first, second, np.where(swap, _MIRRORED[columns.outcome], columns.outcome)


def _count_records(
    first: IntArray, second: IntArray, outcome: IntArray, count: IntArray, n: int
) -> Record:
    size = _N_OUTCOMES * n
    sides = sum_at(outcome * n + first, count, size)
    sides += sum_at(_MIRRORED[outcome] * n + second, count, size)
    wins, losses, ties, both_bad = sides.astype(np.int64).reshape(_N_OUTCOMES, n)
    return Record(wins=wins, losses=losses, ties=ties, both_bad=both_bad)


def _sum_pairs(row: IntArray, column: IntArray, counts: FloatArray, n: int) -> FloatArray:
    return sum_at(row * n + column, counts, n * n).reshape(n, n)
