"""Plans that are not launched yet: kept, changed, thrown away."""

import pgtrigger
from django.contrib.admin.models import DELETION, LogEntry
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from annotate.models import PromptSet, RunEvent, RunPlan, SelectionRun, User
from annotate.services import errors
from annotate.services.canonical import hash_content
from annotate.services.changes import log_event
from annotate.services.plans import Plan
from annotate.services.rounds import create_run
from annotate.services.states import lock_run


def draft_run(*, plan: Plan, by: User | None) -> SelectionRun:
    """Keep a plan as a draft: a run that holds nothing out and asks nobody until it is launched.

    Raises:
        PlanRefused: the slug was taken meanwhile.
    """
    try:
        with transaction.atomic():
            run = create_run(
                slug=plan.slug,
                title=plan.title,
                prompt_sets=PromptSet.objects.filter(slug__in=plan.prompts.sets),
                samples_per_prompt=plan.prompts.samples,
                seed=plan.seed,
                created_by=by,
            )
            RunPlan.objects.create(run=run, config=plan.to_config())
    except IntegrityError as error:
        raise _slug_taken(plan) from error
    return run


def edit_draft(
    *, run: SelectionRun, plan: Plan, by: User | None, seen: str | None = None
) -> SelectionRun:
    """Put another plan in a draft's place.

    Args:
        seen: what `digest_draft` said of the plan that this one comes from; None asks for none.

    Raises:
        WrongState: the run was launched or cancelled.
        DraftChanged: its plan is another one by now.
        PlanRefused: the slug was taken meanwhile.
    """
    try:
        with transaction.atomic():
            stored = hold_draft(run, seen=seen)
            before = Plan.model_validate(stored.config)
            run.slug, run.title, run.seed = plan.slug, plan.title, plan.seed
            run.samples_per_prompt = plan.prompts.samples
            run.save(update_fields=["slug", "title", "seed", "samples_per_prompt"])
            run.prompt_sets.set(PromptSet.objects.filter(slug__in=plan.prompts.sets))
            stored.config = plan.to_config()
            stored.save(update_fields=["config"])
            changed = [
                name for name in Plan.model_fields if getattr(plan, name) != getattr(before, name)
            ]
            log_event(run=run, kind=RunEvent.Kind.EDITED, by=by, changed=changed)
    except IntegrityError as error:
        raise _slug_taken(plan) from error
    return run


def delete_draft(*, run: SelectionRun, by: User | None) -> None:
    """Throw a draft away with its plan and its log; the admin's log keeps that it was there.

    Raises:
        WrongState: the run was launched or cancelled, or holds candidates by now.
    """
    with transaction.atomic():
        hold_draft(run)
        if run.candidates.exists() or run.rounds.exists():
            message = _("Run %(run)s has candidates or rounds, so it cannot be deleted.")
            raise errors.WrongState(message % {"run": run.slug})
        if by is not None:
            LogEntry.objects.log_actions(
                user_id=by.pk, queryset=[run], action_flag=DELETION, single_object=True
            )
        # The log is append-only for whatever was launched; a draft has done nothing to defend.
        with pgtrigger.ignore("annotate.RunEvent:never_deleted"):
            run.events.all().delete()
        run.delete()


def digest_draft(stored: RunPlan) -> str:
    """Name what a draft's plan says now: SHA-256 of its canonical JSON."""
    return hash_content(stored.config)


def hold_draft(run: SelectionRun, *, seen: str | None = None) -> RunPlan:
    """Give the plan of a draft, and keep everybody else from both until the transaction ends.

    Raises:
        WrongState: the run is no draft, or was put together without a plan.
        DraftChanged: its plan is not the one that was `seen`.
    """
    lock_run(run)
    stored = RunPlan.objects.select_for_update().filter(run=run).first()
    if stored is not None and stored.launched_at is not None:
        message = _("Run %(run)s was launched already; its plan is frozen.")
        raise errors.WrongState(message % {"run": run.slug})
    if run.state != SelectionRun.State.DRAFT:
        message = _("Run %(run)s is in state “%(state)s”: only a draft can be changed or launched.")
        raise errors.WrongState(message % {"run": run.slug, "state": run.get_state_display()})
    if stored is None:
        message = _("Run %(run)s has no plan: it was put together by imports.")
        raise errors.WrongState(message % {"run": run.slug})
    if seen is not None and seen != digest_draft(stored):
        message = _(
            "The draft of run %(run)s was changed by somebody else meanwhile, so nothing was done."
            " Look at it again; what you press next counts."
        )
        raise errors.DraftChanged(message % {"run": run.slug})
    return stored


def _slug_taken(plan: Plan) -> errors.PlanRefused:
    return errors.PlanRefused([slug_fault(plan.slug)])


def slug_fault(slug: str) -> errors.Fault:
    """Say that another run has the name."""
    message = _("There is a run called “%(slug)s” already; choose another name.")
    return errors.Fault("slug", message % {"slug": slug})
