"""Only candidates that votes connect are ranked against each other."""

from annotate.ranking.groups import split_groups
from tests.ranking.columns import Vote, tally, votes


def groups(cast: list[Vote], n: int, prior: float) -> list[list[int]]:
    return [members.tolist() for members in split_groups(tally(cast, n), prior=prior)]


def test_a_prior_keeps_an_unbeaten_candidate_with_those_it_beat() -> None:
    cast = votes(0, 1, a=1, b=1) + votes(2, 0, a=3)
    assert groups(cast, 3, prior=0.5) == [[0, 1, 2]]


def test_no_prior_sets_an_unbeaten_candidate_apart() -> None:
    cast = votes(0, 1, a=1, b=1) + votes(2, 0, a=3)
    assert groups(cast, 3, prior=0) == [[0, 1], [2]]


def test_a_tie_connects_both_ways() -> None:
    assert groups(votes(0, 1, tie=1) + votes(1, 2, both_bad=1), 3, prior=0) == [[0, 1, 2]]


def test_a_cycle_of_wins_is_one_group() -> None:
    cast = votes(0, 1, a=1) + votes(1, 2, a=1) + votes(2, 0, a=1)
    assert groups(cast, 3, prior=0) == [[0, 1, 2]]


def test_groups_come_by_size_then_votes_then_index() -> None:
    cast = votes(0, 1, tie=1) + votes(2, 3, tie=1) + votes(4, 5, tie=2)
    cast += votes(6, 7, tie=1) + votes(7, 8, tie=1)
    assert groups(cast, 10, prior=0.5) == [[6, 7, 8], [4, 5], [0, 1], [2, 3]]


def test_candidates_without_a_vote_are_in_no_group() -> None:
    assert groups(votes(1, 3, a=1), 5, prior=0.5) == [[1, 3]]
    assert groups([], 5, prior=0.5) == []
