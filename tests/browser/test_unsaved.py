"""Votes outlast a lost connection and a failing server: kept, shown, sent again, counted once."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from annotate.models import Round, User, Vote
from annotate.services import states
from tests import factories as make
from tests.browser.conftest import Open
from tests.browser.rating import (
    address_of,
    button,
    choices,
    expect_another,
    expect_votes,
    make_pairs,
    settle,
    token_on,
)

KEPT = """Object.keys(localStorage).filter((name) => name.startsWith("kurabe.vote.")).length"""
GATEWAY = {"status": 502, "body": "<!DOCTYPE html><h1>Bad gateway</h1>"}
FAULTS: dict[str, dict[str, Any] | None] = {
    "no connection": None,
    "server error": {"status": 500, "body": "<!DOCTYPE html><h1>Something broke</h1>"},
    "gateway": GATEWAY,
    "another network's page": {"status": 200, "body": "<!DOCTYPE html><h1>Pay for the net</h1>"},
    "forbidden": {"status": 403, "body": "<!DOCTYPE html><h1>This form has expired</h1>"},
}


@pytest.fixture
def volunteer(transactional_db: None) -> User:
    return make.make_user()


@pytest.fixture
def round_(volunteer: User) -> Round:
    round_ = make.make_open_round(n_prompts=12)
    make.let_in(round_.run, volunteer)
    return round_


def break_votes(page: Page, round_: Round, answer: dict[str, Any] | None = None) -> None:
    """Let every vote fail on its way to the site, or on its way back."""

    def fail(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
        elif answer is None:
            route.abort()
        else:
            route.fulfill(**answer)

    page.route(re.compile(address_of(round_)), fail)


def mend(page: Page) -> None:
    page.unroute_all()


def open_and_vote(open_as: Open, user: User, round_: Round, fault: dict[str, Any] | None) -> Page:
    page = open_as(user, address_of(round_))
    first = token_on(page)
    break_votes(page, round_, fault)
    settle(page)
    page.keyboard.press("1")
    expect_another(page, first)
    expect_unsaved(page, 1)
    return page


def expect_unsaved(page: Page, n: int) -> None:
    expect(page.locator("#unsaved")).to_be_visible()
    expect(page.locator("#unsaved")).to_contain_text(f"Not saved yet: {n}")


@pytest.mark.parametrize("fault", FAULTS)
def test_vote_that_fails_on_the_way_is_kept_and_sent_again_by_itself(
    fault: str, open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_and_vote(open_as, volunteer, round_, FAULTS[fault])
    expect(page.locator(".note")).to_contain_text("kept in this browser")
    second = token_on(page)
    assert (page.evaluate(KEPT), Vote.objects.count()) == (1, 0)
    mend(page)
    expect_votes(page, 1)
    expect(page.locator("#unsaved")).to_be_hidden()
    expect(page.locator(".note")).to_have_text("All your votes are saved.")
    assert (page.evaluate(KEPT), token_on(page)) == (0, second)
    assert choices() == ["left"]


def test_vote_whose_answer_was_lost_is_counted_once(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, address_of(round_))

    def lose_answer(route: Route) -> None:
        route.fetch()  # the site has taken the vote, and the page does not learn of it
        route.abort()

    page.route(address_of(round_) + "?shown=*", lose_answer, times=1)
    settle(page)
    page.keyboard.press("1")
    expect_unsaved(page, 1)
    assert Vote.objects.count() == 1
    expect_votes(page, 1)
    expect(page.locator("#unsaved")).to_be_hidden()
    assert page.evaluate(KEPT) == 0


def test_unsaved_votes_outlast_a_reload_and_a_closed_tab(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_and_vote(open_as, volunteer, round_, None)
    page.reload()
    # The site shows the first pair, which is judged: it is not shown as if it were open.
    expect(page.get_by_role("heading", name="Waiting for the connection")).to_be_visible()
    expect_unsaved(page, 1)
    context = page.context
    page.close()
    assert Vote.objects.count() == 0
    page = context.new_page()
    page.goto(address_of(round_))
    expect_votes(page, 1)
    expect(page.locator("#verdict")).to_be_visible()
    assert page.evaluate(KEPT) == 0
    assert choices() == ["left"]


def test_pair_fetched_ahead_can_be_judged_offline_and_then_the_page_waits(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, address_of(round_))
    seen = [token_on(page)]
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    settle(page)
    page.keyboard.press("1")
    seen.append(expect_another(page, seen[0]))
    settle(page)
    page.keyboard.press("4")
    expect(page.get_by_role("heading", name="Waiting for the connection")).to_be_visible()
    expect_unsaved(page, 2)
    page.keyboard.press("1")
    assert (page.evaluate(KEPT), Vote.objects.count()) == (2, 0)
    page.context.set_offline(False)
    expect_votes(page, 2)
    expect(page.locator("#verdict")).to_be_visible()
    assert token_on(page) not in seen
    assert choices() == ["left", "right"]
    settle(page)
    page.keyboard.press("2")
    expect_votes(page, 3)


def test_undo_waits_until_votes_are_saved(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_and_vote(open_as, volunteer, round_, GATEWAY)
    second = token_on(page)
    settle(page)
    page.keyboard.press("Backspace")
    expect(page.locator(".note")).to_have_text("This works again once your votes are saved.")
    assert token_on(page) == second
    mend(page)
    expect_votes(page, 1)
    page.keyboard.press("Backspace")
    expect_another(page, second)
    expect_votes(page, 0)


@pytest.mark.parametrize(("role", "name"), [("button", "Undo"), ("link", "Plain")])
def test_control_that_fails_says_so_and_changes_nothing(
    role: Any, name: str, open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, address_of(round_))
    token = token_on(page)
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    settle(page)
    page.get_by_role(role, name=name).click()
    expect(page.locator(".note")).to_contain_text("nothing was changed")
    assert token_on(page) == token


@pytest.mark.parametrize("is_closed", [True, False])
def test_unsaved_vote_that_the_site_refuses_leaves_with_a_message(
    is_closed: bool, open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_and_vote(open_as, volunteer, round_, None)
    if is_closed:
        states.close_round(round_=round_)
        words = "This round has closed, so the vote was not taken."
    else:
        make.make_rules(round_.run, asks_degree=True)
        words = "clearly or slightly"
    mend(page)
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.locator("#unsaved")).to_be_hidden()
    assert (page.evaluate(KEPT), Vote.objects.count()) == (0, 0)
    expect(page.locator("[data-nothing-left]")).to_have_count(int(is_closed))


def test_votes_of_one_person_are_not_sent_for_another(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_and_vote(open_as, volunteer, round_, None)
    first_context = page.context
    cookies = first_context.cookies()
    other = open_as(make.make_volunteer(round_.run), "/")
    first_context.clear_cookies()
    first_context.add_cookies(other.context.cookies())
    mend(page)
    page.goto("about:blank")
    page.goto(address_of(round_))
    page.wait_for_load_state("networkidle")
    assert (page.evaluate(KEPT), Vote.objects.count()) == (1, 0)
    expect(page.locator("#unsaved")).to_be_hidden()
    first_context.clear_cookies()
    first_context.add_cookies(cookies)
    page.goto(address_of(round_))
    expect_votes(page, 1)
    assert Vote.objects.get().comparison.annotator.user == volunteer


def test_vote_after_signing_out_elsewhere_is_kept_until_signed_in_again(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, address_of(round_))
    settle(page)
    cookies = page.context.cookies()
    page.context.clear_cookies(name="sessionid")
    button(page, "left").click()
    page.wait_for_url(re.compile("/sign-in/"))
    assert (page.evaluate(KEPT), Vote.objects.count()) == (1, 0)
    page.context.add_cookies(cookies)
    page.goto(address_of(round_))
    expect_votes(page, 1)
    assert page.evaluate(KEPT) == 0


def test_vote_is_sent_with_the_token_that_holds_now(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, address_of(round_))
    settle(page)
    # As after signing in in another window: the form's own token is of yesterday.
    page.context.clear_cookies(name="csrftoken")
    page.context.new_page().goto(address_of(round_))
    page.keyboard.press("1")
    expect_votes(page, 1)


def test_early_verdict_is_met_calmly_and_counts_in_time(open_as: Open, volunteer: User) -> None:
    round_ = make_pairs(("a" * 400, "b" * 400), user=volunteer, max_characters_per_s=400)
    page = open_as(volunteer, address_of(round_))
    settle(page)
    page.keyboard.press("1")
    expect(page.locator(".note")).to_contain_text("Please read both answers first")
    expect(page.locator("#said")).to_contain_text("Please read both answers first")
    assert Vote.objects.count() == 0
    page.wait_for_timeout(2_000)
    page.keyboard.press("1")
    expect_votes(page, 1)


def test_votes_kept_offline_are_not_too_fast_when_they_arrive(
    open_as: Open, volunteer: User
) -> None:
    pairs = [(letter * 400, letter * 400 + "!") for letter in "abcd"]
    round_ = make_pairs(*pairs, user=volunteer, max_characters_per_s=800)
    page = open_as(volunteer, address_of(round_))
    first = token_on(page)
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    for key in ("1", "4"):
        page.wait_for_timeout(1_100)
        page.keyboard.press(key)
        if key == "1":
            expect_another(page, first)
    expect_unsaved(page, 2)
    page.context.set_offline(False)
    expect_votes(page, 2)
    assert choices() == ["left", "right"]
