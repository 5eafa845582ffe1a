"""How people, LLM judges and simulated annotators rank, each kind apart, and how far they agree."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotate.models import Annotator
from annotate.ranking import Standing, StrengthsDidNotConverge
from annotate.ranking.concordance import measure_concordance, measure_tau
from annotate.services.figures.content import table
from annotate.services.figures.parts import rank_part
from annotate.services.figures.source import FigureSource, read_source
from annotate.services.vote_columns import number_pairs

STRENGTHS = ("candidate", "kind", "strength", "low", "high", "votes", "group")
AGREEMENT = ("kind", "other_kind", "tau", "agreeing", "shared", "low", "high", "candidates")

Standings = list[tuple[str, Standing]]


def compute(source: FigureSource) -> dict[str, Any]:
    """Rank by the votes of each kind alone, and compare kinds two by two.

    tau is Kendall's over candidates that both kinds voted on; `agreeing` how often a vote of one
    kind says the same as one of the other on the same two texts and turn. A ranking that asks for
    no kind left LLM judges out; here they stand beside people.
    """
    source = read_source(source.ranking, every_kind=True)
    kinds = np.array([each.kind for each in source.annotators], dtype=np.str_)
    of_vote = kinds[source.ballots.annotator]
    present = [kind.value for kind in Annotator.Kind if (of_vote == kind.value).any()]
    rows: list[tuple[Any, ...]] = []
    gaps: dict[str, str] = {}
    ranked: dict[str, Standings] = {}
    for kind in present:
        try:
            ranked[kind] = rank_part(source, source.votes[of_vote == kind])
        except StrengthsDidNotConverge:
            gaps[f"strengths.{kind}"] = "not_settled"
            continue
        rows += [
            (name, kind, each.strength, each.low, each.high, each.votes, each.group)
            for name, each in ranked[kind]
        ]
    agreement = [_compare(source, of_vote, ranked, *two) for two in combinations(present, 2)]
    if len(present) < 2:
        gaps["agreement"] = "one_kind" if present else "no_votes"
    if not present:
        gaps["strengths"] = "no_votes"
    tables = {"strengths": table(STRENGTHS, rows), "agreement": table(AGREEMENT, agreement)}
    facts = {"n_kinds": len(present), "level": source.settings.level}
    return {"tables": tables, "facts": facts, "gaps": gaps}


def _compare(
    source: FigureSource,
    of_vote: NDArray[np.str_],
    ranked: Mapping[str, Standings],
    kind: str,
    other: str,
) -> tuple[Any, ...]:
    ballots = source.ballots
    found = measure_concordance(
        unit=number_pairs(source.votes) * (ballots.turn.max(initial=0) + 1) + ballots.turn,
        annotator=ballots.annotator,
        outcome=ballots.outcome,
        is_first=of_vote == kind,
        is_second=of_vote == other,
        cluster=ballots.prompt,
        level=source.settings.level,
    )
    tau, n_shared = None, None
    if kind in ranked and other in ranked:
        one, two = ([standing for _name, standing in ranked[each]] for each in (kind, other))
        n_shared = sum(a.votes > 0 < b.votes for a, b in zip(one, two, strict=True))
        tau = measure_tau(
            _strengths(one), _strengths(two), first_group=_groups(one), second_group=_groups(two)
        )
    return kind, other, tau, found.share, found.n_units, found.low, found.high, n_shared


def _strengths(standings: list[Standing]) -> NDArray[np.float64]:
    values = [0.0 if each.strength is None else each.strength for each in standings]
    return np.array(values, dtype=np.float64)


def _groups(standings: list[Standing]) -> NDArray[np.int64]:
    return np.array([-1 if each.group is None else each.group for each in standings], np.int64)
