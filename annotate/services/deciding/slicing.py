"""Who leads in each language and category, and whether that is somebody else than the chosen."""

from collections.abc import Iterable
from typing import Any

from annotate.ranking import StrengthsDidNotConverge
from annotate.ranking.stopping import Evidence
from annotate.services.deciding.basis import Basis
from annotate.services.deciding.choice import choose
from annotate.services.deciding.grid import tell_best_lines
from annotate.services.deciding.parts import (
    Part,
    rank_part,
    tell_difference,
    tell_standing,
    tell_surer,
)
from annotate.services.figures.content import table
from annotate.services.slices import split_votes
from annotate.services.vote_columns import Votes

SLICED_BY = ("language", "category")
COLUMNS = ("candidate", "strength", "low", "high", "rank", "votes", "group")


def slice_votes(basis: Basis, votes: Votes, chosen: int) -> dict[str, Any]:
    """Rank each language and each category apart, and compare its leader with the chosen one.

    Each slice asks whether some rival is better than the chosen there, so among many slices and
    rivals some would look so by luck: the chance of a wrong answer is shared out evenly among all
    of these questions (Bonferroni). `n_questions` says how many there are.
    """
    parts = {by: dict(split_votes(votes, by)) for by in SLICED_BY}
    n_slices = sum(len(found) for found in parts.values() if len(found) > 1)
    n_rivals = sum(each.is_finalist for each in basis.contenders) - 1
    n_questions = max(n_slices * n_rivals, 1)
    alpha = basis.alpha / n_questions
    told: dict[str, Any] = {
        by: [
            _tell_slice(basis, value, of_slice, chosen, alpha) for value, of_slice in found.items()
        ]
        for by, found in parts.items()
    }
    return told | {"n_questions": n_questions, "alpha": alpha, "needed": 1 / alpha}


def _tell_slice(
    basis: Basis, value: str, votes: Votes, chosen: int, alpha: float
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "value": value,
        "n_votes": len(votes),
        "n_annotators": len(set(votes["annotator"].tolist())),
        "gap": None,
        "leader": None,
        "chosen": None,
        "ahead": None,
        "differs": "unknown",
        "surer": [],
        "best_lines": None,
        "standings": table(COLUMNS, []),
    }
    try:
        part = rank_part(basis, votes)
    except StrengthsDidNotConverge:
        return told | {"gap": "not_settled"}
    if part.joint is None:
        return told | {"gap": "no_finalist"}
    leader = choose(part)
    own, shared = part.weigh(basis.alpha), part.weigh(alpha)
    return told | {
        "gap": None if own is not None else "nothing_compared",
        "leader": leader,
        "chosen": tell_standing(part, chosen),
        "ahead": None if shared is None else _tell_ahead(part, shared, chosen),
        "differs": _compare(part, shared, chosen),
        "surer": tell_surer(part),
        "best_lines": tell_best_lines(basis, part.fit),
        "standings": table(COLUMNS, _rows(part)),
    }


def _tell_ahead(part: Part, evidence: Evidence, chosen: int) -> dict[str, Any] | None:
    """Say how far the leader of the slice is ahead of the chosen candidate there."""
    if chosen not in part.members:
        return None
    return tell_difference(evidence, part.members.index(chosen))


def _compare(part: Part, evidence: Evidence | None, chosen: int) -> str:
    """Give a code: "same" leader, another one beyond chance ("other") or not ("open")."""
    if evidence is None or chosen not in part.members:
        return "unknown"
    if part.members[evidence.leader] == chosen:
        return "same"
    place = part.members.index(chosen)
    is_other = evidence.enough_annotators and bool(evidence.beaten[place])
    return "other" if is_other else "open"


def _rows(part: Part) -> Iterable[tuple[Any, ...]]:
    for candidate, standing in part.standings.items():
        if standing.votes:
            yield (
                candidate, standing.strength, standing.low, standing.high, standing.rank,
                standing.votes, standing.group,
            )  # fmt: skip
