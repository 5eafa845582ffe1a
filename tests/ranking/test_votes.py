"""Columns that do not hold votes are refused, with where and what."""

import re
from typing import Any

import numpy as np
import pytest

from annotate.ranking import OUTCOMES, encode_outcomes
from annotate.ranking.votes import check_ballots, check_votes


def check(**changed: Any) -> None:
    whole = {
        "candidate_a": [0, 1, 2],
        "candidate_b": [1, 2, 0],
        "outcome": [0, 2, 3],
        "annotator": [0, 0, 7],
        "n_candidates": 3,
    }
    check_votes(**{**whole, **changed})


def test_check_accepts_votes_in_range() -> None:
    check()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"candidate_a": [0, 3, 2]},
            "candidate_a at position 1 is 3: it must be an index below n_candidates = 3",
        ),
        (
            {"candidate_b": [1, -1, 0]},
            "candidate_b at position 1 is -1: it must be an index below n_candidates = 3",
        ),
        (
            {"candidate_b": [1, 2, 2]},
            "candidate_b at position 2 is 2: it must be another candidate than candidate_a",
        ),
        (
            {"outcome": [0, 4, 9]},
            "outcome at position 1 is 4 (and 1 more): "
            "it must be one of 0 (a), 1 (b), 2 (tie), 3 (both_bad)",
        ),
        (
            {"annotator": [0, 0, -7]},
            "annotator at position 2 is -7: it must be an index of 0 or more",
        ),
        (
            {"annotator": [0, 0]},
            "columns differ in length (candidate_a 3, candidate_b 3, outcome 3, annotator 2): "
            "a vote needs a value in each",
        ),
        ({"outcome": [0.0, 1.0, 2.0]}, "outcome holds float64: it must hold integers"),
        ({"outcome": [True, True, False]}, "outcome holds bool: it must hold integers"),
        ({"outcome": ["a", "b", "tie"]}, "outcome holds <U3: it must hold integers"),
        ({"outcome": [[0, 1, 2]]}, "outcome has 2 dimensions: it must have one"),
        ({"n_candidates": -1}, "n_candidates is -1: it must be 0 or more"),
    ],
)
def test_check_names_what_is_wrong(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check(**changed)


def test_encode_outcomes_gives_the_place_of_each_label() -> None:
    assert encode_outcomes(OUTCOMES).tolist() == [0, 1, 2, 3]
    assert encode_outcomes([]).dtype == np.int64


@pytest.mark.parametrize("label", ["draw", "TIE", "", "left"])
def test_encode_outcomes_refuses_an_unknown_label(label: str) -> None:
    message = f"outcome at position 1 is {label!r}: it must be one of a, b, tie, both_bad"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        encode_outcomes(["tie", label])


def test_check_ballots_keeps_the_width_of_each_column_and_check_votes_widens_it() -> None:
    columns = {
        "candidate_a": np.array([0, 1], dtype=np.int16),
        "candidate_b": np.array([1, 0], dtype=np.int32),
        "outcome": np.array([2, 3], dtype=np.uint8),
        "annotator": np.array([4, 4], dtype=np.uint32),
    }
    ballots = check_ballots(**columns, n_candidates=2)
    assert all(getattr(ballots, name) is column for name, column in columns.items())
    assert ballots.n_votes == 2
    wide = check_votes(**columns, n_candidates=2)
    assert {getattr(wide, name).dtype for name in columns} == {np.dtype(np.int64)}


def test_check_ballots_leaves_out_rows_of_no_vote() -> None:
    columns = {"candidate_a": [0, 0], "candidate_b": [1, 1], "outcome": [0, 1], "annotator": [3, 5]}
    ballots = check_ballots(**columns, n_candidates=2, count=[0, 7])
    assert (ballots.annotator.tolist(), ballots.n_votes) == ([5], 7)


@pytest.mark.parametrize(
    ("count", "message"),
    [
        ([1, -2], "count at position 1 is -2: it must be 0 or more votes"),
        ([1.0, 2.0], "count holds float64: it must hold integers"),
    ],
)
def test_check_ballots_refuses_what_is_no_count(count: list[float], message: str) -> None:
    columns = {"candidate_a": [0, 0], "candidate_b": [1, 1], "outcome": [0, 1], "annotator": [3, 5]}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_ballots(**columns, n_candidates=2, count=count)
