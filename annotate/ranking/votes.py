"""Votes as integer columns, checked before anything is counted."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from annotate.ranking.arrays import BoolArray, IntArray

OUTCOMES = ("a", "b", "tie", "both_bad")
A_WINS, B_WINS, TIE, BOTH_BAD = range(4)


@dataclass(frozen=True)
class VoteColumns:
    """Checked votes: four integer columns of equal length."""

    candidate_a: IntArray
    candidate_b: IntArray
    outcome: IntArray
    annotator: IntArray
    n_candidates: int


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
        ValueError: a column is not one-dimensional or not of integers, lengths differ, an index or
            a code is out of range, or a candidate meets itself; with position and value.
    """
    if n_candidates < 0:
        raise ValueError(f"n_candidates is {n_candidates}: it must be 0 or more")
    columns = VoteColumns(
        candidate_a=_as_integers("candidate_a", candidate_a),
        candidate_b=_as_integers("candidate_b", candidate_b),
        outcome=_as_integers("outcome", outcome),
        annotator=_as_integers("annotator", annotator),
        n_candidates=n_candidates,
    )
    _check_lengths(columns)
    _check_values(columns)
    return columns


def _as_integers(name: str, column: ArrayLike) -> IntArray:
    values = np.asarray(column)
    if values.ndim != 1:
        raise ValueError(f"{name} has {values.ndim} dimensions: it must have one")
    # An empty list has no dtype of its own, and nothing in it that could be wrong.
    if values.size and not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{name} holds {values.dtype}: it must hold integers")
    return values.astype(np.int64, copy=False)


def _check_lengths(columns: VoteColumns) -> None:
    lengths = {
        "candidate_a": len(columns.candidate_a),
        "candidate_b": len(columns.candidate_b),
        "outcome": len(columns.outcome),
        "annotator": len(columns.annotator),
    }
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"columns differ in length ({found}): a vote needs a value in each")


def _check_values(columns: VoteColumns) -> None:
    n = columns.n_candidates
    a, b, outcome = columns.candidate_a, columns.candidate_b, columns.outcome
    codes = ", ".join(f"{code} ({label})" for code, label in enumerate(OUTCOMES))
    _refuse("candidate_a", a, (a < 0) | (a >= n), f"an index below n_candidates = {n}")
    _refuse("candidate_b", b, (b < 0) | (b >= n), f"an index below n_candidates = {n}")
    _refuse("candidate_b", b, a == b, "another candidate than candidate_a")
    _refuse("outcome", outcome, (outcome < 0) | (outcome >= len(OUTCOMES)), f"one of {codes}")
    _refuse("annotator", columns.annotator, columns.annotator < 0, "an index of 0 or more")


def _refuse(name: str, values: IntArray, wrong: BoolArray, expected: str) -> None:
    if wrong.any():
        position = int(np.argmax(wrong))
        more = f" (and {wrong.sum() - 1} more)" if wrong.sum() > 1 else ""
        raise ValueError(
            f"{name} at position {position} is {values[position]}{more}: it must be {expected}"
        )
