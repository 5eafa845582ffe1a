"""Carry a launched run on by itself: who leaves after a round, the next round, and the decision.

A round ends once it has its answer, or once its budget is spent, and nothing is under way; a
benchmark without a budget of votes ends with its judges; and any round ends when an admin wants it
to. A run that was put together by hand has no plan, and is left alone.
"""

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from annotate.models import (
    JudgeSitting,
    JudgeTemplate,
    Round,
    RoundCut,
    RunEvent,
    RunPlan,
    SelectionRun,
    User,
)
from annotate.ranking.elimination import CutRule
from annotate.services import (
    cutting,
    deciding,
    errors,
    estimating,
    gating,
    generating,
    judging,
    pairing,
    queue,
    rounds,
    states,
)
from annotate.services.changes import log_event
from annotate.services.plans import Plan, Rounds

State = SelectionRun.State


def request_advance(*, run: SelectionRun) -> None:
    """Have a worker see whether the run can go on; while it waits, a second wish changes nothing.

    Inside a transaction it is asked for when that commits.
    """
    queue.defer_once("advance_run", queue="default", run_id=run.pk)


def list_ready() -> list[SelectionRun]:
    """List the launched runs that can go on: their round has ended, or is about to."""
    launched = SelectionRun.objects.filter(
        plan__launched_at__isnull=False, state=State.VOTING, paused_at=None
    )
    unclosed = Round.objects.filter(run=OuterRef("pk"), closed_at=None)
    has_answer = Exists(Round.objects.decided().filter(pk=OuterRef("pk")))
    ends = Q(votes_wanted__isnull=False) | Q(anchors_only=True) | has_answer
    runs = launched.filter(~Exists(unclosed) | Exists(unclosed.filter(ends)))
    return [run for run in runs.order_by("id") if _is_ready(run)]


def advance_run(*, run: SelectionRun, by: User | None = None, now: bool = False) -> None:
    """End the open round of a launched run where it is time, and go on with what follows.

    Who comes second finds the round closed, and changes nothing. A call that was killed leaves a
    run that the next call carries on. A paused run waits.

    Args:
        now: an admin's wish: end the round whatever it lacks. Of a run that was made by hand it
            closes, and nothing follows.

    Raises:
        WrongState: `now`, and no round of the run is open.
        NothingToDecide: it is the last round, and no vote counts, or those of LLM judges alone in
            a run that is no benchmark. The round stays open.
        LedgerBusy: votes are being imported into the run.
    """
    run.refresh_from_db()
    plan = _plan_of(run)
    round_ = run.rounds.open().first()
    if now and (round_ is None or not run.is_active):
        raise errors.WrongState(_("No round of this run takes votes now, so none can be ended."))
    if not now and (plan is None or not _is_ready(run)):
        return
    if round_ is not None and plan is None:
        states.close_round(round_=round_, by=by)
    elif round_ is not None and plan is not None:
        _end_round(run, round_, plan, by)
    if _awaits_decision(run):
        deciding.decide_run(run=run, by=by, by_hand=_was_ended_by_hand(run))


def take_up(*, run: SelectionRun) -> None:
    """Let everything go on that a pause had stopped."""
    run.refresh_from_db()
    if not run.is_active:
        return
    for round_ in run.rounds.filter(closed_at=None):
        if round_.has_opened:
            judging.request_judging(round_=round_)
        else:
            generating.requeue(round_=round_)
    judging.resume_scoring(run=run)
    request_advance(run=run)


def is_spent(round_: Round) -> bool:
    """Tell whether a round has all the judged comparisons that it wanted, and none is under way.

    `votes_wanted` counts comparisons that rank, judged to their last turn by people who are not
    excluded: what drawing counts, less those that are leased.
    """
    wanted = round_.votes_wanted
    if wanted is None:
        return False
    judged = pairing.taken_for_ranking(round_).filter(answered_at__isnull=False)
    return judged.count() >= wanted and not is_under_way(round_)


def is_under_way(round_: Round) -> bool:
    """Tell whether somebody has a comparison before them whose vote would count."""
    return pairing.taken_for_ranking(round_).filter(answered_at=None).exists()


def is_judged_out(round_: Round) -> bool:
    """Tell whether a benchmark, which wants no people, has all that its LLM judges were to say."""
    pairs = JudgeTemplate.Use.PAIR
    # Whoever gives scores has no say, and whoever was taken from the run says no more.
    sittings = JudgeSitting.objects.filter(
        round=round_, judge__template__use=pairs, judge__runs=round_.run_id
    )
    if not round_.anchors_only or round_.votes_wanted is not None or not sittings.exists():
        return False
    return not sittings.exclude(state=JudgeSitting.State.DONE).exists()


def _plan_of(run: SelectionRun) -> Rounds | None:
    """Give how the run's rounds follow one another; None where nobody has launched it."""
    plan = RunPlan.objects.filter(run=run, launched_at__isnull=False).first()
    return None if plan is None else Plan.model_validate(plan.config).rounds


def _is_ready(run: SelectionRun) -> bool:
    """Tell whether a launched run can go on; the caller knows that it was launched."""
    if not run.is_active or run.state != State.VOTING:
        return False
    round_ = run.rounds.filter(closed_at=None).first()
    if round_ is None:
        return run.rounds.exists()
    if not round_.has_opened:
        return False
    is_answered = _has_answer(round_) and not is_under_way(round_)
    return is_answered or is_spent(round_) or is_judged_out(round_)


def _has_answer(round_: Round) -> bool:
    return Round.objects.decided().filter(pk=round_.pk).exists()


def _awaits_decision(run: SelectionRun) -> bool:
    """Tell whether the last round of a launched run has ended, and nobody has decided."""
    run.refresh_from_db()
    if not run.is_active or run.state != State.VOTING or _plan_of(run) is None:
        return False
    return run.rounds.exists() and not run.rounds.filter(closed_at=None).exists()


def _was_ended_by_hand(run: SelectionRun) -> bool:
    """Tell whether somebody ended the newest round; the decision may be another call's."""
    closing = run.events.filter(kind=RunEvent.Kind.ROUND_CLOSED).order_by("id").last()
    return closing is not None and closing.by_id is not None


def _end_round(run: SelectionRun, round_: Round, plan: Rounds, by: User | None) -> None:
    """Write who leaves, close the round, and make the next one, unless this was the last."""
    gating.settle_gates(round_=round_)
    refused = gating.refused_among(round_.candidates.values_list("pk", flat=True))
    estimate = estimating.refresh_estimate(round_=round_)
    is_last = round_.number >= plan.at_most or _has_answer(round_)
    rule = CutRule.NONE if is_last else CutRule(plan.leave)
    cut = cutting.find_cut(
        round_=round_, rule=rule, keep=plan.keep, cutoff=estimate.through, refused=refused
    )
    is_last = is_last or cut.n_contenders < 2
    if is_last:
        # Before the round closes: nobody could vote any more, and nothing would ever be decided.
        deciding.check_deciders(run)
    with transaction.atomic():
        states.lock_run(run)
        # Somebody may have been quicker, or have paused the run, while the votes were looked at.
        if not run.is_active or not run.rounds.open().filter(pk=round_.pk).exists():
            return
        _write_cut(run, round_, cut, by)
        states.close_round(round_=round_, by=by)
        if not is_last:
            following = rounds.create_round(
                run=run,
                candidates=list(run.candidates.filter(pk__in=cut.kept).order_by("id")),
                prompt_scope=round_.prompt_scope,
                votes_wanted=round_.votes_wanted,
                anchors_only=round_.anchors_only,
                by=by,
            )
            generating.ask_for_completions(round_=following)


def _write_cut(run: SelectionRun, round_: Round, cut: cutting.FoundCut, by: User | None) -> None:
    RoundCut.objects.create(
        round=round_,
        rule=cut.rule,
        error=cut.error,
        kept=cut.kept,
        left=cut.left,
        cutoff=cut.cutoff,
        evidence=cut.evidence,
    )
    if cut.left:
        names = list(run.candidates.filter(pk__in=cut.left).values_list("name", flat=True))
        told = {"round": round_.number, "rule": cut.rule, "error": cut.error}
        log_event(run=run, kind=RunEvent.Kind.CUT, by=by, kept=len(cut.kept), left=names, **told)
