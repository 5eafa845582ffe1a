"""Admins set which pair is compared next and when a round stops, on one page."""

import re
from typing import Any

import pytest
from django.test import Client

from annotate.models import DecisionRules, SelectionRun
from tests import factories as make
from tests.views.estimates import make_difference, make_evidence, make_stop
from tests.views.pages import browser_as, browser_of, count_queries

pytestmark = pytest.mark.django_db

PAIRS = {"part": "pairs", "policy": "adaptive", "epsilon": "25", "warm_up": "7",
         "votes_per_pair": "2"}  # fmt: skip
STOP = {"part": "stop", "stops_early": "on", "alpha": "1", "delta": "0.2",
        "votes_per_language": "0"}  # fmt: skip


@pytest.fixture
def run() -> SelectionRun:
    """Make a run with an open round of 60 votes."""
    return make.make_open_round(votes_wanted=60).run


@pytest.fixture
def admin() -> Client:
    return browser_as("admin")


def address(run: SelectionRun) -> str:
    return f"/runs/{run.slug}/decision/"


def send(admin: Client, run: SelectionRun, fields: dict[str, Any]) -> str:
    """Send a form of the page, and give the page that comes of it."""
    answer = admin.post(address(run), fields)
    if answer.status_code == 303:
        assert answer["Location"] == f"{address(run)}#{fields['part']}"
        answer = admin.get(address(run))
    else:
        assert answer.status_code == 400
    return answer.content.decode()


def section(page: str, name: str) -> str:
    """Cut a section out of the page."""
    found = re.search(rf'<section id="{name}".*?</section>', page, re.S)
    assert found is not None
    return found.group()


def stored(run: SelectionRun, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(DecisionRules.of(run), name) for name in names)


@pytest.mark.parametrize(("role", "status"), [("volunteer", 403), ("researcher", 403)])
def test_decision_rules_are_for_admins_alone(role: str, status: int, run: SelectionRun) -> None:
    browser = browser_as(role)
    assert browser.get(address(run)).status_code == status
    assert browser.post(address(run), PAIRS).status_code == status
    assert not DecisionRules.objects.exists()


def test_decision_rules_ask_a_stranger_to_sign_in(run: SelectionRun) -> None:
    assert Client().get(address(run))["Location"] == f"/sign-in/?next={address(run)}"


def test_decision_rules_of_no_run_are_not_found(admin: Client) -> None:
    assert admin.get("/runs/none/decision/").status_code == 404


def test_unknown_part_is_refused(admin: Client, run: SelectionRun) -> None:
    assert admin.post(address(run), {"part": "luck"}).status_code == 400


@pytest.mark.parametrize(("role", "is_there"), [("researcher", False), ("admin", True)])
def test_run_page_leads_admins_to_it(role: str, is_there: bool, run: SelectionRun) -> None:
    page = browser_as(role).get(f"/runs/{run.slug}/").content.decode()
    assert (f'href="{address(run)}"' in page) is is_there


def test_page_shows_what_a_run_begins_with(admin: Client, run: SelectionRun) -> None:
    page = admin.get(address(run)).content.decode()
    assert "Nobody has changed anything" in page
    balanced = re.search(r'value="balanced"[^>]*', section(page, "pairs"))
    assert balanced is not None
    assert "checked" in balanced.group()
    assert 'name="epsilon" value="20"' in page
    assert 'name="alpha" value="5"' in page
    assert 'name="votes_wanted" value="60"' in page
    assert "The run’s languages: English." in page
    assert "Round 1 has 0 votes." in page


def test_choice_of_pairs_is_saved_and_said_in_its_section(admin: Client, run: SelectionRun) -> None:
    page = send(admin, run, PAIRS)
    names = ("policy", "epsilon", "warm_up", "votes_per_pair", "stops_early")
    assert stored(run, *names) == ("adaptive", 0.25, 7, 2, False)
    assert "votes already cast stay as they are" in section(page, "pairs")
    assert 'role="status"' not in section(page, "stop")


def test_stopping_is_saved_and_its_difference_told_as_a_win_rate(
    admin: Client, run: SelectionRun
) -> None:
    page = send(admin, run, STOP)
    assert stored(run, "stops_early", "alpha", "delta") == (True, 0.01, 0.2)
    assert "At the 0.2 that is set: 55.0 %." in page
    page = send(admin, run, STOP | {"delta": "", "stops_early": ""})
    assert stored(run, "stops_early", "delta") == (False, None)
    assert "that is set" not in page


def test_budget_of_the_open_round_is_saved(admin: Client, run: SelectionRun) -> None:
    send(admin, run, {"part": "budget", "votes_wanted": "90"})
    assert run.rounds.get().votes_wanted == 90
    send(admin, run, {"part": "budget", "votes_wanted": ""})
    assert run.rounds.get().votes_wanted is None


def test_budget_has_no_form_without_an_open_round(admin: Client) -> None:
    run = make.make_run()
    page = section(admin.get(address(run)).content.decode(), "budget")
    assert "No round is open." in page
    assert "<form" not in page
    page = send(admin, run, {"part": "budget", "votes_wanted": "9"})
    assert "none has a budget" in section(page, "budget")


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (PAIRS | {"epsilon": "0"}, "From 1 to 100 percent."),
        (PAIRS | {"policy": "clever"}, "clever"),
        (PAIRS | {"warm_up": "2000"}, "2000 is out of range: from 0 to 1000 is right."),
        (STOP | {"alpha": "60"}, "From 0.01 to 50 percent."),
        (STOP | {"delta": "-1"}, "-1 is out of range: from 0.001 to 3 is right."),
        (STOP | {"votes_per_language": "61"}, "61 votes in each of 1 languages are 61"),
        ({"part": "budget", "votes_wanted": "0"}, "At least 1; empty for no limit."),
        ({"part": "budget", "votes_wanted": "many"}, "whole number"),
    ],
)
def test_what_cannot_hold_is_said_beside_its_field(
    sent: dict[str, str], message: str, admin: Client, run: SelectionRun
) -> None:
    page = section(send(admin, run, sent), sent["part"])
    assert "Not saved: something below needs another look." in page
    errors = re.findall(r'<p class="note error">(.*?)</p>', page)
    assert [message in error for error in errors] == [True]
    assert not DecisionRules.objects.exists()


def test_page_says_who_changed_the_rules_last(run: SelectionRun) -> None:
    send(browser_of(make.make_user("admin", username="aiko")), run, PAIRS)
    admin = browser_as("admin")
    page = admin.get(address(run)).content.decode()
    assert "Last changed by aiko" in page
    log = f"/runs/{run.slug}/log/?kind=rules"
    assert f'href="{log}"' in page
    assert "policy" in admin.get(log).content.decode()


@pytest.mark.parametrize(
    ("stops_early", "words"),
    [(True, "has its answer and draws no more pairs"), (False, "goes on, since stopping is")],
)
def test_page_tells_of_a_stop_and_whether_it_is_honoured(
    stops_early: bool, words: str, admin: Client, run: SelectionRun
) -> None:
    DecisionRules.objects.create(run=run, stops_early=stops_early)
    leader, rival = run.candidates.order_by("id")
    make_stop(run.rounds.get(), make_evidence(leader, make_difference(rival, 30.0)))
    assert words in admin.get(address(run)).content.decode()


def test_page_tells_of_a_closed_run(admin: Client) -> None:
    page = admin.get(address(make.make_run(state="closed"))).content.decode()
    assert "This run is closed" in page


def test_page_takes_the_same_queries_whatever_the_round_holds(admin: Client) -> None:
    few, many = make.make_open_round(n_candidates=2).run, make.make_open_round(n_candidates=6).run
    admin.get(address(few))
    assert count_queries(lambda: admin.get(address(few))) == count_queries(
        lambda: admin.get(address(many))
    )
