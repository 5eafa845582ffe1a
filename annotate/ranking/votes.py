"""Votes as integer columns, checked before anything is counted."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from annotate.ranking.arrays import AnyIntArray, BoolArray, IntArray

OUTCOMES = ("a", "b", "tie", "both_bad")
A_WINS, B_WINS, TIE, BOTH_BAD = range(4)


@dataclass(frozen=True)
class Ballots:
    """Checked votes: columns of equal length, each as narrow as it came.

    Attributes:
        count: (rows,) how many equal votes a row stands for, each at least 1; None: one each.
    """

    candidate_a: AnyIntArray
    candidate_b: AnyIntArray
    outcome: AnyIntArray
    annotator: AnyIntArray
    n_candidates: int
    count: IntArray | None = None

    @property
    def n_votes(self) -> int:
        return len(self.outcome) if self.count is None else int(self.count.sum())


@dataclass(frozen=True)
class VoteColumns(Ballots):
    """Checked votes, one each row, as 64-bit integers: safe to multiply."""

    candidate_a: IntArray
    candidate_b: IntArray
    outcome: IntArray
    annotator: IntArray


def keep_votes(columns: VoteColumns, kept: BoolArray) -> VoteColumns:
    """Return some of the votes."""
    return VoteColumns(
        candidate_a=columns.candidate_a[kept],
        candidate_b=columns.candidate_b[kept],
        outcome=columns.outcome[kept],
        annotator=columns.annotator[kept],
        n_candidates=columns.n_candidates,
    )


def encode_outcomes(labels: Iterable[str]) -> IntArray:
    """Return the code of each outcome label: its place in `OUTCOMES`.

    Raises:
        ValueError: a label is not an outcome; it is never taken for a tie.
    """
    codes = {label: code for code, label in enumerate(OUTCOMES)}
    encoded = []
    for position, label in enumerate(labels):
        if label not in codes:
            expected = ", ".join(OUTCOMES)
            raise ValueError(
                f"outcome at position {position} is {label!r}: it must be one of {expected}"
            )
        encoded.append(codes[label])
    return np.array(encoded, dtype=np.int64)


def check_votes(
    *,
    candidate_a: ArrayLike,
    candidate_b: ArrayLike,
    outcome: ArrayLike,
    annotator: ArrayLike,
    n_candidates: int,
) -> VoteColumns:
    """Return the columns as int64 once every value is known to be in range.

    Raises:
        ValueError: as `check_ballots` says.
    """
    ballots = check_ballots(
        candidate_a=candidate_a,
        candidate_b=candidate_b,
        outcome=outcome,
        annotator=annotator,
        n_candidates=n_candidates,
    )
    return VoteColumns(
        candidate_a=ballots.candidate_a.astype(np.int64, copy=False),
        candidate_b=ballots.candidate_b.astype(np.int64, copy=False),
        outcome=ballots.outcome.astype(np.int64, copy=False),
        annotator=ballots.annotator.astype(np.int64, copy=False),
        n_candidates=n_candidates,
    )


def check_ballots(
    *,
    candidate_a: ArrayLike,
    candidate_b: ArrayLike,
    outcome: ArrayLike,
    annotator: ArrayLike,
    n_candidates: int,
    count: ArrayLike | None = None,
) -> Ballots:
    """Return the columns as they came once every value is known to be in range.

    Args:
        count: (rows,) how many votes each row stands for, 0 or more: a row of none is left out.

    Raises:
        ValueError: a column is not one-dimensional or not of integers, lengths differ, an index or
            a code is out of range, or a candidate meets itself; with position and value.
    """
    if n_candidates < 0:
        raise ValueError(f"n_candidates is {n_candidates}: it must be 0 or more")
    columns = {
        "candidate_a": _as_integers("candidate_a", candidate_a),
        "candidate_b": _as_integers("candidate_b", candidate_b),
        "outcome": _as_integers("outcome", outcome),
        "annotator": _as_integers("annotator", annotator),
    }
    if count is not None:
        columns["count"] = _as_integers("count", count)
    _check_lengths(columns)
    _check_values(columns, n_candidates)
    counts = columns.pop("count", None)
    if counts is None:
        return Ballots(**columns, n_candidates=n_candidates, count=None)
    some = counts > 0
    kept = {name: column[some] for name, column in columns.items()}
    return Ballots(**kept, n_candidates=n_candidates, count=counts[some].astype(np.int64))


def _as_integers(name: str, column: ArrayLike) -> AnyIntArray:
    values = np.asarray(column)
    if values.ndim != 1:
        raise ValueError(f"{name} has {values.ndim} dimensions: it must have one")
    # An empty list has no dtype of its own, and nothing in it that could be wrong.
    if values.size == 0:
        return values.astype(np.int64)
    if not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{name} holds {values.dtype}: it must hold integers")
    return values


def _check_lengths(columns: dict[str, AnyIntArray]) -> None:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"columns differ in length ({found}): a vote needs a value in each")


def _check_values(columns: dict[str, AnyIntArray], n: int) -> None:
    a, b = columns["candidate_a"], columns["candidate_b"]
    codes = ", ".join(f"{code} ({label})" for code, label in enumerate(OUTCOMES))
    _check_range("candidate_a", a, n, f"an index below n_candidates = {n}")
    _check_range("candidate_b", b, n, f"an index below n_candidates = {n}")
    _refuse("candidate_b", b, a == b, "another candidate than candidate_a")
    _check_range("outcome", columns["outcome"], len(OUTCOMES), f"one of {codes}")
    _check_range("annotator", columns["annotator"], None, "an index of 0 or more")
    if "count" in columns:
        _check_range("count", columns["count"], None, "0 or more votes")


def _check_range(name: str, values: AnyIntArray, end: int | None, expected: str) -> None:
    # The two ends tell at a tenth of the price of looking for what is wrong.
    if len(values) == 0 or (values.min() >= 0 and (end is None or values.max() < end)):
        return
    wrong = values < 0 if end is None else (values < 0) | (values >= end)
    _refuse(name, values, wrong, expected)


def _refuse(name: str, values: AnyIntArray, wrong: BoolArray, expected: str) -> None:
    if wrong.any():
        position = int(np.argmax(wrong))
        more = f" (and {wrong.sum() - 1} more)" if wrong.sum() > 1 else ""
        raise ValueError(
            f"{name} at position {position} is {values[position]}{more}: it must be {expected}"
        )
