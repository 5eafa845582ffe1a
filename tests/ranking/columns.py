"""Vote columns written as words, so that a test reads as what happened."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from annotate.ranking import OUTCOMES, RankingFit, RankingSettings, Standing, rank_candidates
from annotate.ranking.arrays import IntArray
from annotate.ranking.tally import Tally, count_votes
from annotate.ranking.votes import check_votes

Vote = tuple[int, int, int, int]
"""Candidate a, candidate b, outcome code, annotator."""

Columns = dict[str, IntArray]


def columns(votes: Iterable[Vote]) -> Columns:
    """Return the four columns of the votes."""
    table = np.array(list(votes), dtype=np.int64).reshape(-1, 4)
    names = ("candidate_a", "candidate_b", "outcome", "annotator")
    return {name: table[:, place] for place, name in enumerate(names)}


def votes(a: int, b: int, /, *, annotator: int = 0, **counts: int) -> list[Vote]:
    """Return so many votes on a pair by outcome: `votes(0, 1, a=3, tie=1)`."""
    return [
        (a, b, OUTCOMES.index(outcome), annotator)
        for outcome, count in counts.items()
        for _ in range(count)
    ]


def rank(cast: Iterable[Vote], n_candidates: int, **settings: Any) -> RankingFit:
    """Rank the votes; few resamples, since most tests do not look at rank intervals."""
    chosen = RankingSettings(**{"n_resamples": 100, **settings})
    return rank_candidates(**columns(cast), n_candidates=n_candidates, settings=chosen)


def tally(cast: Iterable[Vote], n_candidates: int) -> Tally:
    """Return the cells of the votes."""
    return count_votes(check_votes(**columns(cast), n_candidates=n_candidates))[0]


def by_candidate(fit: RankingFit) -> list[Standing]:
    """Return the standings in order of candidate."""
    return sorted(fit.standings, key=lambda standing: standing.candidate)


def strengths(fit: RankingFit) -> list[float | None]:
    """Return the strengths in order of candidate."""
    return [standing.strength for standing in by_candidate(fit)]
