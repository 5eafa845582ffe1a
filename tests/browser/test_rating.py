"""A volunteer at the rating page: by mouse, by key, by thumb, with and without JavaScript."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from annotate.models import Comparison, Round, User, Vote
from annotate.services import rounds
from tests import factories as make
from tests.browser.conftest import Open

SETTLE_MS = 450  # a little longer than the page waits after a new comparison
KEYS = {
    "ArrowLeft": "left", "1": "left", "ArrowRight": "right", "2": "right",
    "ArrowDown": "tie", "3": "tie", "ArrowUp": "both_bad", "4": "both_bad",
}  # fmt: skip


@pytest.fixture
def volunteer(transactional_db: None) -> User:
    return make.make_user()


@pytest.fixture
def round_(volunteer: User) -> Round:
    round_ = make.make_open_round(n_prompts=12)
    make.let_in(round_.run, volunteer)
    return round_


def settle(page: Page) -> None:
    """Wait as long as a comparison takes no vote after it has appeared."""
    page.wait_for_timeout(SETTLE_MS)


def expect_votes(page: Page, n: int) -> None:
    """Wait until the page says that so many votes were cast, and look into the ledger."""
    expect(page.locator("#progress")).to_contain_text(f"{n} in all")
    assert Vote.objects.count() == n


def token_on(page: Page) -> str:
    return page.locator("input[name=token]").get_attribute("value") or ""


def choices() -> list[str]:
    """Give what was chosen on the screen, vote by vote."""
    flip = {"left": {"a": "left", "b": "right"}, "right": {"a": "right", "b": "left"}}
    return [
        flip[str(vote.comparison.side_a)].get(vote.outcome, vote.outcome)
        for vote in Vote.objects.select_related("comparison").order_by("id")
    ]


def button(page: Page, choice: str) -> Any:
    return page.locator(f"button[value={choice}]")


def test_vote_by_mouse_brings_the_next_comparison(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, "/")
    page.get_by_role("link", name="Start rating").click()
    first = token_on(page)
    settle(page)
    page.get_by_role("button", name="B is better").click()
    expect_votes(page, 1)
    assert choices() == ["right"]
    assert token_on(page) == str(Comparison.objects.unanswered().get().token) != first


def test_every_key_votes_as_the_legend_says(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    for number, key in enumerate(KEYS, start=1):
        settle(page)
        page.keyboard.press(key)
        expect_votes(page, number)
    assert choices() == list(KEYS.values())


def test_keys_that_were_not_meant_do_nothing(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    settle(page)
    page.evaluate(
        """() => {
          const strike = (init) => document.body.dispatchEvent(
            new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init }));
          strike({ key: "1", isComposing: true });
          strike({ key: "ArrowRight", repeat: true });
          for (const held of ["ctrlKey", "altKey", "metaKey", "shiftKey"])
            strike({ key: "ArrowLeft", [held]: true });
          const field = document.body.appendChild(document.createElement("input"));
          field.focus();
          field.dispatchEvent(new KeyboardEvent("keydown", { key: "2", bubbles: true }));
          field.remove();
        }"""
    )
    for key in ("a", "5", "Enter", "PageDown"):
        page.keyboard.press(key)
    page.wait_for_timeout(200)
    assert Vote.objects.count() == 0
    page.keyboard.press("1")
    expect_votes(page, 1)


def test_vote_without_javascript(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/", java_script_enabled=False)
    button(page, "tie").click()
    expect_votes(page, 1)
    assert choices() == ["tie"]
    page.reload()
    expect_votes(page, 1)


@pytest.mark.parametrize("script", [True, False])
def test_double_click_is_one_vote(
    script: bool, open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/", java_script_enabled=script)
    settle(page)
    button(page, "left").dblclick()
    expect_votes(page, 1)
    page.wait_for_timeout(300)
    assert Vote.objects.count() == 1


def test_second_click_that_meets_the_next_comparison_is_no_vote(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    first = token_on(page)
    settle(page)
    button(page, "left").click()
    # No Playwright between the swap and the click: it is slower than a hand.
    page.evaluate(
        """(first) => new Promise((done) => {
          const look = () => {
            if (document.querySelector("input[name=token]").value === first)
              return requestAnimationFrame(look);
            document.querySelector("button[value=left]").click();
            done();
          };
          look();
        })""",
        first,
    )
    page.wait_for_timeout(300)
    expect_votes(page, 1)
    settle(page)
    button(page, "left").click()
    expect_votes(page, 2)


@pytest.mark.parametrize("script", [True, False])
def test_back_button_and_reload_change_nothing(
    script: bool, open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, "/", java_script_enabled=script)
    page.goto(f"/rate/{round_.run.slug}/")
    settle(page)
    button(page, "left").click()
    expect_votes(page, 1)
    token = token_on(page)
    page.reload()
    assert token_on(page) == token
    page.goto("/")
    page.go_back()
    assert token_on(page) == token
    assert Vote.objects.count() == 1
    settle(page)
    button(page, "right").click()
    expect_votes(page, 2)
    assert choices() == ["left", "right"]


def test_two_tabs_share_one_comparison_and_one_vote(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    one = open_as(volunteer, f"/rate/{round_.run.slug}/")
    other = open_as(volunteer, f"/rate/{round_.run.slug}/")
    settle(other)
    button(one, "tie").click()
    expect_votes(one, 1)
    button(other, "both_bad").click()
    expect(other.get_by_text("Your first vote stands.")).to_be_visible()
    assert choices() == ["tie"]
    assert token_on(one) == token_on(other)


def test_vote_after_the_round_closed_says_so(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    rounds.close_round(round_=round_)
    settle(page)
    button(page, "left").click()
    expect(page.get_by_role("alert")).to_have_text(
        "This round has closed, so the vote was not taken."
    )
    expect(page.locator("[data-nothing-left]")).to_be_visible()
    page.get_by_role("link", name="Go to the home page").click()
    expect(page.get_by_role("heading", name="Rate answers")).to_be_visible()
    assert Vote.objects.count() == 0


@pytest.mark.parametrize("fault", ["no connection", "server error"])
def test_vote_that_fails_on_the_way_says_so_and_can_be_cast_again(
    fault: str, open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    token = token_on(page)

    def fail(route: Any) -> None:
        if fault == "no connection":
            route.abort()
        else:
            route.fulfill(status=502, body="<!DOCTYPE html><h1>Bad gateway</h1>")

    page.route("**/rate/**", fail, times=1)
    settle(page)
    button(page, "left").click()
    expect(page.get_by_role("alert")).to_contain_text("Your vote was not saved")
    assert token_on(page) == token
    button(page, "left").click()
    expect_votes(page, 1)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_vote_after_signing_out_elsewhere_asks_to_sign_in(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    settle(page)
    page.context.clear_cookies(name="sessionid")
    button(page, "left").click()
    page.wait_for_url(re.compile("/sign-in/"))
    page.get_by_label("Username").fill(volunteer.username)
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("form[data-comparison]")).to_be_visible()


def test_next_comparison_begins_at_the_top_with_the_focus_on_it(
    open_as: Open, volunteer: User, transactional_db: None
) -> None:
    round_ = make.make_open_round(n_prompts=0)
    for _prompt in range(2):
        prompt = make.make_prompt(round_.run.prompt_sets.get())
        for candidate in round_.candidates.all():
            make.make_completion(candidate, prompt, replies=["a long reply\n" * 1_500])
    make.let_in(round_.run, volunteer)
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    settle(page)
    expect(button(page, "left")).to_be_in_viewport(ratio=1)
    page.get_by_label("Show both answers in full").check()
    page.mouse.wheel(0, 5_000)
    page.wait_for_function("window.scrollY > 1000")
    button(page, "right").focus()
    page.keyboard.press("Enter")
    expect_votes(page, 1)
    assert page.evaluate("window.scrollY") == 0
    assert page.evaluate("document.activeElement.textContent") == "Which answer is better?"


def test_sides_have_equal_weight_on_a_desk(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    left, right = (box.bounding_box() for box in page.locator(".reply").all())
    buttons = [button(page, side).bounding_box() for side in ("left", "right")]
    for one, other in ((left, right), buttons):
        assert (one["width"], one["height"], one["y"]) == (
            other["width"],
            other["height"],
            other["y"],
        )
    assert left["x"] < right["x"]


def test_rating_on_a_phone(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(
        volunteer,
        f"/rate/{round_.run.slug}/",
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
    )
    first, second = (box.bounding_box() for box in page.locator(".reply").all())
    assert second["y"] >= first["y"] + first["height"]
    assert first["width"] == second["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for box in page.locator(".verdict button").all():
        expect(box).to_be_in_viewport(ratio=1)
        assert box.bounding_box()["height"] >= 44
    expect(page.locator(".legend")).to_be_hidden()
    settle(page)
    button(page, "both_bad").tap()
    expect_votes(page, 1)
    assert choices() == ["both_bad"]


@pytest.mark.parametrize("width", [320, 1280])
def test_wild_texts_hold_the_layout(
    width: int, open_as: Open, volunteer: User, transactional_db: None
) -> None:
    round_ = make.make_open_round(n_prompts=0)
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["x" * 2_000])
    wild = ["無" * 20_000, "مرحبا " * 50 + "https://example.org/" + "a" * 3_000 + "👩‍👩‍👧\n\t" * 40]
    for candidate, text in zip(round_.candidates.all(), wild, strict=True):
        make.make_completion(candidate, prompt, replies=[text])
    make.let_in(round_.run, volunteer)
    page = open_as(volunteer, f"/rate/{round_.run.slug}/", viewport={"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(button(page, "left")).to_be_in_viewport(ratio=1)


def test_language_switch_keeps_the_comparison(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    token = token_on(page)
    page.get_by_role("button", name="日本語").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("どちらの回答が良いですか?")
    assert token_on(page) == token
    assert page.locator("article").get_attribute("lang") == "en"
