"""Runs go only where they may, can be paused and given up, and their log says by whom."""

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.models import RunEvent, SelectionRun
from annotate.services import errors, rounds, states, voting
from tests import factories as make
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db

STATES = SelectionRun.State.values
ALLOWED = {
    ("draft", "generating"), ("draft", "voting"),
    ("generating", "voting"), ("generating", "closed"),
    ("voting", "generating"), ("voting", "decided"), ("voting", "closed"),
    ("decided", "generating"), ("decided", "voting"), ("decided", "closed"),
}  # fmt: skip
STEPS = [(before, after) for before in STATES for after in STATES if before != after]


@pytest.mark.parametrize(("before", "after"), [step for step in STEPS if step in ALLOWED])
def test_move_run_goes_where_it_may(before: str, after: str) -> None:
    run = make.make_run(state=before)
    states.move_run(run=run, to=after)
    assert run.state == SelectionRun.objects.get().state == after


@pytest.mark.parametrize(("before", "after"), [step for step in STEPS if step not in ALLOWED])
def test_move_run_refuses_every_other_way(before: str, after: str) -> None:
    run = make.make_run(state=before)
    with pytest.raises(errors.WrongState, match=f"is {before} and cannot become {after}"):
        states.move_run(run=run, to=after)
    assert SelectionRun.objects.get().state == before


def test_move_run_says_where_it_can_go() -> None:
    run = make.make_run(slug="r", state="generating")
    with pytest.raises(errors.WrongState) as refusal:
        states.move_run(run=run, to="decided")
    assert str(refusal.value) == (
        "run r is generating and cannot become decided; it can go: closed, voting"
    )


@pytest.mark.parametrize("state", STATES)
def test_move_run_to_where_it_is_changes_nothing(state: str) -> None:
    run = make.make_run(state=state)
    states.move_run(run=run, to=state)
    assert SelectionRun.objects.get().state == state


def test_move_run_looks_at_the_database_and_not_at_what_it_was_given() -> None:
    stale = make.make_run(state="voting")
    SelectionRun.objects.update(state="closed")
    with pytest.raises(errors.WrongState):
        states.move_run(run=stale, to="decided")


def test_a_closed_run_takes_no_votes() -> None:
    round_ = make.make_open_round()
    annotator = make.make_annotator()
    comparison = voting.lease_comparison(round_=round_, annotator=annotator)
    states.move_run(run=round_.run, to="closed")
    with pytest.raises(errors.RoundClosed):
        voting.record_vote(token=comparison.token, annotator=annotator, choice="tie")
    round_.refresh_from_db()
    with pytest.raises(errors.RunClosed):
        voting.lease_comparison(round_=round_, annotator=annotator)


VERBS = {"pause": states.pause_run, "resume": states.resume_run, "cancel": states.cancel_run}
REFUSED = {
    ("draft", "pause"), ("closed", "pause"), ("closed", "resume"), ("closed", "cancel"),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_taken_in_every_state_that_allows_it(state: str, verb: str) -> None:
    run = make.make_run(state=state)
    if (state, verb) in REFUSED:
        with pytest.raises(errors.WrongState, match=run.slug):
            VERBS[verb](run=run)
        assert not run.events.exists()
    else:
        VERBS[verb](run=run)
    run = SelectionRun.objects.get()
    is_taken = (state, verb) not in REFUSED
    assert run.state == ("closed" if verb == "cancel" else state)
    assert (run.paused_at is not None) == (verb == "pause" and is_taken)
    assert (run.cancelled_at is not None) == (verb == "cancel" and is_taken)
    assert run.is_active == (run.state != "closed" and run.paused_at is None)


@pytest.mark.parametrize("state", ["generating", "voting", "decided"])
def test_paused_run_can_be_resumed_and_cancelled(state: str) -> None:
    run, admin = make.make_run(state=state), make.make_user("admin")
    for verb in (states.pause_run, states.pause_run, states.resume_run, states.resume_run,
                 states.pause_run, states.cancel_run):  # fmt: skip
        verb(run=run, by=admin)
    run.refresh_from_db()
    assert (run.state, run.paused_at, run.cancelled_at is None) == ("closed", None, False)
    kinds = [event.kind for event in run.events.all()]
    assert kinds == ["paused", "resumed", "paused", "cancelled", "state"]
    assert {event.by for event in run.events.all()} == {admin}


def test_state_in_the_log_says_from_where_to_where_and_by_whom() -> None:
    run, admin = make.make_run(state="voting"), make.make_user("admin")
    states.move_run(run=run, to="decided", by=admin)
    states.move_run(run=run, to="decided", by=admin)
    states.move_run(run=run, to="closed")
    first, second = run.events.all()
    assert (first.kind, first.detail, first.by) == (
        "state", {"from": "voting", "to": "decided"}, admin,
    )  # fmt: skip
    assert (second.detail, second.by) == ({"from": "decided", "to": "closed"}, None)


def test_log_has_the_life_of_a_round() -> None:
    admin = make.make_user("admin")
    run = rounds.create_run(slug="r", prompt_sets=[], created_by=admin)
    candidates = [make.make_candidate(run), make.make_candidate(run)]
    round_ = rounds.create_round(run=run, candidates=candidates, votes_wanted=7, by=admin)
    rounds.open_round(round_=round_)
    rounds.open_round(round_=round_)
    states.move_run(run=run, to="closed", by=admin)
    told = [(event.kind, event.detail, event.by) for event in run.events.all()]
    assert told == [
        ("created", {}, admin),
        ("round_made", {"round": 1, "candidates": 2, "votes_wanted": 7}, admin),
        ("state", {"from": "draft", "to": "generating"}, admin),
        ("round_opened", {"round": 1}, None),
        ("state", {"from": "generating", "to": "voting"}, None),
        ("state", {"from": "voting", "to": "closed"}, admin),
        ("round_closed", {"round": 1}, admin),
    ]


def test_cancelled_run_takes_no_votes_and_keeps_those_it_has() -> None:
    round_ = make.make_open_round()
    annotator = make.make_annotator()
    first = voting.lease_comparison(round_=round_, annotator=annotator)
    vote = voting.record_vote(token=first.token, annotator=annotator, choice="tie")
    second = voting.lease_comparison(round_=round_, annotator=annotator)
    states.cancel_run(run=round_.run)
    with pytest.raises(errors.RoundClosed):
        voting.record_vote(token=second.token, annotator=annotator, choice="tie")
    round_.refresh_from_db()
    with pytest.raises(errors.RunCancelled, match="Your votes are kept"):
        voting.lease_comparison(round_=round_, annotator=annotator)
    vote.refresh_from_db()
    assert vote.withdrawn_at is None
    assert not round_.run.rankings.exists()


def test_paused_run_draws_nothing_and_takes_the_vote_that_was_under_way() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    shown = voting.lease_comparison(round_=round_, annotator=annotator)
    states.pause_run(run=round_.run)
    assert voting.lease_comparison(round_=round_, annotator=annotator) == shown
    assert voting.lease_ahead(round_=round_, annotator=annotator, after=shown) is None
    voting.record_vote(token=shown.token, annotator=annotator, choice="left")
    for person in (annotator, make.make_annotator()):
        with pytest.raises(errors.RunPaused):
            voting.lease_comparison(round_=round_, annotator=person)
    assert round_.comparisons.count() == 1
    undone = voting.undo_vote(run=round_.run, annotator=annotator)
    assert undone == shown
    states.resume_run(run=round_.run)
    voting.record_vote(token=shown.token, annotator=annotator, choice="right")
    assert voting.lease_comparison(round_=round_, annotator=annotator) != shown


def test_resumed_run_is_taken_up_by_a_worker_once() -> None:
    run = make.make_run(state="generating")
    for _time in range(2):
        states.pause_run(run=run)
        states.resume_run(run=run)
    (job,) = ProcrastinateJob.objects.filter(task_name="annotate.tasks.take_up_run")
    assert job.args == {"run_id": run.pk}


@pytest.mark.django_db(transaction=True)
def test_two_admins_at_once_do_a_thing_once() -> None:
    run = make.make_run(state="voting")

    def pause() -> None:
        states.pause_run(run=SelectionRun.objects.get(pk=run.pk))

    at_once(*[pause] * 4)
    assert [event.kind for event in run.events.all()] == ["paused"]


@pytest.mark.django_db(transaction=True)
def test_of_cancel_and_decide_at_once_a_cancelled_run_remains() -> None:
    """Whoever comes first, nothing of the other is lost without words."""
    run = make.make_run(state="voting")

    def decide() -> str:
        mine = SelectionRun.objects.get(pk=run.pk)
        try:
            states.move_run(run=mine, to="decided")
        except errors.WrongState:
            return "refused"
        return "decided"

    def cancel() -> str:
        states.cancel_run(run=SelectionRun.objects.get(pk=run.pk))
        return "cancelled"

    said = at_once(decide, cancel)
    run.refresh_from_db()
    assert (run.state, run.cancelled_at is not None) == ("closed", True)
    froms = [event.detail["from"] for event in RunEvent.objects.filter(kind="state")]
    assert froms == (["voting"] if "refused" in said else ["voting", "decided"])


def test_close_round_again_changes_nothing() -> None:
    round_ = make.make_open_round()
    states.close_round(round_=round_)
    closed_at = round_.closed_at
    states.close_round(round_=round_)
    assert (round_.is_open, round_.closed_at) == (False, closed_at)
