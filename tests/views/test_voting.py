"""One POST is one vote, and every refusal says what to do."""

import uuid

import pytest
from django.http import HttpResponse
from django.test import Client

from annotate.models import Comparison, Round, Vote
from annotate.services import rounds, voting
from annotate.services.simulating import read_page
from tests import factories as make
from tests.views.pages import HTMX, browser_of, volunteer_in

pytestmark = pytest.mark.django_db


def vote(
    client: Client, round_: Round, choice: str = "left", *, token: object = None, **options: object
) -> HttpResponse:
    """Send the form of the comparison at hand, or of the one that `token` names."""
    address = f"/rate/{round_.run.slug}/"
    token = token or read_page(client.get(address).content.decode()).form["token"]
    return client.post(address, {"token": token, "choice": choice}, **options)


@pytest.mark.parametrize("choice", voting.CHOICES)
def test_vote_is_stored_in_terms_of_a_and_b(choice: str) -> None:
    round_ = make.make_open_round()
    vote(volunteer_in(round_.run), round_, choice)
    stored = Vote.objects.select_related("comparison").get()
    a_was_left = stored.comparison.side_a == "left"
    expected = {"left": "a" if a_was_left else "b", "right": "b" if a_was_left else "a"}
    assert stored.outcome == expected.get(choice, choice)
    assert stored.comparison.annotator.kind == "person"


def test_vote_without_javascript_leads_back_to_the_page() -> None:
    round_ = make.make_open_round()
    answer = vote(volunteer_in(round_.run), round_)
    assert (answer.status_code, answer["Location"]) == (303, f"/rate/{round_.run.slug}/")


def test_vote_by_htmx_is_answered_with_the_next_comparison() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    answer = vote(client, round_, headers=HTMX)
    next_page = read_page(answer.content.decode())
    unanswered = Comparison.objects.unanswered().get()
    assert answer.status_code == 200
    assert next_page.form["token"] == str(unanswered.token)
    assert "1 vote today · 1 in all" in answer.content.decode()


def test_vote_sent_twice_is_one_vote() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    token = read_page(client.get(f"/rate/{round_.run.slug}/").content.decode()).form["token"]
    answers = [vote(client, round_, token=token, headers=HTMX) for _click in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert Vote.objects.count() == 1
    assert len({read_page(answer.content.decode()).form["token"] for answer in answers}) == 1


def test_vote_changed_by_the_back_button_stays_and_says_so() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    token = read_page(client.get(f"/rate/{round_.run.slug}/").content.decode()).form["token"]
    vote(client, round_, "tie", token=token)
    answer = vote(client, round_, "both_bad", token=token)
    assert answer.status_code == 303
    assert Vote.objects.get().outcome == "tie"
    assert "Your first vote stands." in client.get(answer["Location"]).content.decode()


def test_vote_after_the_round_closed_is_refused_with_a_way_on() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    token = read_page(client.get(f"/rate/{round_.run.slug}/").content.decode()).form["token"]
    rounds.close_round(round_=round_)
    for headers in ({}, HTMX):
        answer = vote(client, round_, token=token, headers=headers)
        page = answer.content.decode()
        assert answer.status_code == 409
        assert "This round has closed, so the vote was not taken." in page
        assert "data-nothing-left" in page
        assert ("<html" in page) == (headers == {})
    assert Vote.objects.count() == 0


def test_vote_on_a_strangers_comparison_is_refused_with_ones_own() -> None:
    round_ = make.make_open_round()
    user = make.make_volunteer(round_.run)
    strangers = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    for headers in ({}, HTMX):
        answer = vote(browser_of(user), round_, token=strangers.token, headers=headers)
        page = read_page(answer.content.decode())
        assert answer.status_code == 404
        assert "This comparison was not drawn for you." in answer.content.decode()
        assert page.form["token"] not in ("", str(strangers.token))
    assert Vote.objects.count() == 0


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"token": "not a token", "choice": "left"},
        {"token": str(uuid.UUID(int=1))},
        {"token": str(uuid.UUID(int=1)), "choice": "a"},
    ],
)
def test_vote_that_cannot_be_read_is_refused_with_the_comparison(sent: dict[str, str]) -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    answer = client.post(f"/rate/{round_.run.slug}/", sent)
    assert answer.status_code == 400
    assert "Please choose again." in answer.content.decode()
    assert read_page(answer.content.decode()).has_comparison


def test_vote_from_another_site_is_refused() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run, enforce_csrf_checks=True)
    answer = vote(client, round_)
    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()
    assert Vote.objects.count() == 0


def test_vote_of_a_simulated_annotator_keeps_its_kind() -> None:
    user = make.make_user()
    make.make_annotator(user=user, kind="simulated")
    client, round_ = browser_of(user), make.make_open_round()
    vote(client, round_)
    assert Vote.objects.get().comparison.annotator.kind == "simulated"
    assert "simulated annotator</span>" in client.get(f"/rate/{round_.run.slug}/").content.decode()


def test_rating_takes_no_other_method() -> None:
    round_ = make.make_open_round()
    assert volunteer_in(round_.run).put(f"/rate/{round_.run.slug}/").status_code == 405
