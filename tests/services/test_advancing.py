"""A launched run goes from round to round by itself, and one that was made by hand does not."""

from datetime import timedelta

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate import tasks
from annotate.models import (
    Round,
    RoundCut,
    RunEvent,
    SelectionRun,
)
from annotate.services import (
    advancing,
    errors,
    estimating,
    generating,
    rounds,
    states,
    voting,
)
from tests import factories as make
from tests.services.launched import (
    candidates_of,
    cast_by_truth,
    crowd,
    make_launched,
    truth_of,
    vote_by_truth,
)
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db


def advance(run: SelectionRun) -> None:
    """Do what the periodic task and the job do that it queues."""
    tasks.advance_runs(timestamp=0)
    for job in ProcrastinateJob.objects.filter(
        task_name="annotate.tasks.advance_run", args={"run_id": run.pk}
    ):
        tasks.advance_run(**job.args)
    run.refresh_from_db()


def test_run_goes_through_three_rounds_to_a_decision_with_no_human_hand() -> None:
    round_ = make_launched(votes=48, at_most=3, leave="top", keep=2)
    run, people = round_.run, crowd()
    truth = truth_of(run, 0.0, 3.0, 1.0, -3.0)
    for number in (1, 2, 3):
        assert run.rounds.get(number=number).is_open
        assert not advancing.list_ready()
        assert vote_by_truth(run, people, truth) == 48
        advance(run)
    assert run.state == "decided"
    assert [each.rule for each in RoundCut.objects.order_by("round")] == ["top", "top", "none"]
    strongest = candidates_of(run)[1:3]
    assert [list(each.candidates.values_list("id", flat=True).order_by("id"))
            for each in run.rounds.order_by("number")] == [
        candidates_of(run), strongest, strongest,
    ]  # fmt: skip
    assert run.decisions.count() == 1
    assert not run.rounds.filter(closed_at=None).exists()
    advance(run)
    assert (run.state, run.rounds.count(), run.decisions.count()) == ("decided", 3, 1)


def test_run_whose_round_has_its_answer_is_decided_whatever_rounds_are_left() -> None:
    round_ = make_launched(n_candidates=2, n_prompts=12, stops_early=True, at_most=5)
    run = round_.run
    cast_by_truth(run, crowd(8), truth_of(run, 5.0, -5.0), 60)
    assert not advancing.list_ready()
    estimating.refresh_estimate(round_=round_)
    assert round_.stop.reason == "best"
    assert ProcrastinateJob.objects.filter(
        task_name="annotate.tasks.advance_run", args={"run_id": run.pk}
    ).exists()
    advance(run)
    assert (run.state, run.rounds.count()) == ("decided", 1)
    cut = round_.cut
    assert (cut.rule, cut.left, cut.error) == ("none", [], 0.0)


def test_answer_found_among_the_last_votes_of_a_budget_ends_the_rounds() -> None:
    round_ = make_launched(n_candidates=2, n_prompts=12, stops_early=True, votes=90, at_most=5)
    cast_by_truth(round_.run, crowd(8), truth_of(round_.run, 5.0, -5.0), 90)
    advance(round_.run)
    assert (round_.run.state, round_.run.rounds.count()) == ("decided", 1)
    assert round_.stop.reason == "best"


def test_round_waits_for_what_is_under_way() -> None:
    round_ = make_launched(votes=2, at_most=2)
    first, second = crowd(2)
    for person in (first, second):
        shown = voting.lease_comparison(round_=round_, annotator=person)
    voting.record_vote(
        token=round_.comparisons.get(annotator=first).token, annotator=first, choice="left"
    )
    assert not advancing.is_spent(round_)
    voting.record_vote(token=shown.token, annotator=second, choice="left")
    assert advancing.is_spent(round_)
    # A lease that ran out was drawn beside the budget, and answered after all.
    late = make.make_comparison(
        shown.completion_a, shown.completion_b, round_=round_, annotator=first,
        lease_expires_at=timezone.now() + timedelta(minutes=1), propensity=0.5,
    )  # fmt: skip
    assert not advancing.is_spent(round_)
    round_.comparisons.filter(pk=late.pk).update(lease_expires_at=timezone.now())
    assert advancing.is_spent(round_)


def test_budget_counts_people_who_are_not_excluded_and_what_ranks() -> None:
    round_ = make_launched(votes=1, at_most=2)
    judge, person = make.make_annotator(kind="judge"), make.make_annotator()
    one, other = (each.completions.first() for each in round_.candidates.order_by("id")[:2])
    judged = make.make_comparison(one, other, round_=round_, annotator=judge)
    make.make_vote(judged)
    make.make_vote(make.make_known_comparison(round_, person))
    assert not advancing.is_spent(round_)
    make.make_vote(make.make_comparison(one, other, round_=round_, annotator=person))
    assert advancing.is_spent(round_)


def test_paused_run_waits_and_goes_on_when_it_is_resumed() -> None:
    round_ = make_launched(votes=12, at_most=1)
    run = round_.run
    vote_by_truth(run, crowd(3), truth_of(run, 1.0, 0.0, 0.0, -1.0))
    states.pause_run(run=run)
    assert not advancing.list_ready()
    advancing.advance_run(run=run)
    assert run.rounds.get().is_open
    states.resume_run(run=run)
    tasks.take_up_run(run_id=run.pk)
    assert advancing.list_ready() == [run]
    advance(run)
    assert run.state == "decided"


def test_paused_run_begins_no_round_after_a_look_that_began_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An admin may pause while the votes are looked at."""
    round_ = make_launched(votes=12, at_most=3)
    run = round_.run
    vote_by_truth(run, crowd(3), truth_of(run, 1.0, 0.0, 0.0, -1.0))
    look = advancing.cutting.find_cut

    def look_and_pause(**told: object) -> object:
        found = look(**told)  # type: ignore[arg-type]
        states.pause_run(run=SelectionRun.objects.get(pk=run.pk))
        return found

    monkeypatch.setattr(advancing.cutting, "find_cut", look_and_pause)
    advancing.advance_run(run=run)
    assert (run.rounds.count(), run.rounds.get().is_open) == (1, True)
    assert not RoundCut.objects.exists()


def test_run_made_by_hand_is_never_advanced_by_itself() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=9, votes_wanted=4)
    run = round_.run
    vote_by_truth(run, crowd(2), truth_of(run, 3.0, -3.0))
    assert advancing.is_spent(round_)
    assert not advancing.list_ready()
    advancing.advance_run(run=run)
    assert run.rounds.get().is_open
    advancing.advance_run(run=run, now=True)
    run.refresh_from_db()
    assert (run.state, run.rounds.get().is_open) == ("voting", False)
    assert not RoundCut.objects.exists()


def test_admin_ends_a_round_before_its_time() -> None:
    round_ = make_launched(votes=400, at_most=2, leave="top", keep=2)
    run, admin = round_.run, make.make_user("admin")
    for person in crowd(30):
        shown = voting.lease_comparison(round_=round_, annotator=person)
        voting.record_vote(token=shown.token, annotator=person, choice="left")
    advancing.advance_run(run=run, by=admin, now=True)
    assert run.rounds.get(number=2).is_open
    told = {event.kind: event.by for event in run.events.all()}
    assert (told["cut"], told["round_closed"], told["round_made"]) == (admin, admin, admin)
    cut = run.events.get(kind="cut")
    names = sorted(run.candidates.filter(pk__in=round_.cut.left).values_list("name", flat=True))
    assert sorted(cut.detail["left"]) == names
    assert cut.detail | {"left": 0} == {
        "round": 1, "rule": "top", "error": round_.cut.error, "kept": 2, "left": 0,
    }  # fmt: skip


def test_decision_knows_that_its_last_round_was_ended_by_hand_whoever_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    round_ = make_launched(at_most=1)
    run = round_.run
    cast_by_truth(run, crowd(2), truth_of(run, 1.0, 0.0, 0.0, -1.0), 12)
    with monkeypatch.context() as patched:
        patched.setattr(advancing.deciding, "decide_run", _die)
        with pytest.raises(SystemExit):
            advancing.advance_run(run=run, by=make.make_user("admin"), now=True)
    advance(run)
    decision = run.decisions.get()
    assert decision.made_by is None
    assert decision.content["basis"]["why_anytime"] == ["by_hand"]


@pytest.mark.parametrize("state", ["generating", "decided"])
def test_no_round_can_be_ended_where_none_takes_votes(state: str) -> None:
    run = make.make_run(state=state)
    with pytest.raises(errors.WrongState, match="No round of this run takes votes"):
        advancing.advance_run(run=run, now=True)


def test_nobody_is_cut_while_some_are_not_joined() -> None:
    round_ = make_launched(votes=1, at_most=2, leave="top", keep=2)
    vote_by_truth(round_.run, crowd(1), truth_of(round_.run, 3.0, 0.0, 0.0, -3.0))
    advance(round_.run)
    assert (round_.cut.left, round_.cut.error, round_.cut.evidence["gap"]) == ([], 0, "not_joined")
    assert round_.run.rounds.get(number=2).candidates.count() == 4


def test_beaten_ones_leave_and_the_errors_of_rounds_add_up() -> None:
    round_ = make_launched(n_candidates=3, n_prompts=12, votes=150, at_most=3, alpha=0.1)
    run = round_.run
    truth = truth_of(run, 0.6, 0.0, -6.0)
    people = crowd(8)
    cast_by_truth(run, people, truth, 150)
    advance(run)
    first = round_.cut
    assert first.left == candidates_of(run)[2:]
    assert first.error == first.evidence["bound"] == first.evidence["total"] == 0.1
    assert first.evidence["threshold"] == pytest.approx(20)
    rows = {row["candidate"]: row for row in first.evidence["candidates"]}
    assert rows[first.left[0]]["e_value"] >= 20
    assert [row["left"] for row in first.evidence["candidates"]] == [False, False, True]
    cast_by_truth(run, people, truth, 150)
    advance(run)
    second = run.rounds.get(number=2).cut
    assert second.evidence["total"] == pytest.approx(0.2)
    assert second.evidence["threshold"] == pytest.approx(10)
    assert (second.left, second.error) == ([], 0.0)


def test_anchors_stay_and_send_nobody_away() -> None:
    """The anchor wins always, and yet the best of the others is not beaten by it."""
    round_ = make_launched(
        n_candidates=3, n_prompts=12, n_anchors=1, votes=150, at_most=3, alpha=0.1
    )
    run = round_.run
    anchor, better, worse = candidates_of(run)
    cast_by_truth(run, crowd(8), {anchor: 9.0, better: 3.0, worse: -3.0}, 150)
    advance(run)
    assert round_.cut.left == []  # one of two contenders alone would stay otherwise: keep is 2
    anchored = {row["candidate"]: row for row in round_.cut.evidence["candidates"]}
    assert anchored[anchor]["p_best"] == 0
    assert anchored[better]["p_best"] > 0.99
    assert anchored[worse]["e_value"] >= round_.cut.evidence["threshold"]
    assert anchored[better]["e_value"] == 1


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_end_a_round_once() -> None:
    round_ = make_launched(votes=12, at_most=2)
    run = round_.run
    vote_by_truth(run, crowd(3), truth_of(run, 1.0, 0.0, 0.0, -1.0))

    def go_on() -> None:
        advancing.advance_run(run=SelectionRun.objects.get(pk=run.pk))

    at_once(*[go_on] * 3)
    assert list(run.rounds.values_list("number", flat=True)) == [1, 2]
    assert RoundCut.objects.count() == 1
    kinds = list(RunEvent.objects.values_list("kind", flat=True))
    assert (kinds.count("round_closed"), kinds.count("round_made")) == (1, 2)


def test_run_that_was_killed_before_its_decision_is_decided_by_the_next_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    round_ = make_launched(votes=12, at_most=1)
    run = round_.run
    vote_by_truth(run, crowd(3), truth_of(run, 1.0, 0.0, 0.0, -1.0))
    with monkeypatch.context() as patched:
        patched.setattr(advancing.deciding, "decide_run", _die)
        with pytest.raises(SystemExit):
            advancing.advance_run(run=run)
    run.refresh_from_db()
    assert (run.state, run.rounds.get().is_open) == ("voting", False)
    assert advancing.list_ready() == [run]
    advance(run)
    assert run.state == "decided"


def _die(**_told: object) -> None:
    raise SystemExit


def test_decided_run_goes_on_with_a_newcomer_and_decides_again() -> None:
    round_ = make_launched(n_candidates=3, n_anchors=1, votes=40, at_most=1)
    run, people = round_.run, crowd()
    truth = truth_of(run, 0.0, 3.0, -3.0)
    cast_by_truth(run, people, truth, 40)
    advance(run)
    assert run.state == "decided"
    child = make.make_candidate(run, name="child")
    for prompt in run.prompts():
        make.make_completion(child, prompt)
    joined = rounds.join(run=run, candidates=[child], votes_wanted=40)
    generating.ask_for_completions(round_=joined)
    assert list(joined.candidates.order_by("id")) == [*round_.candidates.order_by("id"), child]
    assert run.events.get(kind="joined").detail == {"round": 2, "candidates": ["child"]}
    run.refresh_from_db()
    assert run.state == "voting"
    cast_by_truth(run, people, truth | {child.pk: 6.0}, 40)
    advance(run)
    assert (run.state, run.decisions.count()) == ("decided", 2)


def test_newcomer_meets_whoever_stayed_and_every_anchor() -> None:
    round_ = make_launched(n_candidates=4, votes=40, at_most=9, leave="top", keep=2)
    run = round_.run
    cast_by_truth(run, crowd(), truth_of(run, 0.0, 3.0, 1.0, -3.0), 40)
    advance(run)
    frozen = make.make_candidate(run, is_anchor=True)
    newcomer = make.make_candidate(run)
    joined = rounds.join(run=run, candidates=[newcomer])
    stayed = [run.candidates.get(pk=pk) for pk in candidates_of(run)[1:3]]
    assert list(joined.candidates.order_by("id")) == [*stayed, frozen, newcomer]
    assert joined.number == 3
    assert run.rounds.get(number=2).closed_at is not None


def test_cancelled_run_is_joined_by_nobody() -> None:
    run = make.make_run(state="voting")
    newcomer = make.make_candidate(run)
    states.cancel_run(run=run)
    with pytest.raises(errors.WrongState, match="is closed"):
        rounds.join(run=run, candidates=[newcomer])
    assert not Round.objects.exists()
