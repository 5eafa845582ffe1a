"""What ends a round, and what does not: judges, scores, and rounds that nobody could decide."""

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.models import JudgeSitting, Round, RoundCut
from annotate.services import advancing, errors, judging, states
from tests import factories as make
from tests.services.launched import cast_by_truth, crowd, make_launched, truth_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("is_removed", [False, True])
def test_benchmark_ends_with_its_judges_of_pairs_and_not_with_scores(is_removed: bool) -> None:
    round_ = make_launched(n_candidates=3, n_anchors=1, anchors_only=True)
    run = round_.run
    scorer, judge, other = make.make_judge(use="score"), make.make_judge(), make.make_judge()
    run.judges.set([scorer, judge, other])
    JudgeSitting.objects.create(judge=scorer, round=round_, n_wanted=9, state="done")
    assert not advancing.is_judged_out(round_)
    JudgeSitting.objects.create(judge=judge, round=round_, n_wanted=9, state="done")
    stopped = JudgeSitting.objects.create(judge=other, round=round_, n_wanted=9, state="stopped")
    assert not advancing.is_judged_out(round_)
    if is_removed:
        run.judges.remove(other)
    else:
        stopped.state = "done"
        stopped.save()
    JudgeSitting.objects.filter(judge=scorer).update(state="running")
    assert advancing.is_judged_out(round_)


def test_scores_that_a_pause_stopped_go_on_whether_their_round_is_open_or_not() -> None:
    round_ = make_launched(n_candidates=2, n_prompts=1)
    run, scorer = round_.run, make.make_judge(use="score")
    stopped = JudgeSitting.objects.create(judge=scorer, round=round_, n_wanted=2, state="stopped")
    states.close_round(round_=round_)
    advancing.take_up(run=run)
    stopped.refresh_from_db()
    assert (stopped.state, stopped.n_wanted) == ("waiting", 2)
    assert ProcrastinateJob.objects.filter(
        task_name="annotate.tasks.judge_round", args={"sitting_id": stopped.pk}
    ).exists()
    judging.move_sitting(sitting=stopped, to="failed", failure="no room")
    judging.try_again(sitting=stopped)
    stopped.refresh_from_db()
    assert stopped.state == "waiting"


def judge_once(round_: Round) -> None:
    """Let an LLM judge vote on a pair."""
    one, other = (each.completions.first() for each in round_.candidates.order_by("id")[:2])
    judge = make.make_annotator(kind="judge")
    make.make_vote(make.make_comparison(one, other, round_=round_, annotator=judge))


@pytest.mark.parametrize(
    "told", [{"at_most": 1}, {"at_most": 3, "n_candidates": 2, "n_anchors": 1}]
)
def test_round_without_a_vote_that_decides_is_not_ended_as_the_last_one(
    told: dict[str, int],
) -> None:
    """It could never be decided then, and nobody could vote any more."""
    round_ = make_launched(**told)  # type: ignore[arg-type]
    run = round_.run
    with pytest.raises(errors.NothingToDecide, match="No vote of run"):
        advancing.advance_run(run=run, by=make.make_user("admin"), now=True)
    assert run.rounds.get().is_open
    assert not RoundCut.objects.exists()


def test_judges_alone_end_no_run_that_is_no_benchmark() -> None:
    round_ = make_launched(at_most=1)
    judge_once(round_)
    with pytest.raises(errors.NothingToDecide, match="judges decide no run"):
        advancing.advance_run(run=round_.run, by=make.make_user("admin"), now=True)
    assert round_.run.rounds.get().is_open
    cast_by_truth(round_.run, crowd(2), truth_of(round_.run, 1.0, 0.0, 0.0, -1.0), 12)
    advancing.advance_run(run=round_.run, by=make.make_user("admin"), now=True)
    assert round_.run.decisions.get().content["basis"]["decided_by"] == "person"
