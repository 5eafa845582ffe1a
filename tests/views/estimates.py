"""Estimates and stops of rounds, as a worker stores them."""

from typing import Any

from django.utils import timezone

from annotate.models import Candidate, Round, RoundEstimate, Stop


def make_difference(rival: Candidate, e_value: float = 7.3, **fields: Any) -> dict[str, Any]:
    """Make what an estimate says of the leader against a rival."""
    return {
        "candidate": rival.pk, "e_value": e_value, "difference": 0.4, "low": -0.1, "high": 0.9,
        "is_beaten": e_value >= 20, "is_equivalent": False,
    } | fields  # fmt: skip


def make_evidence(leader: Candidate | None, *rivals: dict[str, Any], **fields: Any) -> Any:
    """Make what an estimate says of the way to its answer."""
    return {
        "gap": None if leader else "no_votes", "leader": leader.pk if leader else None,
        "rivals": list(rivals), "alpha": 0.05, "delta": None, "level": 0.95, "answer": None,
        "clusters": "annotator" if leader else None,
        "votes_by_language": {"en": 120}, "votes_per_language": 0, "votes_remaining": 240,
        "n_annotators": 9, "annotators_needed": 5, "unjoined": [],
    } | fields  # fmt: skip


def make_row(candidate: Candidate, **fields: Any) -> dict[str, Any]:
    """Make a row of an estimate's standings."""
    return {
        "candidate": candidate.pk, "group": 0, "strength": 0.25, "low": -0.5,
        "high": 1.0, "p_best": 0.875, "votes": 80,
    } | fields  # fmt: skip


def make_estimate(round_: Round, evidence: Any, **fields: Any) -> RoundEstimate:
    """Store an estimate of a round, of 120 votes that the ledger does not have."""
    candidates = list(round_.candidates.order_by("id"))
    defaults = {
        "through": 0, "n_votes": 120, "made_at": timezone.now(), "arrays": b"",
        "candidates": [candidate.pk for candidate in candidates],
        "standings": [make_row(candidate) for candidate in candidates],
    }  # fmt: skip
    return RoundEstimate.objects.create(round=round_, evidence=evidence, **defaults | fields)


def make_stop(round_: Round, evidence: Any, **fields: Any) -> Stop:
    """Store that a round has its answer."""
    defaults = {"reason": "best", "cutoff": 400, "n_votes": 120}
    return Stop.objects.create(round=round_, evidence=evidence, **defaults | fields)
