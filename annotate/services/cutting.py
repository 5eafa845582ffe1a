"""Who leaves a round by its votes, as a run keeps it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import QuerySet

from annotate.models import Round, RoundCut
from annotate.ranking.arrays import BoolArray
from annotate.ranking.elimination import Cut, CutRule, eliminate
from annotate.ranking.estimate import LEVEL, Gap, Look
from annotate.services import estimating, pairing
from annotate.services.numbers import json_e_value, json_number
from annotate.services.pairing import RoundNow


@dataclass(frozen=True)
class FoundCut:
    """Who stays and who leaves, by ids; the fields are those of `RoundCut`.

    Attributes:
        n_contenders: of those who stay, how many may be the best: anchors may not.
    """

    rule: str
    error: float
    kept: list[int]
    left: list[int]
    cutoff: int
    evidence: dict[str, Any]
    n_contenders: int


def find_cut(
    *, round_: Round, rule: CutRule, keep: int, cutoff: int, refused: Collection[int] = ()
) -> FoundCut:
    """Find who leaves by the round's votes below a cut-off.

    Nobody leaves while no chain of votes joins some candidates to the others: nothing is known of
    how these stand to those.

    Args:
        keep: how many contenders stay at least.
        refused: ids of those who leave whatever the votes say of the others: children that had to
            win over their parents. They may be the best all the same, and the error says so.
    """
    now = pairing.look_at(round_)
    look = estimating.look_closely(now, cutoff=cutoff)
    contends = np.ones(len(now.candidates), np.bool_) if now.contends is None else now.contends
    cut = None
    if look.gap in (None, Gap.ONE_ANNOTATOR):
        group = look.groups[0]
        assert group.spread is not None  # a group of one is a gap
        cut = eliminate(
            group.strengths,
            group.spread,
            look.tally,
            rule=rule,
            keep=keep,
            alpha=now.decision.alpha,
            contends=contends,
            rng=np.random.default_rng([round_.pk, cutoff]),
        )
    ids = np.array(now.candidates, dtype=np.int64)
    by_rule = np.zeros(len(now.candidates), np.bool_) if cut is None else cut.leaves
    are_refused = np.isin(ids, list(refused)) & ~by_rule
    leaves = by_rule | are_refused
    error = 0.0 if cut is None else cut.error
    return FoundCut(
        rule=rule.value,
        error=min(1.0, error + _chance_best(look, are_refused & contends)),
        kept=ids[~leaves].tolist(),
        left=ids[leaves].tolist(),
        cutoff=cutoff,
        evidence=_tell(now, look, cut, keep, ids[are_refused].tolist()),
        n_contenders=int((contends & ~leaves).sum()),
    )


def _chance_best(look: Look, candidates: BoolArray) -> float:
    """Give the chance that the best one is among these; of what no votes join, nothing is known."""
    if not candidates.any():
        return 0.0
    p_best = look.groups[0].p_best if look.gap in (None, Gap.ONE_ANNOTATOR) else None
    return 1.0 if p_best is None else float(p_best[candidates].sum())


def cuts_of(round_: Round) -> QuerySet[RoundCut]:
    """Find the cuts of the run's rounds before this one."""
    return RoundCut.objects.filter(round__run=round_.run_id, round__number__lt=round_.number)


def _tell(
    now: RoundNow, look: Look, cut: Cut | None, keep: int, refused: list[int]
) -> dict[str, Any]:
    """Say what the cut rests on, as JSON can hold it."""
    bound = 0.0 if cut is None else cut.bound
    before = sum(each.evidence.get("bound", each.error) for each in cuts_of(now.round))
    spread = look.groups[0].spread if look.groups else None
    rows = _tell_votes(now, look)
    if cut is not None:
        _add_strengths(rows, look, cut)
    for row in rows:
        row["left"] |= row["candidate"] in refused
    return {
        "gap": look.gap and look.gap.value,
        "clusters": spread and spread.clusters.value,
        "alpha": now.decision.alpha,
        "threshold": cut and cut.threshold,
        "keep": keep,
        "refused": refused,
        "bound": bound,
        "total": before + bound,
        "n_votes": look.n_votes,
        "n_annotators": look.n_annotators,
        "level": LEVEL,
        "candidates": sorted(rows, key=lambda row: -(row["strength"] or 0.0)),
    }


def _tell_votes(now: RoundNow, look: Look) -> list[dict[str, Any]]:
    """Give a row for each candidate, in the order of their ids, with what is known of it anyhow."""
    unknown = dict.fromkeys(("strength", "low", "high", "p_best", "e_value"))
    return [
        {
            "candidate": candidate,
            "is_anchor": candidate in now.anchors,
            "votes": int(look.votes[place]),
            "left": False,
            **unknown,
        }
        for place, candidate in enumerate(now.candidates)
    ]


def _add_strengths(rows: list[dict[str, Any]], look: Look, cut: Cut) -> None:
    """Add what the cut was found by; all candidates are in one group then."""
    group = look.groups[0]
    assert group.half_widths is not None  # a group of one is a gap
    for place, row in enumerate(rows):
        strength, reach = float(group.strengths[place]), float(group.half_widths[place])
        row |= {
            "strength": json_number(strength),
            "low": json_number(strength - reach),
            "high": json_number(strength + reach),
            "p_best": float(cut.p_best[place]),
            "e_value": json_e_value(cut.e_values[place]),
            "left": bool(cut.leaves[place]),
        }
