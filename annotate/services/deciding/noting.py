"""What a decision notes beside its votes, as it was found at the time.

It does not follow from the ledger, and so it is not computed again: names, rounds, lengths.
"""

from typing import Any

import numpy as np
from django.db.models import Avg, Case, Count, FloatField, Q, Value, When

from annotate.models import (
    Candidate,
    Completion,
    DecisionRules,
    RoundCut,
    RunPlan,
    SelectionRun,
    Stop,
)
from annotate.models.candidates import FinishReason
from annotate.ranking.rank import library_versions
from annotate.services.deciding.basis import Basis
from annotate.services.numbers import json_number
from annotate.services.slices import split_votes
from annotate.services.vote_columns import Votes

MEASURES = ("n_characters", "leakage", "repetition")


def note_run(run: SelectionRun, votes: Votes) -> dict[str, Any]:
    """Name the run, what it was launched with, and what its prompts and held-out ones are."""
    plan = RunPlan.objects.filter(run=run).first()
    prompts = run.prompts()
    asked = prompts.filter(pk__in=np.unique(votes["prompt"]).tolist())
    held_out = set(asked.held_out().values_list("pk", flat=True))
    return {
        "slug": run.slug,
        "title": run.title,
        "seed": run.seed,
        "samples_per_prompt": run.samples_per_prompt,
        "plan_sha256": plan.sha256 if plan else "",
        "prompt_sets": sorted(run.prompt_sets.values_list("slug", flat=True)),
        "n_prompts": prompts.count(),
        "n_held_out": prompts.held_out().count(),
        "n_prompts_voted_on": asked.count(),
        "votes_on_held_out": int(np.isin(votes["prompt"], sorted(held_out)).sum()),
        "versions": dict(library_versions()),
    }


def note_rounds(run: SelectionRun, basis: Basis, votes: Votes) -> list[dict[str, Any]]:
    """Say of each round who was in it, how it ended, and who left after it."""
    cast = {number: len(part) for number, part in split_votes(votes, "round")}
    rounds = run.rounds.select_related("stop", "cut").prefetch_related("candidates")
    told = []
    for round_ in rounds.order_by("number"):
        members = sorted(each.pk for each in round_.candidates.all())
        told.append(
            {
                "number": round_.number,
                "candidates": members,
                "votes": cast.get(str(round_.number), 0),
                "votes_wanted": round_.votes_wanted,
                "prompt_scope": round_.prompt_scope,
                "anchors_only": round_.anchors_only,
                "opened_at": _moment(round_.opened_at),
                "closed_at": _moment(round_.closed_at),
                "stop": _note_stop(getattr(round_, "stop", None), basis.cutoff),
                "cut": _note_cut(getattr(round_, "cut", None), basis.cutoff),
            }
        )
    return told


def _note_stop(stop: Stop | None, cutoff: int) -> dict[str, Any] | None:
    if stop is None or stop.cutoff > cutoff:
        return None
    return {
        "reason": stop.reason,
        "leader": stop.evidence["leader"],
        "n_votes": stop.n_votes,
        "alpha": stop.evidence["alpha"],
        "delta": stop.evidence["delta"],
    }


def _note_cut(cut: RoundCut | None, cutoff: int) -> dict[str, Any] | None:
    if cut is None or cut.cutoff > cutoff:
        return None
    return {
        "rule": cut.rule,
        "error": json_number(cut.error),
        "bound": json_number(cut.evidence.get("bound")),
        "kept": sorted(cut.kept),
        "left": sorted(cut.left),
        # Who had to win over a parent, and did not; whatever the rule.
        "refused": sorted(cut.evidence.get("refused", [])),
        "of_left": [
            {name: row.get(name) for name in ("candidate", "strength", "low", "high", "p_best")}
            for row in cut.evidence.get("candidates", [])
            if row["candidate"] in cut.left
        ],
    }


def note_candidates(run: SelectionRun, basis: Basis) -> list[dict[str, Any]]:
    """Say what each candidate is made of, beside what the basis knows of it."""
    known = run.candidates.prefetch_related("parents").in_bulk([e.id for e in basis.contenders])
    left_after = {
        candidate: cut.round.number
        for cut in RoundCut.objects.filter(round__run=run, cutoff__lte=basis.cutoff)
        .select_related("round")
        .order_by("round__number")
        for candidate in cut.left
    }
    return [_note_candidate(known[each.id], left_after.get(each.id)) for each in basis.contenders]


def _note_candidate(candidate: Candidate, left_after: int | None) -> dict[str, Any]:
    return {
        "id": candidate.pk,
        "name": candidate.name,
        "model": candidate.model,
        "revision": candidate.revision,
        "preset": candidate.preset,
        "engine": candidate.engine,
        "engine_options": candidate.engine_options,
        "prompt_format": candidate.prompt_format,
        "system_prompts": candidate.system_prompts,
        "sampling": candidate.sampling,
        "stop": candidate.stop,
        "tokenizer": candidate.tokenizer,
        "licence": candidate.licence,
        "origin": candidate.origin,
        "is_anchor": candidate.is_anchor,
        "parents": sorted(parent.pk for parent in candidate.parents.all()),
        "left_after_round": left_after,
    }


def note_texts(run: SelectionRun, basis: Basis) -> list[dict[str, Any]]:
    """Say of each candidate how its completions read: length, foreign letters, repetition.

    Means over completions that were measured; None where none was. The shares of those that were
    cut short or that name their maker are of all completions of which that is known.
    """
    rows = (
        Completion.objects.of_run(run)
        .filter(candidate__in=[each.id for each in basis.contenders])
        .order_by()
        .values("candidate")
        .annotate(
            completions=Count("pk"),
            measured=Count("measure"),
            **{name: Avg(f"measure__{name}") for name in MEASURES},
            empty=_share(Q(measure__is_empty=True), known=Q(measure__isnull=False)),
            refusals=_share(~Q(measure__refusal=""), known=Q(measure__isnull=False)),
            cut_short=_share(Q(finish_reason=FinishReason.LENGTH), known=~Q(finish_reason="")),
            names_maker=_share(~Q(names_maker=""), known=Q()),
        )
    )
    told = [
        {
            name: json_number(value) if isinstance(value, float) else value
            for name, value in row.items()
        }
        for row in rows
    ]
    return sorted(told, key=lambda row: row["candidate"])


def _share(condition: Q, *, known: Q) -> Avg:
    """Give the share of rows with a property among those of which it is known."""
    whole = Case(
        When(known & condition, then=Value(1.0)), default=Value(0.0), output_field=FloatField()
    )
    return Avg(whole, filter=known) if known else Avg(whole)


def note_rules(run: SelectionRun) -> dict[str, Any]:
    """Give the rules by which pairs were drawn."""
    rules = DecisionRules.of(run)
    fields = ("policy", "epsilon", "warm_up", "votes_per_pair", "stops_early", "votes_per_language")
    return {name: getattr(rules, name) for name in fields}


def note_again(run: SelectionRun, number: int) -> list[str]:
    """List the commands that compute the decision again."""
    return [
        f"manage.py decide {run.slug} --check {number}",
        f"manage.py rank {run.slug}",
    ]


def _moment(at: Any) -> str | None:
    return None if at is None else at.isoformat()
