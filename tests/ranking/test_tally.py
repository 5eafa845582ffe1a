"""Votes are counted into cells of annotator and pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.ranking.arrays import number_present
from annotate.ranking.tally import Tally, count_votes
from annotate.ranking.votes import check_votes
from tests.ranking.ballots import ballots, cast, kept, tallied
from tests.ranking.columns import columns, tally, votes

CELLS = ("annotator", "first", "second", "votes", "half_wins")
seeds = st.integers(0, 10_000)


def same_cells(one: Tally, other: Tally) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in CELLS)


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


@given(seed=seeds)
def test_stored_tallies_count_as_the_votes_they_were_made_of(seed: int) -> None:
    columns = cast(seed)
    whole, record = count_votes(ballots(columns))
    stored, stored_record = count_votes(ballots(tallied(columns, seed)))
    assert same_cells(whole, stored)
    assert np.array_equal(whole.half_win_matrix(), stored.half_win_matrix())
    assert (whole.n_votes, whole.n_annotators) == (stored.n_votes, stored.n_annotators)
    for name in ("wins", "losses", "ties", "both_bad"):
        assert np.array_equal(getattr(record, name), getattr(stored_record, name)), name


@given(seed=seeds, cut=st.integers(0, 400))
def test_tallies_of_two_parts_laid_together_are_the_tally_of_all(seed: int, cut: int) -> None:
    columns = cast(seed)
    parts = np.split(np.random.default_rng(seed).permutation(400), [cut])
    rows = [tallied(kept(columns, part), seed) for part in parts]
    together = {name: np.concatenate([part[name] for part in rows]) for name in rows[0]}
    assert same_cells(Tally(ballots(columns)), Tally(ballots(together)))


@given(seed=seeds)
def test_the_order_of_votes_leaves_no_trace_in_cells(seed: int) -> None:
    columns = cast(seed)
    turned = kept(columns, np.random.default_rng(seed).permutation(400))
    assert same_cells(Tally(ballots(columns)), Tally(ballots(turned)))


@given(seed=seeds, limit=st.integers(0, 12))
def test_candidates_that_few_annotators_judged_are_found(seed: int, limit: int) -> None:
    cells = Tally(ballots(cast(seed, n_votes=25)))
    judges = [
        len(np.unique(cells.annotator[(cells.first == i) | (cells.second == i)])) for i in range(7)
    ]
    assert cells.judged_by_few(limit).tolist() == [judge < limit for judge in judges]


@pytest.mark.parametrize("values", [[], [0], [2, 0, 1, 1], [5, 9, 5], [10**12, 3], [10**6, 0]])
def test_present_values_are_numbered_in_order(values: list[int]) -> None:
    column = np.array(values, dtype=np.int64)
    present, places = np.unique(column, return_inverse=True)
    n_present, numbered = number_present(column)
    assert (n_present, numbered.tolist()) == (len(present), places.tolist())


def test_annotators_with_numbers_far_apart_need_wide_keys() -> None:
    columns = cast(0)
    far = columns | {"annotator": columns["annotator"] * 10**15}
    assert same_cells(Tally(ballots(columns)), Tally(ballots(far)))


def test_too_many_to_count_is_said() -> None:
    n = 2**31
    cast = {"candidate_a": [0], "candidate_b": [n - 1], "outcome": [0], "annotator": [0]}
    with pytest.raises(ValueError, match=f"{n} candidates and 1 annotators are too many to count"):
        count_votes(check_votes(**cast, n_candidates=n))
