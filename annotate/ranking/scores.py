"""Scores of annotators: the slope of the log-likelihood of each one's votes.

Of few votes they are added up cell by cell. Millions have hardly two votes in a cell, and are added
up as they come, with the chance to win in whole steps of a power of two: such sums are exact, so
that again neither the order of the votes nor how the ballots group them leaves a trace.
"""

from collections.abc import Iterator

import numpy as np
from scipy.special import expit

from annotate.ranking.arrays import FlatPlaces, FloatArray, blocks, sum_at
from annotate.ranking.cube import cube_places
from annotate.ranking.strengths import win_chances
from annotate.ranking.tally import HALF_WINS, Tally

# From here on adding up vote by vote is faster than making cells.
MANY_VOTES = 200_000
# Annotators whose scores are held at once: 8 MB for 1,000 candidates.
_BLOCK = 1024
# Numbers that are added up at once: 256 MB.
_MOST_SCORES = 1 << 25
# Votes whose scores are held at once: 8 MB.
_PART = 1 << 20


def score_blocks(tally: Tally, strengths: FloatArray) -> Iterator[FloatArray]:
    """Yield the scores G of the annotators in order, (some annotators, n) at a time."""
    n_annotators = tally.n_annotators
    in_one = n_annotators * tally.n_candidates <= _MOST_SCORES
    if in_one and tally.cube is not None and tally.n_votes >= MANY_VOTES:
        yield score_by_vote(tally, strengths)
        return
    for begin in range(0, n_annotators, _BLOCK):
        yield score_by_cell(tally, strengths, begin, min(begin + _BLOCK, n_annotators))


def score_by_cell(tally: Tally, strengths: FloatArray, begin: int, end: int) -> FloatArray:
    """Return (end - begin, n) the scores G of annotators begin .. end - 1."""
    n = tally.n_candidates
    cells = slice(*np.searchsorted(tally.annotator, [begin, end]))
    first, second = tally.first[cells], tally.second[cells]
    excess = tally.half_wins[cells] - tally.votes[cells] * expit(
        strengths[first] - strengths[second]
    )
    row = (tally.annotator[cells] - begin) * n
    size = (end - begin) * n
    gained = sum_at(row + first, excess, size)
    lost = sum_at(row + second, excess, size)
    return (gained - lost).reshape(end - begin, n)


def score_by_vote(tally: Tally, strengths: FloatArray) -> FloatArray:
    """Return (annotators, n) the scores G, with chances to win to 52 bits less a sum's own.

    That is to 7e-12 where candidates have 40,000 votes each.
    """
    ballots, n = tally.ballots, tally.n_candidates
    n_annotators, owner = tally.numbered
    excess_of = _exact_excess(tally, strengths)
    of_a = FlatPlaces((owner, ballots.candidate_a), n)
    of_b = FlatPlaces((owner, ballots.candidate_b), n)
    cells = cube_places(ballots)
    scores = np.zeros(n_annotators * n)
    # Part by part each table is read for itself, since two of them do not fit in a cache.
    for part in blocks(0, len(owner), _PART):
        excess = _look_up(excess_of, cells, part)
        if ballots.count is not None:
            excess *= ballots.count[part]
        for block in blocks(part.start, part.stop):
            np.add.at(scores, of_a.of(block), excess[_within(part, block)])
        for block in blocks(part.start, part.stop):
            np.subtract.at(scores, of_b.of(block), excess[_within(part, block)])
    return scores.reshape(n_annotators, n)


def _look_up(table: FloatArray, places: FlatPlaces, part: slice) -> FloatArray:
    """Return (part,) the table's values at the places of a part's rows."""
    found = np.empty(part.stop - part.start)
    for block in blocks(part.start, part.stop):
        found[_within(part, block)] = table.take(places.of(block))
    return found


def _within(part: slice, block: slice) -> slice:
    return slice(block.start - part.start, block.stop - part.start)


def _exact_excess(tally: Tally, strengths: FloatArray) -> FloatArray:
    """Return (outcomes * n * n,) half-wins less the chance to win, as exact to add up."""
    votes_each = int(tally.record.votes.max(initial=1))
    step = 2.0 ** (votes_each.bit_length() - 52)
    above = np.triu(np.round(win_chances(strengths) / step) * step, 1)
    # Whoever stood first, the chances of the two add up to 1 to the bit.
    chances = above + np.tril(1 - above.T, -1)
    return (HALF_WINS[:, None, None] - chances).ravel()
