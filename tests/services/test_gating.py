"""A child that has to win over its parent: by which evidence it does, and what follows if not."""

from pathlib import Path
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate import tasks
from annotate.models import Candidate, Round, RoundCut, TrainingRun
from annotate.services import advancing, gating, rounds, states
from tests import factories as make
from tests.services.launched import cast_by_truth, crowd, make_launched, truth_of
from tests.views.pages import browser_as, make_training
from tests.views.test_runs import words_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any) -> Path:
    settings.KURABE_HOME = tmp_path
    return tmp_path


def try_child(round_: Round, *, alpha: float | None = 0.05) -> TrainingRun:
    """Make the last of a round's candidates the child of the one before it."""
    parent, child = round_.candidates.order_by("-id")[:2][::-1]
    training_run = make_training(
        round_.run, base=parent, next_round=round_, gate_alpha=alpha,
        state=TrainingRun.State.FINISHED,
    )  # fmt: skip
    Candidate.objects.filter(pk=child.pk).update(training_run=training_run)
    child.parents.add(parent)
    return training_run


def make_tried(
    *strengths: float, n_votes: int = 60, n_annotators: int = 8, n_silent: int = 0
) -> TrainingRun:
    """Let a crowd vote by these strengths, those of parent and child the last two, and settle it.

    The first `n_silent` candidates get no vote.
    """
    round_ = make_launched(n_candidates=len(strengths), n_prompts=12)
    training_run = try_child(round_)
    everybody = list(round_.candidates.order_by("id"))
    round_.candidates.set(everybody[n_silent:])
    if n_votes:
        cast_by_truth(round_.run, crowd(n_annotators), truth_of(round_.run, *strengths), n_votes)
    round_.candidates.set(everybody)
    gating.settle_gates(round_=round_)
    training_run.refresh_from_db()
    return training_run


def log_of(training_run: TrainingRun) -> list[tuple[str, dict[str, Any]]]:
    events = training_run.base.run.events.filter(kind__in=["training", "cut"]).order_by("id")
    return [(event.kind, event.detail) for event in events]


def test_child_that_people_prefer_passes() -> None:
    training_run = make_tried(-3.0, 3.0)
    evidence = training_run.gate_evidence
    assert (training_run.gate_passed, evidence["leads"]) == (True, True)
    assert evidence["e_value"] >= 20
    assert evidence["difference"] > 0
    child = training_run.candidates.get()
    assert log_of(training_run) == [
        ("training", {"training": training_run.pk, "candidate": child.name, "round": 1,
                      "gate": "passed"}),
    ]  # fmt: skip
    assert child in rounds.list_survivors(round_=training_run.next_round)


@pytest.mark.parametrize(
    ("told", "leads"),
    [({"strengths": (0.0, 0.0)}, None), ({"strengths": (3.0, -3.0)}, False)],
    ids=["equal", "weaker"],
)
def test_child_that_did_not_win_leaves_the_runs_next_rounds(told: Any, leads: bool | None) -> None:
    training_run = make_tried(*told["strengths"])
    assert training_run.gate_passed is False
    assert leads is None or training_run.gate_evidence["leads"] is leads
    child = training_run.candidates.get()
    kind, detail = log_of(training_run)[-1]
    assert (kind, detail["rule"], detail["left"]) == ("cut", "gate", [child.name])
    assert detail["parent"] == training_run.base.name
    assert rounds.list_survivors(round_=training_run.next_round) == [training_run.base]


def test_few_annotators_show_nothing() -> None:
    training_run = make_tried(-5.0, 5.0, n_annotators=4)
    assert (training_run.gate_passed, training_run.gate_evidence["n_annotators"]) == (False, 4)
    assert training_run.gate_evidence["annotators_needed"] == 5


def test_no_vote_shows_nothing() -> None:
    training_run = make_tried(-5.0, 5.0, n_votes=0)
    assert (training_run.gate_passed, training_run.gate_evidence["gap"]) == (False, "no_votes")


def test_stronger_third_ones_do_not_stand_in_the_way() -> None:
    assert make_tried(9.0, -3.0, 3.0, n_votes=120).gate_passed


def test_those_without_votes_say_nothing_of_the_two() -> None:
    assert make_tried(0.0, -3.0, 3.0, n_silent=1).gate_passed


def test_gate_is_settled_once() -> None:
    training_run = make_tried(-3.0, 3.0)
    before = log_of(training_run)
    gating.settle_gates(round_=training_run.next_round)
    assert log_of(training_run) == before


def test_child_that_need_not_win_is_left_alone() -> None:
    round_ = make_launched(n_candidates=2)
    training_run = try_child(round_, alpha=None)
    states.close_round(round_=round_)
    gating.settle_gates(round_=round_)
    training_run.refresh_from_db()
    assert training_run.gate_passed is None
    assert not settling_jobs(round_)


def settling_jobs(round_: Round) -> list[dict[str, Any]]:
    jobs = ProcrastinateJob.objects.filter(task_name="annotate.tasks.settle_gates")
    return list(jobs.filter(args={"round_id": round_.pk}).values_list("args", flat=True))


def test_round_that_is_closed_by_hand_has_its_gate_settled_by_a_worker() -> None:
    round_ = make.make_open_round()
    training_run = try_child(round_)
    states.close_round(round_=round_)
    (arguments,) = settling_jobs(round_)
    tasks.settle_gates(**arguments)
    training_run.refresh_from_db()
    assert training_run.gate_passed is False


def test_decision_names_who_did_not_win() -> None:
    round_ = make_launched(n_candidates=2, n_prompts=12, votes=40, at_most=1)
    training_run = try_child(round_)
    cast_by_truth(round_.run, crowd(8), truth_of(round_.run, 1.0, 0.0), 40)
    advancing.advance_run(run=round_.run)
    child = training_run.candidates.get()
    decision = round_.run.decisions.get()
    (told,) = decision.content["rounds"]
    assert (told["cut"]["rule"], told["cut"]["refused"]) == ("none", [child.pk])
    page = browser_as("researcher").get(f"/runs/{round_.run.slug}/decided/").content.decode()
    assert f"{child.name} (did not win over the parent: {child.name})" in words_of(page)


def test_launched_run_goes_on_without_a_child_that_did_not_win() -> None:
    round_ = make_launched(n_candidates=4, n_prompts=12, votes=80, at_most=3, leave="none")
    run, training_run = round_.run, try_child(round_)
    cast_by_truth(run, crowd(8), truth_of(run, 1.0, 0.5, 0.0, 0.0), 80)
    advancing.advance_run(run=run)
    child = training_run.candidates.get()
    second = run.rounds.get(number=2)
    assert set(second.candidates.all()) == set(run.candidates.exclude(pk=child.pk))
    cut = RoundCut.objects.get(round=round_)
    assert (cut.rule, cut.left, cut.evidence["refused"]) == ("none", [child.pk], [child.pk])
    assert 0 < cut.error < 1  # it may be the best one all the same
    rows = {row["candidate"]: row["left"] for row in cut.evidence["candidates"]}
    assert [pk for pk, left in rows.items() if left] == [child.pk]
    assert not settling_jobs(round_)
