"""What a browser is given ahead, and the ways around a verdict: undo, skip, report."""

import html
import json
import re
import uuid

import pytest
from django.http import HttpResponse
from django.test import Client

from annotate.models import Comparison, Report, Round, SelectionRun, Vote
from annotate.services import states
from annotate.services.simulating import RatingPage, read_page
from tests import factories as make
from tests.views.pages import HTMX, browser_of, volunteer_in

pytestmark = pytest.mark.django_db


def address_of(round_: Round, *rest: str) -> str:
    return "/".join([f"/rate/{round_.run.slug}", *rest, ""])


def read(answer: HttpResponse) -> RatingPage:
    return read_page(answer.content.decode())


def token_now(client: Client, round_: Round) -> str:
    return read(client.get(address_of(round_))).form["token"]


def ask_ahead(client: Client, round_: Round, shown: str, turn: int = 0) -> HttpResponse:
    query = {"shown": shown, "turn": turn}
    return client.get(address_of(round_, "ahead"), query, headers=HTMX)


def test_pair_ahead_is_the_one_that_comes_after_the_vote() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    first = token_now(client, round_)
    answers = [ask_ahead(client, round_, first) for _time in range(2)]
    ahead = {read(answer).form["token"] for answer in answers}
    assert len(ahead) == 1
    assert ahead != {first}
    assert "<html" not in answers[0].content.decode()
    assert answers[0]["Cache-Control"] == "no-store"
    assert Comparison.objects.get(token=next(iter(ahead))).shown_at is None
    client.post(address_of(round_), {"token": first, "choice": "left"})
    assert token_now(client, round_) == next(iter(ahead))


def test_fragment_ahead_is_no_page() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    answer = client.get(address_of(round_, "ahead"))
    assert (answer.status_code, answer["Location"]) == (302, address_of(round_))


def test_answer_to_a_vote_brings_what_follows_the_pair_that_is_shown() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    first = token_now(client, round_)
    second = read(ask_ahead(client, round_, first)).form["token"]
    address = f"{address_of(round_)}?shown={second}&turn=0"
    answer = client.post(address, {"token": first, "choice": "left"}, headers=HTMX)
    third = read(answer).form["token"]
    assert (answer.status_code, len({first, second, third})) == (200, 3)
    assert "<span>1 in all</span>" in answer.content.decode()
    assert token_now(client, round_) == second


def test_last_pair_has_none_ahead_and_its_answer_says_why() -> None:
    round_ = make.make_open_round(n_prompts=1)
    client = volunteer_in(round_.run)
    only = token_now(client, round_)
    ahead = read(ask_ahead(client, round_, only))
    assert (ahead.has_comparison, ahead.nothing_left) == (False, False)
    answer = client.post(address_of(round_), {"token": only, "choice": "tie"}, headers=HTMX)
    assert "You have judged every pair of this round." in answer.content.decode()


@pytest.mark.parametrize("shown", ["", "no token", str(uuid.UUID(int=7))])
def test_browser_that_shows_another_pair_is_given_the_one_that_is_due(shown: str) -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    due = token_now(client, round_)
    assert read(ask_ahead(client, round_, shown)).form["token"] == due
    assert Comparison.objects.count() == 1


def test_next_turn_comes_ahead_where_turns_are_judged_apart() -> None:
    round_ = make.make_open_round(n_prompts=0)
    make.make_rules(round_.run, judges_each_turn=True)
    for number in range(2):
        turns = [f"{number}, first?", f"{number}, second?"]
        prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=turns)
        for candidate in round_.candidates.all():
            make.make_completion(candidate, prompt)
    client = volunteer_in(round_.run)
    page = read(client.get(address_of(round_)))
    token = page.form["token"]
    assert (page.form["turn"], len(page.turns), len(page.left)) == ("1", 1, 1)
    second = read(ask_ahead(client, round_, token, 1))
    assert (second.form["token"], second.form["turn"]) == (token, "2")
    assert (len(second.turns), len(second.right)) == (2, 2)
    client.post(address_of(round_), {"token": token, "turn": 1, "choice": "left"})
    other = read(ask_ahead(client, round_, token, 2))
    assert (other.form["token"] == token, other.form["turn"]) == (False, "1")


def test_ahead_is_closed_with_the_round() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    token = token_now(client, round_)
    states.close_round(round_=round_)
    assert read(ask_ahead(client, round_, token)).nothing_left


def test_undo_takes_the_last_vote_back_and_shows_its_pair() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    first = token_now(client, round_)
    client.post(address_of(round_), {"token": first, "choice": "left"})
    answer = client.post(address_of(round_, "undo"))
    assert (answer.status_code, answer["Location"]) == (303, address_of(round_))
    page = client.get(address_of(round_))
    assert read(page).form["token"] == first
    assert "Taken back." in page.content.decode()
    assert Vote.objects.standing().count() == 0
    answer = client.post(address_of(round_, "undo"), headers=HTMX)
    assert "There is nothing to undo." in answer.content.decode()
    assert read(answer).form["token"] == first


def test_undo_brings_back_what_was_given_beside_the_verdict() -> None:
    round_ = make.make_open_round()
    rules = make.make_rules(round_.run, offers_comment=True, offers_passages=True)
    rules.reasons.set([make.make_reason("made-up"), make.make_reason("clear")])
    client = volunteer_in(round_.run)
    mark = {"side": "right", "turn": 1, "start": 0, "end": 2, "tag": "unnatural"}
    vote = {"token": token_now(client, round_), "choice": "left", "comment": "B < A"}
    given = {"reason_right": "made-up", "mark": json.dumps(mark)}
    client.post(address_of(round_), vote | given)
    page = client.post(address_of(round_, "undo"), headers=HTMX).content.decode()
    checked = re.findall(r'name="(reason_\w+)" value="([\w-]+)"[^>]* checked', page)
    assert checked == [("reason_right", "made-up")]
    assert "B &lt; A</textarea>" in page
    sent = re.findall(r'name="mark" value="([^"]*)"', page)
    assert [json.loads(html.unescape(each)) for each in sent] == [mark]


def test_pair_that_was_read_once_asks_for_no_time_again() -> None:
    round_ = make.make_open_round()
    make.make_rules(round_.run, max_characters_per_s=10_000)
    client = volunteer_in(round_.run)
    page = client.get(address_of(round_))
    assert "data-reading-ms=" in page.content.decode()
    client.post(address_of(round_), read(page).form | {"choice": "left"})
    again = client.post(address_of(round_, "undo"), headers=HTMX)
    assert read(again).form["token"] == read(page).form["token"]
    assert "data-reading-ms=" not in again.content.decode()


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("verb", "sent"),
    [("skip", {"reason": "broken_text"}), ("report", {"side": "left", "text": "harmful"})],
)
def test_skip_and_report_lead_to_the_next_pair(
    verb: str, sent: dict[str, str], headers: dict[str, str]
) -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    token = token_now(client, round_)
    answer = client.post(address_of(round_, verb), {"token": token} | sent, headers=headers)
    assert answer.status_code == (200 if headers else 303)
    assert token_now(client, round_) != token
    comparison = Comparison.objects.get(token=token)
    assert comparison.skip_reason == "broken_text"
    reported = comparison.completion_a if comparison.side_a == "left" else comparison.completion_b
    assert [report.completion for report in Report.objects.all()] == [reported] * (verb == "report")


@pytest.mark.parametrize("verb", ["skip", "report"])
@pytest.mark.parametrize("sent", [{}, {"reason": "bored", "side": "middle"}])
def test_skip_and_report_that_cannot_be_read_are_refused(verb: str, sent: dict[str, str]) -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    token = token_now(client, round_)
    answer = client.post(address_of(round_, verb), {"token": token} | sent)
    assert (answer.status_code, read(answer).form["token"]) == (400, token)


@pytest.mark.parametrize(
    ("verb", "sent"), [("skip", {"reason": "cannot_judge"}), ("report", {"side": "left"})]
)
def test_strangers_comparison_can_be_neither_skipped_nor_reported(
    verb: str, sent: dict[str, str]
) -> None:
    round_ = make.make_open_round()
    theirs = token_now(volunteer_in(round_.run), round_)
    answer = volunteer_in(round_.run).post(address_of(round_, verb), {"token": theirs} | sent)
    assert answer.status_code == 404
    assert (Report.objects.count(), Comparison.objects.filter(skip_reason="").count()) == (0, 2)


def test_judged_pair_cannot_be_skipped() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    token = token_now(client, round_)
    client.post(address_of(round_), {"token": token, "choice": "left"})
    sent = {"token": token, "reason": "cannot_judge"}
    assert client.post(address_of(round_, "skip"), sent).status_code == 422


def test_undo_in_a_run_without_an_open_round_is_refused_with_words() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    states.close_round(round_=round_)
    answer = client.post(address_of(round_, "undo"))
    assert (answer.status_code, read(answer).nothing_left) == (409, True)


@pytest.mark.parametrize(
    ("state", "words", "link"),
    [
        (SelectionRun.State.VOTING, "This run takes no votes at the moment.", "/rate/{}/"),
        (SelectionRun.State.DECIDED, "This run takes no votes at the moment.", "/rate/{}/"),
        (SelectionRun.State.CLOSED, "This run has ended.", "/rate/{}/results/"),
    ],
)
def test_run_without_an_open_round_says_what_can_be_done(state: str, words: str, link: str) -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    states.close_round(round_=round_)
    SelectionRun.objects.filter(pk=round_.run_id).update(state=state)
    page = client.get(address_of(round_)).content.decode()
    assert words in page
    assert f'href="{link.format(round_.run.slug)}"' in page


def test_language_that_is_not_read_leads_to_ones_languages() -> None:
    round_ = make.make_open_round(n_prompts=0)
    prompt = make.make_prompt(round_.run.prompt_sets.get(), language="ja")
    for candidate in round_.candidates.all():
        make.make_completion(candidate, prompt)
    client = browser_of(make.make_volunteer(round_.run, languages=["en"]))
    page = client.get(address_of(round_)).content.decode()
    assert "Japanese" in page
    assert 'href="/me/"' in page


def test_daily_limit_is_said() -> None:
    round_ = make.make_open_round()
    make.make_rules(round_.run, daily_limit=1)
    client = volunteer_in(round_.run)
    token = token_now(client, round_)
    assert not read(ask_ahead(client, round_, token)).has_comparison
    client.post(address_of(round_), {"token": token, "choice": "left"})
    page = client.get(address_of(round_)).content.decode()
    assert "There is more tomorrow." in page
    assert "Look again" not in page


def test_owner_of_unsaved_votes_is_told_apart_without_a_name() -> None:
    round_ = make.make_open_round()
    users = [make.make_volunteer(round_.run) for _user in range(2)]
    pages = [
        browser_of(user).get(address_of(round_)).content.decode()
        for user in (users[0], users[0], users[1])
    ]
    owners = [re.search(r'data-owner="([0-9a-f]{16})"', page) for page in pages]
    one, again, other = (found and found[1] for found in owners)
    assert one == again != other
    assert one is not None
