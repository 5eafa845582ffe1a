"""Launch a draft: its plan is frozen and hashed, and its first round asks for completions."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotate.models import (
    Candidate,
    Judge,
    PromptSet,
    Round,
    RunEvent,
    RunPlan,
    SelectionRun,
    User,
)
from annotate.services.canonical import hash_content
from annotate.services.changes import log_event
from annotate.services.decisions import set_decision_rules
from annotate.services.generating import ask_for_completions
from annotate.services.launching.candidates import CandidateDraft, resolve_candidates
from annotate.services.launching.drafts import draft_run, hold_draft
from annotate.services.launching.prompts import digest_prompts
from annotate.services.launching.reading import read_plan
from annotate.services.plans import Plan
from annotate.services.rounds import create_round, hold_out
from annotate.services.rules import set_rules


def launch_run(*, run: SelectionRun, by: User | None, seen: str | None = None) -> Round:
    """Launch a draft once and for all, and give its first round.

    In one transaction: the plan is read again by what is there now, frozen and hashed; prompts
    are held out; candidates, rules and judges are set; the round's completions are asked for.

    Args:
        seen: what `digest_draft` said of the plan that is to be launched; None launches any.

    Raises:
        WrongState: the run was launched already, or is no draft.
        DraftChanged: its plan is another one by now.
        PlanRefused: the plan does not fit any more what is there; nothing has changed.
    """
    with transaction.atomic():
        # No import adds prompts before the digest. Sets first and then the run, as imports do.
        sets = PromptSet.objects.filter(runs=run).order_by("pk")
        list(sets.select_for_update(of=("self",), no_key=True))
        stored = hold_draft(run, seen=seen)
        plan = read_plan(stored.config, draft=run)
        hold_out(run=run, share=plan.prompts.held_out_share)
        drafts = resolve_candidates(plan)
        _freeze(stored, plan, by)
        log_event(
            run=run, kind=RunEvent.Kind.LAUNCHED, by=by, sha256=stored.sha256,
            **_facts(run, plan, drafts),
        )  # fmt: skip
        candidates = Candidate.objects.bulk_create(
            Candidate(run=run, **asdict(draft)) for draft in drafts
        )
        _set_rules(run, plan, by)
        round_ = create_round(
            run=run,
            candidates=candidates,
            prompt_scope=plan.prompts.scope,
            votes_wanted=plan.stopping.votes,
            anchors_only=plan.rounds.anchors_only,
            by=by,
        )
        ask_for_completions(round_=round_)
    return round_


def launch_plan(*, plan: Plan, by: User | None) -> SelectionRun:
    """Launch a plan that was no draft before; where it is refused, no draft is left.

    Raises:
        PlanRefused: the plan does not fit any more what is there.
    """
    with transaction.atomic():
        run = draft_run(plan=plan, by=by)
        launch_run(run=run, by=by)
    return run


def _freeze(stored: RunPlan, plan: Plan, by: User | None) -> None:
    # As it was read: defaults that newer versions of the schema know are written out, too.
    stored.config = plan.to_config()
    stored.sha256 = plan.sha256()
    stored.launched_at = timezone.now()
    stored.launched_by = by
    stored.save(update_fields=["config", "sha256", "launched_at", "launched_by"])


def _set_rules(run: SelectionRun, plan: Plan, by: User | None) -> None:
    pairing, stopping = plan.pairing.model_dump(), plan.stopping.model_dump(exclude={"votes"})
    set_decision_rules(run=run, by=by, **pairing, **stopping)
    set_rules(run=run, by=by, **plan.rating.model_dump())
    run.judges.set(Judge.objects.filter(slug__in=plan.judges.slugs))


def _facts(run: SelectionRun, plan: Plan, drafts: Sequence[CandidateDraft]) -> dict[str, Any]:
    """Tell what a paper needs beside the plan: the prompts and settings as they were that day."""
    prompts = run.prompts()
    told = [asdict(draft) for draft in drafts]
    return {
        "prompt_sets": sorted(plan.prompts.sets),
        "prompts": prompts.count(),
        "held_out": prompts.held_out().count(),
        "prompts_sha256": digest_prompts(prompts),
        "candidates": len(drafts),
        "candidates_sha256": hash_content(told),
    }
