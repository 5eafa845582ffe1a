"""Which candidate is chosen, and how sure that is."""

from enum import StrEnum
from typing import Any

from annotate.ranking.stopping import Answer, Evidence
from annotate.services.deciding.basis import Basis, Contender
from annotate.services.deciding.parts import Part, tell_difference, tell_standing

# Strengths are known to ten decimals.
_EQUAL = 1e-9


class Verdict(StrEnum):
    """What is known of the chosen candidate.

    Attributes:
        BEST: there is enough evidence against each rival.
        EQUIVALENT: rivals that are not beaten differ from it by less than matters.
        LEADS: it is ahead, and that is not proven.
        LEVEL: another is exactly as strong.
        ALONE: nobody contends with it.
    """

    BEST = "best"
    EQUIVALENT = "equivalent"
    LEADS = "leads"
    LEVEL = "level"
    ALONE = "alone"


_NO_REASONS = (Verdict.BEST, Verdict.ALONE)


def choose(part: Part) -> dict[str, Any]:
    """Give the chosen candidate, what is known of it, and why no more is.

    `proven_by` says whether the verdict is by all votes or by the stop of the last round: evidence
    that was once enough stays so, whatever few votes came after it. `not_beaten` are the rivals
    that may be better, or are equivalent.
    """
    basis, evidence = part.basis, part.weigh(part.basis.alpha)
    leader = _find_leader(part, evidence)
    verdict, proven_by = _judge(part, evidence, leader)
    not_beaten = [] if evidence is None else _list_not_beaten(part, evidence)
    if proven_by == "stop":
        not_beaten = []
    return {
        "verdict": verdict.value,
        "proven_by": proven_by,
        "reasons": [] if verdict in _NO_REASONS else _give_reasons(part, evidence),
        **tell_standing(part, leader),
        "closest": None if evidence is None else _tell_closest(part, evidence),
        "needed": 1 / basis.alpha,
        "not_beaten": not_beaten,
        "unjoined": part.unjoined,
        "clusters": part.fit.clusters,
        "interval_method": part.fit.interval_method,
    }


def tell_evidence(part: Part) -> list[dict[str, Any]]:
    """Give a row for each candidate that votes join to the chosen one: what speaks against it.

    Rivals come first, those with the least evidence against them at the top; then who left in
    earlier rounds, likewise, and the anchors by strength.
    """
    evidence = part.weigh(part.basis.alpha)
    if evidence is None:
        return []
    known = {each.id: each for each in part.basis.contenders}
    rows = []
    for place, candidate in enumerate(part.members):
        if place == evidence.leader:
            continue
        is_enough = bool(evidence.e_values[place] >= 1 / evidence.alpha)
        ahead = float(evidence.differences[place])
        told = {
            "candidate": candidate,
            "role": _role_of(known[candidate]),
            "is_beaten": is_enough and ahead > 0,
            "is_stronger": is_enough and ahead < 0,
            "is_equivalent": bool(evidence.equivalent[place]),
        }
        rows.append(told | tell_difference(evidence, place))
    roles = ("rival", "left", "anchor")
    return sorted(rows, key=lambda row: (roles.index(row["role"]), _by_evidence(row)))


def _by_evidence(row: dict[str, Any]) -> tuple[float, float, int]:
    if row["role"] == "anchor":
        return row["difference"], 0.0, row["candidate"]
    # One that is ahead of the chosen is nobody that it beats.
    weight = row["e_value"] if row["difference"] >= 0 else -row["e_value"]
    return weight, row["difference"], row["candidate"]


def _role_of(contender: Contender) -> str:
    if contender.is_finalist:
        return "rival"
    return "anchor" if contender.is_anchor else "left"


def _find_leader(part: Part, evidence: Evidence | None) -> int:
    """Give the strongest finalist's id; the first of them where nobody judged any."""
    if evidence is not None:
        return part.members[evidence.leader]
    finalists = [each.id for each in part.basis.contenders if each.is_finalist]
    return next((each for each in part.members if each in finalists), finalists[0])


def _judge(part: Part, evidence: Evidence | None, leader: int) -> tuple[Verdict, str | None]:
    if sum(each.is_finalist for each in part.basis.contenders) == 1:
        return Verdict.ALONE, None
    if _stop_proved(part.basis, leader):
        return Verdict.BEST, _by_votes_or_stop(part, evidence)
    if evidence is None:
        return Verdict.LEADS, None
    if not part.unjoined and evidence.answer is Answer.BEST:
        return Verdict.BEST, "votes"
    if not part.unjoined and evidence.answer is Answer.EQUIVALENT:
        return Verdict.EQUIVALENT, "votes"
    rivals = evidence.rivals
    if len(rivals) and float(evidence.differences[rivals].min()) < _EQUAL:
        return Verdict.LEVEL, None
    return Verdict.LEADS, None


def _by_votes_or_stop(part: Part, evidence: Evidence | None) -> str:
    by_votes = evidence is not None and evidence.answer is Answer.BEST and not part.unjoined
    return "votes" if by_votes else "stop"


def _stop_proved(basis: Basis, leader: int) -> bool:
    """Tell whether the last round stopped with this leader against every other finalist."""
    stopped = basis.stopped
    if stopped is None or stopped["leader"] != leader or stopped["alpha"] > basis.alpha:
        return False
    rivals = {each.id for each in basis.contenders if each.is_finalist} - {leader}
    return rivals <= set(stopped["rivals"])


def _list_not_beaten(part: Part, evidence: Evidence) -> list[int]:
    return [part.members[rival] for rival in evidence.rivals if not evidence.beaten[rival]]


def _tell_closest(part: Part, evidence: Evidence) -> dict[str, Any] | None:
    rivals = evidence.rivals
    if not len(rivals):
        return None
    closest = int(rivals[0])
    return {"candidate": part.members[closest]} | tell_difference(evidence, closest)


def _give_reasons(part: Part, evidence: Evidence | None) -> list[str]:
    """Say in codes why there is no proof."""
    reasons = []
    if part.unjoined:
        reasons.append("not_joined")
    if evidence is None:
        reasons.append("nothing_compared")
    elif not evidence.enough_annotators:
        reasons.append("few_annotators")
    if evidence is not None and not evidence.beaten[evidence.rivals].all():
        reasons.append("little_evidence")
    return reasons
