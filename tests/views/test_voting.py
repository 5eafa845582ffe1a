"""One POST is one vote, and every refusal says what to do."""

import json
import uuid

import pytest
from django.http import HttpResponse
from django.test import Client

from annotate.models import Comparison, ReasonTag, Round, Vote
from annotate.services import states, voting
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
    side, _underscore, degree = choice.partition("_") if choice != "both_bad" else (choice, "", "")
    make.make_rules(round_.run, asks_degree=bool(degree))
    vote(volunteer_in(round_.run), round_, choice)
    stored = Vote.objects.select_related("comparison").get()
    a_was_left = stored.comparison.side_a == "left"
    expected = {"left": "a" if a_was_left else "b", "right": "b" if a_was_left else "a"}
    assert (stored.outcome, stored.degree) == (expected.get(side, side), degree)
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
    assert "<span>1 in all</span>" in answer.content.decode()


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
    states.close_round(round_=round_)
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


@pytest.mark.parametrize(
    "extra",
    [
        {"choice": "left_clearly"},
        {"reason_left": "nosuch"},
        {"comment": "not asked for"},
        {"mark": '{"side": "left", "turn": 1, "start": 0, "end": 99, "tag": "wrong_fact"}'},
        {"turn": "2"},
    ],
)
def test_vote_with_what_the_run_does_not_ask_is_refused_with_the_pair(
    extra: dict[str, str],
) -> None:
    round_ = make.make_open_round()
    client, address = volunteer_in(round_.run), f"/rate/{round_.run.slug}/"
    token = read_page(client.get(address).content.decode()).form["token"]
    answer = client.post(address, {"token": token, "choice": "left"} | extra)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'class="note error" role="alert"' in page
    assert read_page(page).form["token"] == token
    assert Vote.objects.count() == 0


@pytest.mark.parametrize(
    "extra",
    [
        {"comment": "x" * 2_001},
        {"reason_right": "no slug"},
        {"mark": "no JSON"},
        {"mark": "[]"},
        {"mark": '{"side": "left", "turn": 1, "start": "a", "end": 2, "tag": "unnatural"}'},
        {"mark": '{"side": "left", "turn": 1, "start": 0.5, "end": 2, "tag": "unnatural"}'},
        {"mark": '{"side": "left", "turn": 1, "start": 0, "end": 1e999, "tag": "unnatural"}'},
        {"mark": "[" * 100_000},
        {"turn": "-1"},
    ],
)
def test_vote_with_fields_that_cannot_be_read_is_refused(extra: dict[str, str]) -> None:
    round_ = make.make_open_round()
    client, address = volunteer_in(round_.run), f"/rate/{round_.run.slug}/"
    token = read_page(client.get(address).content.decode()).form["token"]
    answer = client.post(address, {"token": token, "choice": "left"} | extra)
    assert (answer.status_code, Vote.objects.count()) == (400, 0)


def test_vote_carries_reasons_comment_and_marks() -> None:
    round_ = make.make_open_round(n_prompts=1)
    rules = make.make_rules(round_.run, offers_comment=True)
    for slug in ("clear", "short"):
        rules.reasons.add(ReasonTag.objects.create(slug=slug, label_en=slug, label_ja=slug))
    client, address = volunteer_in(round_.run), f"/rate/{round_.run.slug}/"
    token = read_page(client.get(address).content.decode()).form["token"]
    marks = [
        json.dumps({"side": side, "turn": 1, "start": start, "end": 4, "tag": "unnatural"})
        for side, start in (("left", 0), ("right", 1))
    ]
    sent = {
        "token": token, "choice": "tie", "reason_left": ["clear", "short"],
        "reason_right": "short", "comment": " both do ", "mark": marks,
    }  # fmt: skip
    assert client.post(address, sent).status_code == 303
    stored = Vote.objects.select_related("comparison").get()
    reasons = {"left": ["clear", "short"], "right": ["short"]}
    starts = {"left": 0, "right": 1}
    side_a = str(stored.comparison.side_a)
    side_b = "right" if side_a == "left" else "left"
    assert (stored.reasons_a, stored.reasons_b) == (reasons[side_a], reasons[side_b])
    assert stored.comment == "both do"
    assert dict(stored.marks.values_list("which", "start")) == {
        "a": starts[side_a],
        "b": starts[side_b],
    }


def test_vote_that_came_too_fast_is_told_when_to_come_again() -> None:
    round_ = make.make_open_round()
    make.make_rules(round_.run, max_characters_per_s=1)
    client, address = volunteer_in(round_.run), f"/rate/{round_.run.slug}/"
    page = client.get(address).content.decode()
    token = read_page(page).form["token"]
    left, right = (read_page(page).left[0], read_page(page).right[0])
    assert f'data-reading-ms="{1_000 * len(left + right)}"' in page
    for headers in ({}, HTMX):
        answer = vote(client, round_, token=token, headers=headers)
        assert answer.status_code == 429
        assert 0 < int(answer["Retry-After"]) <= len(left + right)
        assert "too fast" in answer.content.decode()
        assert read_page(answer.content.decode()).form["token"] == token
    assert Vote.objects.count() == 0


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
