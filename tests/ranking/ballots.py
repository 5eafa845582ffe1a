"""Random votes as narrow columns, and the same votes as rows of a tally."""

import numpy as np

from annotate.ranking.arrays import AnyIntArray
from annotate.ranking.votes import Ballots, check_ballots


def cast(
    seed: int, *, n_votes: int = 400, n_candidates: int = 7, n_annotators: int = 9
) -> dict[str, AnyIntArray]:
    """Return columns of random votes, each column of another width; annotators with gaps."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, n_candidates, n_votes)
    b = (a + rng.integers(1, n_candidates, n_votes)) % n_candidates
    return {
        "candidate_a": a.astype(np.int16),
        "candidate_b": b.astype(np.int32),
        "outcome": rng.choice(4, n_votes, p=[0.4, 0.3, 0.2, 0.1]).astype(np.uint8),
        "annotator": 3 * rng.integers(0, n_annotators, n_votes) + 1,
    }


def ballots(columns: dict[str, AnyIntArray], n_candidates: int = 7) -> Ballots:
    """Return the checked votes."""
    return check_ballots(**columns, n_candidates=n_candidates)


def kept(columns: dict[str, AnyIntArray], which: AnyIntArray) -> dict[str, AnyIntArray]:
    """Return the votes at these positions, in this order."""
    return {name: column[which] for name, column in columns.items()}


def tallied(columns: dict[str, AnyIntArray], seed: int) -> dict[str, AnyIntArray]:
    """Return rows as a database keeps them: a below b, equal votes counted, in any order.

    Some rows have no vote left.
    """
    a, b = columns["candidate_a"].astype(np.int64), columns["candidate_b"].astype(np.int64)
    outcome = columns["outcome"].astype(np.int64)
    turned = np.where(outcome < 2, 1 - outcome, outcome)
    table = np.stack(
        [np.minimum(a, b), np.maximum(a, b), np.where(a > b, turned, outcome), columns["annotator"]]
    )
    rows, count = np.unique(table, axis=1, return_counts=True)
    gone = np.array([[0], [1], [0], [500]])  # an annotator whose only vote was taken back
    rows, count = np.hstack([rows, gone]), np.append(count, 0)
    order = np.random.default_rng(seed).permutation(len(count))
    names = ("candidate_a", "candidate_b", "outcome", "annotator")
    return dict(zip(names, rows[:, order], strict=True)) | {"count": count[order]}
