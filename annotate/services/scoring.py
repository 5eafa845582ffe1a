"""Have LLM judges score single replies from 1 to 10: each turn of each completion of a round."""

from django.db import transaction
from django.utils.translation import gettext as _

from annotate.models import Judge, JudgeSitting, JudgeTemplate, Round, RunEvent, SelectionRun, User
from annotate.services import errors
from annotate.services.changes import log_event
from annotate.services.judging import TASK, move_sitting
from annotate.services.queue import defer
from annotate.services.score_work import ScoringWork, count_wanted

__all__ = ["ScoringWork", "score_round"]

State = JudgeSitting.State
MOST_CHOICES = 100


def score_round(
    *,
    round_: Round,
    judge: Judge,
    choices: int = 1,
    by: User | None = None,
    is_queued: bool = True,
) -> JudgeSitting:
    """Ask a judge to score every reply of a round's candidates on its prompts, so many times each.

    Asked again it scores what is new; asked for more choices it adds those.

    Args:
        is_queued: whether a worker is to do it; else whoever asks does, by `judge_sitting`.

    Raises:
        WrongState: the run was cancelled.
        JudgeRefused: the judge compares pairs, or there is nothing to score.
    """
    if judge.template.use != JudgeTemplate.Use.SCORE:
        said = _("%(judge)s compares pairs; make a judge with a template that gives scores.")
        raise errors.JudgeRefused(said % {"judge": judge.slug})
    if not 1 <= choices <= MOST_CHOICES:
        said = _("Each reply can be scored from 1 to %(most)s times.")
        raise errors.JudgeRefused(said % {"most": MOST_CHOICES})
    if SelectionRun.objects.filter(pk=round_.run_id, cancelled_at__isnull=False).exists():
        raise errors.WrongState(_("This run was cancelled."))
    wanted = count_wanted(round_) * choices
    if not wanted:
        raise errors.JudgeRefused(_("No candidate of this round has a completion yet."))
    with transaction.atomic():
        sitting, _is_new = JudgeSitting.objects.select_for_update(no_key=True).get_or_create(
            judge=judge, round=round_, defaults={"n_wanted": wanted}
        )
        sitting.choices = max(choices, sitting.choices)
        sitting.n_wanted = count_wanted(round_) * sitting.choices
        sitting.save(update_fields=["choices", "n_wanted"])
        if sitting.state != State.RUNNING:
            move_sitting(sitting=sitting, to=State.WAITING)
        log_event(
            run=round_.run, kind=RunEvent.Kind.JUDGES, by=by,
            judge=judge.slug, round=round_.number, scores=sitting.n_wanted,
        )  # fmt: skip
        if is_queued:
            defer(TASK, queue="gpu", sitting_id=sitting.pk)
    return sitting
