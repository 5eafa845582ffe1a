"""Rules of a decision are stored part by part, and never ask for what a round cannot give."""

import math
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.models import DecisionRules, Round, SelectionRun, Stop
from annotate.services import decisions, errors, estimating
from annotate.services.decisions import set_budget, set_decision_rules
from tests import factories as make
from tests.views.pages import cast_votes

pytestmark = pytest.mark.django_db


def test_set_decision_rules_stores_some_and_leaves_the_others() -> None:
    run = make.make_run()
    set_decision_rules(run=run, by=None, policy="adaptive", epsilon=0.3)
    set_decision_rules(run=run, by=None, stops_early=True, delta=0.2)
    stored = DecisionRules.of(run)
    assert (stored.policy, stored.epsilon, stored.stops_early, stored.delta) == (
        "adaptive", 0.3, True, 0.2,
    )  # fmt: skip
    set_decision_rules(run=run, by=None, delta=None)
    assert DecisionRules.of(run).delta is None


def test_runs_log_says_who_changed_what() -> None:
    run, admin = make.make_open_round().run, make.make_user("admin")
    set_decision_rules(run=run, by=admin, alpha=0.01, warm_up=3)
    set_budget(run=run, by=admin, votes_wanted=70)
    rules, budget = run.events.filter(kind="rules")
    assert rules.by == budget.by == admin
    assert rules.detail == {
        "page": "decision", "fields": ["alpha (0.05 → 0.01)", "warm_up (5 → 3)"],
    }  # fmt: skip
    assert budget.detail == {"page": "decision", "fields": ["votes_wanted (– → 70)"]}


def test_runs_log_leaves_out_what_stayed_as_it_was() -> None:
    run, admin = make.make_open_round(votes_wanted=70).run, make.make_user("admin")
    set_decision_rules(run=run, by=admin, policy="balanced", alpha=0.05, delta=None)
    set_budget(run=run, by=admin, votes_wanted=70)
    assert not run.events.exists()
    set_decision_rules(run=run, by=admin, policy="adaptive", alpha=0.05, delta=0.2)
    set_decision_rules(run=run, by=admin, policy="adaptive", delta=None)
    first, last = (event.detail["fields"] for event in run.events.all())
    assert first == ["delta (– → 0.2)", "policy (balanced → adaptive)"]
    assert last == ["delta (0.2 → –)"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"policy": "clever"}, "no policy clever; there are: uniform, balanced, adaptive"),
        ({"epsilon": 0.0}, "0 is out of range: from 0.01 to 1"),
        ({"epsilon": 1.1}, "1.1 is out of range"),
        ({"warm_up": -1}, "-1 is out of range: from 0 to 1000"),
        ({"votes_per_pair": 0}, "0 is out of range: from 1 to 100"),
        ({"alpha": 0.6}, "0.6 is out of range: from 0.0001 to 0.5"),
        ({"alpha": math.nan}, "nan is out of range"),
        ({"delta": 0.0}, "0 is out of range: from 0.001 to 3"),
        ({"delta": -0.2}, "-0.2 is out of range"),
        ({"votes_per_language": -3}, "-3 is out of range"),
    ],
)
def test_what_is_out_of_range_is_refused_in_its_field(fields: dict[str, Any], message: str) -> None:
    run = make.make_run()
    with pytest.raises(errors.RulesRefused, match=message) as caught:
        set_decision_rules(run=run, by=None, stops_early=True, **fields)
    assert caught.value.field == next(iter(fields))
    assert not DecisionRules.objects.exists()


def test_ends_of_every_range_are_what_the_database_takes() -> None:
    run = make.make_run()
    least = {"epsilon": 0.01, "warm_up": 0, "votes_per_pair": 1, "alpha": 0.0001, "delta": 0.001}
    most = {"epsilon": 1.0, "warm_up": 1000, "votes_per_pair": 100, "alpha": 0.5, "delta": 3.0}
    for fields in (least, most | {"votes_per_language": decisions.LARGEST_COUNT}):
        set_decision_rules(run=run, by=None, **fields)
        assert fields.items() <= vars(DecisionRules.of(run)).items()


def waiting() -> list[dict[str, Any]]:
    """List what workers are asked for."""
    jobs = ProcrastinateJob.objects.filter(status="todo").values_list("task_name", "args")
    return [args for task, args in jobs if task == "annotate.tasks.refresh_estimate"]


def test_open_round_is_looked_at_anew_once_the_rules_change() -> None:
    round_ = make.make_open_round()
    set_decision_rules(run=round_.run, by=None, stops_early=True)
    set_decision_rules(run=round_.run, by=None, alpha=0.01)
    assert waiting() == [{"round_id": round_.pk}]


def test_nobody_looks_where_no_round_is_open_or_the_rules_are_refused() -> None:
    set_decision_rules(run=make.make_run(), by=None, stops_early=True)
    with pytest.raises(errors.RulesRefused):
        set_decision_rules(run=make.make_open_round().run, by=None, alpha=2.0)
    assert waiting() == []


def test_stopping_that_is_switched_on_stops_a_round_whose_answer_is_there() -> None:
    round_ = make.make_open_round(n_prompts=12)
    for _annotator in range(12):
        annotator = make.make_annotator()
        cast_votes(round_, annotator, 9)
        cast_votes(round_, annotator, 3, outcome="b")
    estimating.refresh_estimate(round_=round_)
    assert not Stop.objects.exists()
    set_decision_rules(run=round_.run, by=None, stops_early=True)
    for asked in waiting():
        estimating.refresh_estimate(round_=Round.objects.get(pk=asked["round_id"]))
    stop = Stop.objects.get()
    assert (stop.round, stop.reason, stop.n_votes) == (round_, "best", 144)
    assert list(Round.objects.decided()) == [round_]
    set_decision_rules(run=round_.run, by=None, stops_early=False)
    assert list(Round.objects.undecided()) == [round_]


@pytest.fixture
def two_languages() -> SelectionRun:
    """Make a run whose open round has prompts in two languages and takes 60 votes."""
    run = make.make_open_round(votes_wanted=60).run
    make.make_prompt(run.prompt_sets.get(), language="ja")
    return run


@pytest.mark.parametrize(("each", "is_refused"), [(30, False), (31, True)])
def test_minimum_by_language_fits_into_the_budget(
    each: int, is_refused: bool, two_languages: SelectionRun
) -> None:
    if not is_refused:
        set_decision_rules(run=two_languages, by=None, votes_per_language=each)
        assert DecisionRules.of(two_languages).votes_per_language == each
        return
    message = "31 votes in each of 2 languages are 62, and the open round takes 60"
    with pytest.raises(errors.RulesRefused, match=message) as caught:
        set_decision_rules(run=two_languages, by=None, votes_per_language=each)
    assert caught.value.field == "votes_per_language"
    assert not DecisionRules.objects.exists()


def test_budget_pays_for_the_minimum_by_language(two_languages: SelectionRun) -> None:
    set_decision_rules(run=two_languages, by=None, votes_per_language=30)
    with pytest.raises(errors.RulesRefused, match="the open round takes 59") as caught:
        set_budget(run=two_languages, by=None, votes_wanted=59)
    assert caught.value.field == "votes_wanted"
    assert two_languages.rounds.get().votes_wanted == 60
    assert set_budget(run=two_languages, by=None, votes_wanted=None).votes_wanted is None
    assert two_languages.rounds.get().votes_wanted is None


def test_budget_is_at_least_one_vote() -> None:
    run = make.make_open_round().run
    with pytest.raises(errors.RulesRefused, match="0 is out of range: from 1"):
        set_budget(run=run, by=None, votes_wanted=0)


def test_budget_is_that_of_an_open_round() -> None:
    with pytest.raises(errors.RoundClosed, match="No round of this run is open"):
        set_budget(run=make.make_run(), by=None, votes_wanted=10)
    assert not DecisionRules.objects.exists()
