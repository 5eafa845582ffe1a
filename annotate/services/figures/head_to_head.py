"""Who beat whom how often, and how likely each is to win the next time."""

from typing import Any

import numpy as np

from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.head_to_head import fit_three_way
from annotate.ranking.tally import MIRRORED
from annotate.ranking.votes import OUTCOMES
from annotate.services.figures.content import table
from annotate.services.figures.source import FigureSource

COLUMNS = (
    "candidate", "rival", "wins", "losses", "ties", "both_bad", "votes", "rate",
    "predicted_win", "predicted_tie", "predicted_loss", "group",
)  # fmt: skip
_N_OUTCOMES = len(OUTCOMES)


def compute(source: FigureSource) -> dict[str, Any]:
    """Count each pair's votes, and foretell its next by strengths with calibrated ties.

    Each two candidates of a group stand once, the stronger first; between groups nothing can be
    foretold. A draw or "both bad" is half a win in the rate.
    """
    facts: dict[str, Any] = {"scale": None, "tie_weight": None, "n_votes": 0}
    strengths, group = place_standings(source)
    ballots = source.ballots
    a, b = ballots.candidate_a, ballots.candidate_b
    within = (group[a] == group[b]) & (group[a] >= 0)
    if not within.any():
        gap = "too_few_votes" if len(a) else "no_votes"
        return {"tables": {"pairs": table(COLUMNS, [])}, "facts": facts, "gaps": {"pairs": gap}}
    fit = fit_three_way(
        difference=(strengths[a] - strengths[b])[within], outcome=ballots.outcome[within]
    )
    facts = {
        "scale": round(fit.scale, 10),
        "tie_weight": round(fit.tie_weight, 10),
        "n_votes": int(within.sum()),
    }
    first, second = _order_pairs(source, group)
    counts = _count_pairs(source)[first, second]
    chances = fit.predict(strengths[first] - strengths[second])
    votes = counts.sum(axis=1)
    rate = np.divide(
        counts[:, 0] + (counts[:, 2] + counts[:, 3]) / 2, votes,
        out=np.full(len(votes), np.nan), where=votes > 0,
    )  # fmt: skip
    names = source.names
    rows = [
        (names[i], names[j], *counts[k].tolist(), votes[k], rate[k],
         chances[k, 0], chances[k, 2], chances[k, 1], group[i])
        for k, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True))
    ]  # fmt: skip
    return {"tables": {"pairs": table(COLUMNS, rows)}, "facts": facts, "gaps": {}}


def place_standings(source: FigureSource) -> tuple[FloatArray, IntArray]:
    """Return (candidates,) the ranking's strengths, nan without one, and groups, -1 without one."""
    place = {pk: index for index, (pk, _name) in enumerate(source.candidates)}
    strengths = np.full(len(place), np.nan)
    group = np.full(len(place), -1)
    for row in source.ranking.standings:
        if row["group"] is not None:
            index = place[row["candidate_id"]]
            strengths[index], group[index] = row["strength"], row["group"]
    return strengths, group


def _order_pairs(source: FigureSource, group: IntArray) -> tuple[IntArray, IntArray]:
    """Return the pairs within groups, in the order of the standings on both sides."""
    place = {pk: index for index, (pk, _name) in enumerate(source.candidates)}
    ordered = np.array(
        [place[row["candidate_id"]] for row in source.ranking.standings], dtype=np.int64
    )
    ordered = ordered[group[ordered] >= 0]
    first, second = (ordered[side] for side in np.triu_indices(len(ordered), k=1))
    within = group[first] == group[second]
    return first[within], second[within]


def _count_pairs(source: FigureSource) -> IntArray:
    """Return (candidates, candidates, outcomes) votes as the row's candidate saw them."""
    ballots, n = source.ballots, len(source.candidates)
    size = n * n * _N_OUTCOMES
    a, b, outcome = ballots.candidate_a, ballots.candidate_b, ballots.outcome
    forth = np.bincount((a * n + b) * _N_OUTCOMES + outcome, minlength=size)
    back = np.bincount((b * n + a) * _N_OUTCOMES + MIRRORED[outcome], minlength=size)
    return np.asarray((forth + back).reshape(n, n, _N_OUTCOMES), dtype=np.int64)
