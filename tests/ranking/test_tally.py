"""Votes are counted into cells of annotator and pair."""

import numpy as np

from annotate.ranking.tally import count_votes
from annotate.ranking.votes import check_votes
from tests.ranking.columns import columns, tally, votes


def test_count_turns_each_pair_to_the_lower_index() -> None:
    cast = votes(2, 0, a=1, b=1, tie=1, annotator=9) + votes(0, 2, a=3, annotator=9)
    counted = tally(cast, 3)
    assert (counted.annotator.tolist(), counted.first.tolist(), counted.second.tolist()) == (
        [0],
        [0],
        [2],
    )
    assert counted.votes.tolist() == [6]
    assert counted.half_wins.tolist() == [4.5]  # one win as b, half a tie, three wins as a


def test_count_keeps_annotators_apart_and_closes_their_gaps() -> None:
    cast = votes(0, 1, a=1, annotator=70) + votes(0, 1, b=2, annotator=5)
    counted = tally(cast, 2)
    assert counted.n_annotators == 2
    assert counted.annotator.tolist() == [0, 1]
    assert counted.votes.tolist() == [2, 1]
    assert counted.half_wins.tolist() == [0.0, 1.0]


def test_count_records_every_outcome_for_both_sides() -> None:
    cast = votes(1, 0, a=4, b=3, tie=2, both_bad=1) + votes(1, 2, both_bad=5)
    _, record = count_votes(check_votes(**columns(cast), n_candidates=4))
    assert record.wins.tolist() == [3, 4, 0, 0]
    assert record.losses.tolist() == [4, 3, 0, 0]
    assert record.ties.tolist() == [2, 2, 0, 0]
    assert record.both_bad.tolist() == [1, 6, 5, 0]
    assert record.votes.tolist() == [10, 15, 5, 0]


def test_half_win_matrix_gives_a_tie_and_both_bad_half_a_win_each() -> None:
    cast = votes(0, 1, a=2, tie=1) + votes(1, 2, b=1, both_bad=3)
    expected = [[0, 2.5, 0], [0.5, 0, 1.5], [0, 2.5, 0]]
    assert tally(cast, 3).half_win_matrix().tolist() == expected


def test_within_keeps_votes_between_members_only() -> None:
    cast = (
        votes(0, 1, a=1, annotator=1)
        + votes(1, 3, a=2, annotator=2)
        + votes(3, 4, b=1, annotator=3)
    )
    inner = tally(cast, 5).within(np.array([1, 3, 4]))
    assert (inner.n_candidates, inner.n_annotators) == (3, 2)
    assert inner.half_win_matrix().tolist() == [[0, 2, 0], [0, 0, 0], [0, 1, 0]]


def test_count_of_no_votes_is_empty() -> None:
    for n in (0, 3):
        counted = tally([], n)
        assert (counted.n_annotators, len(counted.votes)) == (0, 0)
        assert counted.half_win_matrix().shape == (n, n)
