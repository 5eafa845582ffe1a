"""Who voted: people, LLM judges and simulated annotators, each kind by itself, and their care."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from annotate.models import Annotator, Exclusion, Prompt, SelectionRun, Vote
from annotate.models.comparisons import Purpose
from annotate.ranking import StrengthsDidNotConverge
from annotate.ranking.agreement import Interval, measure_agreement
from annotate.ranking.concordance import measure_concordance, measure_tau
from annotate.ranking.kappa import measure_kappa
from annotate.ranking.sides import measure_left_share, wilson_interval
from annotate.ranking.votes import A_WINS, TIE
from annotate.services.deciding.basis import Basis
from annotate.services.deciding.parts import Part, rank_part, tell_standing
from annotate.services.numbers import json_number
from annotate.services.vote_columns import Votes, number_pairs


def count_kinds(by_kind: Mapping[str, Votes]) -> dict[str, dict[str, int]]:
    """Count votes and annotators of each kind that voted."""
    return {
        kind: {"votes": len(votes), "annotators": len(np.unique(votes["annotator"]))}
        for kind, votes in by_kind.items()
    }


def compare_kinds(basis: Basis, by_kind: Mapping[str, Votes], chosen: int) -> dict[str, Any]:
    """Rank by each kind alone, and say how far the kinds agree on the same two texts and turn.

    `share` is how often a vote of one kind says the same as one of the other; `kappa` is Cohen's,
    between the majorities of both: what they agree beyond what their shares of outcomes would give.
    """
    parts: dict[str, Part] = {}
    rows = []
    for kind, votes in by_kind.items():
        try:
            parts[kind] = rank_part(basis, votes)
        except StrengthsDidNotConverge:
            continue
        rows.append(_tell_kind(parts[kind], kind, chosen))
    agreement = [_compare(basis, parts, by_kind, *two) for two in combinations(sorted(by_kind), 2)]
    return {"rows": rows, "agreement": agreement}


def _tell_kind(part: Part, kind: str, chosen: int) -> dict[str, Any]:
    evidence = part.weigh(part.basis.alpha)
    leader = None if evidence is None else part.members[evidence.leader]
    return {
        "kind": kind,
        "leader": None if leader is None else tell_standing(part, leader),
        "chosen": tell_standing(part, chosen),
    }


def _compare(
    basis: Basis, parts: Mapping[str, Part], by_kind: Mapping[str, Votes], kind: str, other: str
) -> dict[str, Any]:
    votes = np.concatenate([by_kind[kind], by_kind[other]])
    is_first = np.arange(len(votes)) < len(by_kind[kind])
    columns = {
        "unit": number_units(_judge_whole(votes)),
        "annotator": votes["annotator"],
        "outcome": votes["outcome"],
        "is_first": is_first,
        "is_second": ~is_first,
        "cluster": votes["prompt"],
    }
    found = measure_concordance(**columns, level=basis.ranking.level)
    kappa = measure_kappa(**columns, level=basis.ranking.level)
    return {
        "kind": kind,
        "other_kind": other,
        "tau": _measure_tau(parts, kind, other),
        "kappa": json_number(kappa.value),
        "kappa_low": json_number(kappa.low),
        "kappa_high": json_number(kappa.high),
        "share": json_number(found.share),
        "low": json_number(found.low),
        "high": json_number(found.high),
        "units": found.n_units,
    }


def _measure_tau(parts: Mapping[str, Part], kind: str, other: str) -> float | None:
    if kind not in parts or other not in parts:
        return None
    columns = []
    for part in (parts[kind], parts[other]):
        standings = [part.standings[candidate] for candidate in part.ids]
        columns.append(
            (
                np.array([each.strength or 0.0 for each in standings]),
                np.array([-1 if each.group is None else each.group for each in standings]),
            )
        )
    (first, first_group), (second, second_group) = columns
    tau = measure_tau(first, second, first_group=first_group, second_group=second_group)
    return json_number(tau)


def _judge_whole(votes: Votes) -> Votes:
    """Give the votes with a conversation judged as a whole as its last turn: it says the same."""
    prompts = Prompt.objects.filter(pk__in=np.unique(votes["prompt"]).tolist())
    lengths = dict(prompts.values_list("pk", "turns__len"))
    last = np.array([lengths[pk] for pk in votes["prompt"].tolist()], dtype=np.int64)
    judged = votes.copy()
    judged["turn"] = np.where(votes["turn"] == Vote.WHOLE_CONVERSATION, last, votes["turn"])
    return judged


def number_units(votes: Votes) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return (votes,) which pair of completions and turn each is on."""
    n_turns = int(votes["turn"].max(initial=0)) + 1
    return np.asarray(number_pairs(votes) * n_turns + votes["turn"], dtype=np.int64)


def tell_care(run: SelectionRun, basis: Basis, votes: Votes) -> dict[str, Any]:
    """Say how far the deciding votes can be trusted, as they stood at the cut-off."""
    agreement = measure_agreement(
        unit=number_units(votes),
        annotator=votes["annotator"],
        outcome=votes["outcome"],
        rng=np.random.default_rng(basis.ranking.seed),
        level=basis.ranking.level,
    )
    sided = (votes["outcome"] < TIE) & (votes["side"] != 0)
    left = measure_left_share(
        is_left=((votes["outcome"] == A_WINS) == (votes["side"] == 1))[sided].astype(np.int64),
        annotator=votes["annotator"][sided],
        pair=number_pairs(votes)[sided],
    )
    return {
        "alpha": _tell_interval(agreement.alpha),
        "raw_agreement": _tell_interval(agreement.raw),
        "shared_units": agreement.n_units,
        "left_share": {name: json_number(getattr(left, name)) for name in ("share", "low", "high")},
        "known_answers": _tell_known_answers(run, basis),
        "excluded": _tell_excluded(run, basis),
    }


def _tell_interval(found: Interval | None) -> dict[str, float | None]:
    names = ("value", "low", "high")
    return {name: None if found is None else json_number(getattr(found, name)) for name in names}


def _tell_known_answers(run: SelectionRun, basis: Basis) -> dict[str, Any]:
    excluded = Exclusion.objects.filter(run=run).standing_at(basis.cutoff).values("annotator")
    answers = (
        Vote.objects.of_run(run)
        .standing_at(basis.cutoff)
        .filter(
            comparison__purpose=Purpose.GOLD,
            comparison__annotator__kind=basis.decided_by,
        )
        .exclude(comparison__annotator__in=excluded)
        .values_list("outcome", "comparison__gold__outcome")
    )
    told = list(answers)
    right = sum(outcome == known for outcome, known in told)
    low, high = wilson_interval(np.array([float(right)]), np.array([float(len(told))]))
    return {
        "answered": len(told),
        "right": right,
        "low": json_number(float(low[0])),
        "high": json_number(float(high[0])),
    }


def _tell_excluded(run: SelectionRun, basis: Basis) -> dict[str, int]:
    """Count who was excluded at the cut-off, and the votes for ranking that count nowhere."""
    excluded = Exclusion.objects.filter(run=run).standing_at(basis.cutoff).values("annotator")
    votes = Vote.objects.of_run(run).standing_at(basis.cutoff).filter(
        comparison__purpose=Purpose.RANKING, comparison__annotator__in=excluded
    )  # fmt: skip
    annotators = Annotator.objects.filter(pk__in=excluded)
    return {"annotators": annotators.count(), "votes": votes.count()}
