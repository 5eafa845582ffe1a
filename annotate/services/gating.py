"""Whether a trained candidate won over its parent, where its training asked for that.

It is settled once, when the round that was to try it has ended, by the same evidence that stops
rounds (`ranking.stopping`): an e-value, which holds whenever the round ended, on held-out prompts.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from django.db import transaction

from annotate.models import Candidate, Round, RunEvent, TrainingRun
from annotate.ranking.estimate import Look
from annotate.ranking.stopping import MIN_ANNOTATORS, Answer, Evidence
from annotate.services import estimating, pairing, queue
from annotate.services.changes import log_event
from annotate.services.numbers import json_e_value, json_number
from annotate.services.pairing import RoundNow


def request_settling(*, round_: Round, in_s: int = 0) -> None:
    """Have a worker settle what the round was to show, where a training still asks for it.

    Inside a transaction it is asked for when that commits.
    """
    if unsettled(round_):
        queue.defer_once("settle_gates", queue="default", in_s=in_s, round_id=round_.pk)


def unsettled(round_: Round) -> list[TrainingRun]:
    """List the trainings whose children the round tries, and of whom nothing was said yet."""
    asked = round_.trainings.filter(gate_alpha__isnull=False, gate_passed=None)
    return list(asked.select_related("base__run").order_by("pk"))


def settle_gates(*, round_: Round) -> None:
    """Say of each child that the round was to try whether it won over its parent.

    A child that did not takes part in no further round. Called again, nothing changes.

    Raises:
        LedgerBusy: votes are being imported into the run.
    """
    for training_run in unsettled(round_):
        child = training_run.candidates.first()
        assert child is not None  # a round tries a child that is there
        now = pairing.look_at(round_)
        cutoff = estimating.refresh_estimate(round_=round_).through
        evidence = weigh_child(now, child=child, parent=training_run.base, cutoff=cutoff,
                               alpha=training_run.gate_alpha or 0.0)  # fmt: skip
        _settle(training_run, child, round_, evidence)


def weigh_child(
    now: RoundNow, *, child: Candidate, parent: Candidate, cutoff: int, alpha: float
) -> dict[str, Any]:
    """Weigh a child against its parent by a round's votes below a cut-off, as JSON can hold it."""
    look, now = _look(now, (child.pk, parent.pk), cutoff=cutoff, alpha=alpha)
    told: dict[str, Any] = {
        "alpha": alpha,
        "cutoff": cutoff,
        "n_votes": look.n_votes,
        "n_annotators": look.n_annotators,
        "annotators_needed": MIN_ANNOTATORS,
        "gap": look.gap and look.gap.value,
        "passed": False,
    }
    if look.evidence is not None and {child.pk, parent.pk} <= set(now.candidates):
        told |= _tell(look.evidence, now, child, parent)
    return told


def _look(
    now: RoundNow, pair: tuple[int, int], *, cutoff: int, alpha: float
) -> tuple[Look, RoundNow]:
    """Look at the votes with the evidence between two candidates.

    Others whom no chain of votes joins to these two say nothing of them, and are left out.
    """
    contends = np.isin(now.candidates, pair)
    look = estimating.look_closely(now, cutoff=cutoff, contends=contends, alpha=alpha)
    places = set(np.flatnonzero(contends).tolist())
    for group in look.groups:
        members = group.members.tolist()
        if places <= set(members) and len(members) < len(now.candidates):
            joined = replace(now, candidates=tuple(now.candidates[place] for place in members))
            return _look(joined, pair, cutoff=cutoff, alpha=alpha)
    return look, now


def _tell(evidence: Evidence, now: RoundNow, child: Candidate, parent: Candidate) -> dict[str, Any]:
    leads = now.candidates[evidence.leader] == child.pk
    other = now.candidates.index(parent.pk if leads else child.pk)
    sign = 1 if leads else -1
    difference, radius = sign * float(evidence.differences[other]), float(evidence.radii[other])
    return {
        "leads": leads,
        "e_value": json_e_value(evidence.e_values[other]),
        "difference": json_number(difference),
        "low": json_number(difference - radius),
        "high": json_number(difference + radius),
        "passed": leads and evidence.answer is Answer.BEST,
    }


def _settle(
    training_run: TrainingRun, child: Candidate, round_: Round, evidence: dict[str, Any]
) -> None:
    with transaction.atomic():
        asked = TrainingRun.objects.filter(pk=training_run.pk, gate_passed=None)
        has_settled = asked.update(gate_passed=evidence["passed"], gate_evidence=evidence)
        if not has_settled:
            return
        log_event(
            run=round_.run, kind=RunEvent.Kind.TRAINING, training=training_run.pk,
            candidate=child.name, round=round_.number,
            gate="passed" if evidence["passed"] else "refused",
        )  # fmt: skip
        if not evidence["passed"]:
            log_event(
                run=round_.run, kind=RunEvent.Kind.CUT, round=round_.number, left=[child.name],
                rule="gate", parent=training_run.base.name, e_value=evidence.get("e_value"),
            )  # fmt: skip


def refused_among(candidates: Iterable[int]) -> set[int]:
    """Find those of these candidates, by id, that had to win over their parents and did not."""
    refused = Candidate.objects.filter(pk__in=list(candidates), training_run__gate_passed=False)
    return set(refused.values_list("pk", flat=True))
