"""Have LLM judges judge a round: draw their pairs, read each in both orders, cast their votes.

What a judge does is its own: it takes nothing of the round's budget, decides no round, and its
votes are told from people's wherever votes are counted.
"""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.models import (
    Judge,
    JudgeSitting,
    JudgeTemplate,
    Round,
    RunEvent,
    RunPlan,
    SelectionRun,
    User,
)
from annotate.services import errors
from annotate.services.changes import log_event
from annotate.services.judge_attempt import JudgeAttempt
from annotate.services.judge_work import SittingWork, drawn_for, unjudged
from annotate.services.judges import ask_judge
from annotate.services.processes import STOPPED_STATUS, ProcessFailed, ProcessKilled
from annotate.services.queue import defer
from annotate.services.score_work import ScoringWork

__all__ = [
    "drawn_for",
    "fail_sitting",
    "judge_more",
    "judge_sitting",
    "move_sitting",
    "request_judging",
    "resume_scoring",
    "try_again",
    "unjudged",
]

State = JudgeSitting.State
TASK = "judge_round"
# What a judge does in a round follows from what its template asks.
WORK: dict[str, type[JudgeAttempt[Any]]] = {
    JudgeTemplate.Use.PAIR: SittingWork,
    JudgeTemplate.Use.SCORE: ScoringWork,
}
PAIR = JudgeTemplate.Use.PAIR


def request_judging(*, round_: Round) -> list[JudgeSitting]:
    """Queue what the run's judges have to do in an open round; asked again, nothing is done twice.

    Each judge of pairs makes as many comparisons as the run's plan says, or as it was asked for
    since.
    """
    round_ = Round.objects.select_related("run").get(pk=round_.pk)
    if not round_.is_open or not round_.run.is_active:
        return []
    plan = RunPlan.objects.filter(run=round_.run_id).first()
    planned = plan.config.get("judges", {}).get("comparisons", 0) if plan else 0
    before = dict(round_.sittings.values_list("judge", "n_wanted"))
    wanted = {
        judge: max(planned, before.get(judge.pk, 0))
        for judge in round_.run.judges.filter(template__use=PAIR).order_by("slug")
    }
    return [_ask_for(judge, round_, n) for judge, n in wanted.items() if n]


def judge_more(
    *,
    round_: Round,
    judge: Judge,
    comparisons: int,
    by: User | None = None,
    is_queued: bool = True,
) -> JudgeSitting:
    """Ask a judge of the run for so many comparisons beyond those that were drawn for it.

    Args:
        is_queued: whether a worker is to do it; else whoever asks does, by `judge_sitting`.

    Raises:
        RoundClosed: the round takes no votes.
        JudgeRefused: it is none of the run's judges, compares no pairs, or none is asked for.
    """
    if comparisons < 1:
        raise errors.JudgeRefused(_("Ask for one comparison or more."))
    with transaction.atomic():
        round_.refresh_from_db(from_queryset=Round.objects.select_for_update(no_key=True))
        if not round_.is_open:
            raise errors.RoundClosed(_("This round takes no votes."))
        if not round_.run.judges.filter(pk=judge.pk).exists():
            said = _("%(judge)s is none of the run's judges; add it first.")
            raise errors.JudgeRefused(said % {"judge": judge.slug})
        if judge.template.use != PAIR:
            said = _("%(judge)s gives scores and compares no pairs; ask another judge.")
            raise errors.JudgeRefused(said % {"judge": judge.slug})
        log_event(
            run=round_.run, kind=RunEvent.Kind.JUDGES, by=by,
            judge=judge.slug, round=round_.number, comparisons=comparisons,
        )  # fmt: skip
        wanted = drawn_for(judge, round_).count() + comparisons
        return _ask_for(judge, round_, wanted, is_queued=is_queued)


def resume_scoring(*, run: SelectionRun) -> None:
    """Queue the scores again that a pause stopped, in rounds open or closed."""
    stopped = JudgeSitting.objects.filter(round__run=run, state=State.STOPPED)
    for sitting in stopped.exclude(judge__template__use=PAIR).select_related("judge", "round"):
        _ask_for(sitting.judge, sitting.round, sitting.n_wanted)


def try_again(*, sitting: JudgeSitting) -> None:
    """Queue a judge's work again that failed.

    Raises:
        WrongState: it has not failed; or it compares pairs, and its round has closed.
    """
    with transaction.atomic():
        sitting.refresh_from_db(from_queryset=JudgeSitting.objects.select_for_update(no_key=True))
        if sitting.state != State.FAILED:
            raise errors.WrongState(_("This judge's work has not failed."))
        if sitting.judge.template.use == PAIR and not sitting.round.is_open:
            raise errors.WrongState(_("The round has closed: nobody judges it any more."))
        _ask_for(sitting.judge, sitting.round, sitting.n_wanted)


def judge_sitting(
    *,
    sitting: JudgeSitting,
    should_stop: Callable[[], bool] = lambda: False,
    on_reading: Callable[[int, int], None] = lambda n_read, n_wanted: None,
) -> None:
    """Draw what a judge lacks in a round, have it read, and cast its votes.

    A call that was killed leaves what was read; the next one has the rest read, by the seeds that
    it would have had. Where the run is paused, or the round closed, nothing is done.

    Args:
        should_stop: asked about once a second; when it says yes, the rest is left to another call.
        on_reading: told how many readings of this attempt are there, and how many there will be.

    Raises:
        GenerationFailed: the engine ended with an error, which the sitting says too.
        GenerationInterrupted: the engine was killed, or stopped because of `should_stop`.
    """
    with transaction.atomic():
        sitting.refresh_from_db(from_queryset=JudgeSitting.objects.select_for_update(no_key=True))
        if sitting.state == State.FAILED:
            return
        move_sitting(sitting=sitting, to=State.RUNNING)
    work = WORK[sitting.judge.template.use](
        sitting=sitting, should_stop=should_stop, on_reading=on_reading
    )
    try:
        is_done = _go_through(work)
    except (ProcessKilled, OSError) as error:
        move_sitting(sitting=sitting, to=State.WAITING)
        raise errors.GenerationInterrupted(f"{sitting}: {error}") from error
    except (ProcessFailed, ValueError, errors.ModelRefused) as error:
        fail_sitting(sitting=sitting, failure=str(error))
        raise errors.GenerationFailed(f"{sitting}: {error}") from error
    move_sitting(sitting=sitting, to=State.DONE if is_done else State.STOPPED)


def fail_sitting(*, sitting: JudgeSitting, failure: str) -> None:
    """Say that a judge's work failed, and why."""
    failure = failure.removeprefix("error: ") or _("It ended without a word.")
    move_sitting(sitting=sitting, to=State.FAILED, failure=failure)


def move_sitting(*, sitting: JudgeSitting, to: str, failure: str = "") -> None:
    """Change how far a judge's work is: the only place that does."""
    now = timezone.now()
    sitting.state, sitting.failure, sitting.seen_at = to, failure, now
    if to == State.RUNNING:
        sitting.started_at, sitting.finished_at = now, None
    elif to != State.WAITING:
        sitting.finished_at = now
    fields = ["state", "failure", "seen_at", "started_at", "finished_at"]
    sitting.save(update_fields=fields)


def _ask_for(judge: Judge, round_: Round, wanted: int, *, is_queued: bool = True) -> JudgeSitting:
    """Want so many comparisons of a judge in a round, and queue the work."""
    with transaction.atomic():
        sitting, _is_new = JudgeSitting.objects.select_for_update(no_key=True).get_or_create(
            judge=judge, round=round_, defaults={"n_wanted": wanted}
        )
        sitting.n_wanted = wanted
        sitting.save(update_fields=["n_wanted"])
        if sitting.state != State.RUNNING:
            move_sitting(sitting=sitting, to=State.WAITING)
        if is_queued:
            defer(TASK, queue="gpu", sitting_id=sitting.pk)
    return sitting


def _go_through(work: JudgeAttempt[Any]) -> bool:
    """Do all that is left; tell whether nothing is, or else the work is not wanted now.

    Raises:
        ProcessKilled: the engine was stopped or killed before all was read.
        ProcessFailed: the engine ended with an error.
    """
    while work.is_wanted():
        work.begin()
        if not work.missing:
            return True
        if work.should_stop():
            raise ProcessKilled("its worker is about to end")
        try:
            status = ask_judge(
                judge=work.judge,
                requests=work.requests(),
                folder=work.folder,
                store=work.store,
                may_go_on=lambda: work.is_wanted() and not work.should_stop(),
            )
        except ProcessKilled:
            raise
        except ProcessFailed as error:
            if not work.pass_over(str(error)):
                raise
            continue
        finally:
            work.keep_log()
        if work.missing and work.is_wanted():
            _refuse_an_end(work, status)
    return False


def _refuse_an_end(work: JudgeAttempt[Any], status: int) -> None:
    """Say why an engine ended too early."""
    if work.should_stop():
        raise ProcessKilled("its worker is about to end")
    if status == STOPPED_STATUS:
        raise ProcessKilled("the engine was stopped from outside")
    raise ProcessFailed(f"the engine ended, and {len(work.missing)} readings are missing")
