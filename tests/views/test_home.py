"""The home page: what there is to rate, and to researchers every run."""

import pytest
from django.test import Client

from annotate.models import Annotator, Round, SelectionRun
from annotate.services import states
from annotate.services.annotators import annotator_of
from annotate.services.decisions import set_decision_rules
from tests import factories as make
from tests.views.estimates import make_evidence, make_stop
from tests.views.pages import browser_as, browser_of, cast_votes, count_queries

pytestmark = pytest.mark.django_db


def test_home_offers_runs_that_take_votes_alone() -> None:
    open_run, closed = make.make_open_round().run, make.make_open_round()
    states.close_round(round_=closed)
    page = browser_as("volunteer").get("/").content.decode()
    assert f'href="/rate/{open_run.slug}/"' in page
    assert closed.run.slug not in page


@pytest.mark.parametrize("stops_early", [True, False])
def test_home_offers_no_round_that_has_its_answer(stops_early: bool) -> None:
    round_ = make.make_open_round()
    set_decision_rules(run=round_.run, by=None, stops_early=stops_early)
    make_stop(round_, make_evidence(None))
    page = browser_as("volunteer").get("/").content.decode()
    assert (f'href="/rate/{round_.run.slug}/"' in page) is not stops_early
    assert ("Please come back later" in page) is stops_early
    listed = browser_as("researcher").get("/runs/").content.decode()
    assert ("has its answer" in listed) is stops_early


def test_home_counts_own_votes_in_each_run() -> None:
    user = make.make_user()
    first, second = make.make_open_round(n_prompts=3), make.make_open_round()
    cast_votes(first, annotator_of(user=user), 2)
    cast_votes(second, make.make_annotator(), 1)
    page = browser_of(user).get("/").content.decode()
    assert "<span>2 votes today</span> · <span>2 in all</span>" in page
    assert page.count("2 votes of yours") == 1
    assert page.count("0 votes of yours") == 1


def test_home_says_what_to_do_when_nothing_is_open() -> None:
    page = browser_as("volunteer").get("/").content.decode()
    assert "Please come back later" in page


def test_home_lists_every_run_to_a_researcher() -> None:
    run = make.make_run(title="A draft of mine")
    assert run.title in browser_as("researcher").get("/").content.decode()
    assert run.title not in browser_as("volunteer").get("/").content.decode()


def test_home_names_a_simulated_annotator() -> None:
    user = make.make_user()
    Annotator.objects.create(user=user, kind="simulated", name=user.username)
    assert "simulated annotator</span>" in browser_of(user).get("/").content.decode()


@pytest.mark.parametrize("role", ["volunteer", "researcher"])
def test_home_queries_do_not_grow_with_runs(role: str) -> None:
    client = browser_as(role)
    cast_votes(make.make_open_round(), make.make_annotator(), 1)
    client.get("/")  # makes the annotator
    with_one = count_queries(lambda: client.get("/"))
    for _run in range(2):
        cast_votes(make.make_open_round(), make.make_annotator(), 2)
    assert SelectionRun.objects.count() == Round.objects.count() == 3
    assert count_queries(lambda: client.get("/")) == with_one


def test_home_shows_a_stranger_the_runs_with_an_open_door() -> None:
    open_run, other = make.make_open_round().run, make.make_open_round().run
    make.make_rules(open_run, door="open")
    page = Client().get("/").content.decode()
    assert f'href="/rate/{open_run.slug}/"' in page
    assert other.slug not in page


def test_home_offers_a_run_by_invitation_to_whom_it_let_in_alone() -> None:
    run = make.make_open_round().run
    make.make_rules(run, door="invitation")
    user, outside = make.make_volunteer(run), make.make_user()
    run.participations.update(invitation=run.invitations.create())
    assert f'href="/rate/{run.slug}/"' in browser_of(user).get("/").content.decode()
    assert run.slug not in browser_of(outside).get("/").content.decode()


def test_home_makes_no_annotator() -> None:
    make.make_open_round()
    for client in (Client(), browser_as("volunteer"), browser_as("researcher")):
        assert client.get("/").status_code == 200
    assert Annotator.objects.count() == 0
