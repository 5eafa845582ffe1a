"""A newcomer in a real browser: from the door through practice to the first vote, and back out."""

import re
from collections.abc import Iterator

import pytest
from django.core import mail
from django.core.cache import cache
from playwright.sync_api import Page, expect

from annotate.models import Annotator, Comparison, SelectionRun, Vote
from tests import factories as make
from tests.browser.conftest import Open

WORDS = {"explanation_en": "Look at the number.", "explanation_ja": "数を見てください。"}


@pytest.fixture(autouse=True)
def empty_cache(transactional_db: None) -> Iterator[None]:
    """Forget who asked for codes: what the cache counts outlives a test."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def run(transactional_db: None) -> SelectionRun:
    """Make a run with an open door and one pair to practise on."""
    make.make_consent_text()
    run = make.make_open_round().run
    make.make_rules(run, door="open", practice_needed=1)
    make.make_gold_pair(run, use="practice", **WORDS)
    return run


def better_side() -> str:
    """Give the side on which the right answer of the practice pair stands."""
    return str(Comparison.objects.get(purpose="practice").side_a)


@pytest.mark.parametrize("script", [True, False])
def test_stranger_comes_in_by_the_open_door(script: bool, open_as: Open, run: SelectionRun) -> None:
    page = open_as(None, "/", java_script_enabled=script)
    page.get_by_role("link", name=f"Start rating: {run}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome")
    expect(page.get_by_label("English")).to_be_checked()
    expect(page.get_by_label("日本語")).not_to_be_checked()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("This one does not count.")).to_be_visible()
    page.locator(f"button[value={better_side()}]").click()
    expect(page.get_by_text("Look at the number.")).to_be_visible()
    page.get_by_role("link", name="Start rating").click()
    expect(page.locator("form[data-comparison]")).to_be_visible()
    if not script:
        page.locator("button[value=tie]").click()
        expect(page.locator("#progress")).to_contain_text("1 in all")
        assert Vote.objects.counting().count() == 1
    assert Annotator.objects.get().user is None


def test_practice_is_done_by_keys_alone(open_as: Open, run: SelectionRun) -> None:
    page = open_as(None, f"/rate/{run.slug}/")
    page.get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    expect(page.locator("form[data-practice]")).to_be_visible()
    page.wait_for_load_state()  # keys are heard once the page has come whole
    wrong = {"left": "ArrowRight", "right": "ArrowLeft"}[better_side()]
    page.keyboard.press(wrong)
    expect(page.get_by_text("Most people would say")).to_be_visible()
    expect(page.get_by_role("button", name="Practise again")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("form[data-practice]")).to_be_visible()
    page.wait_for_load_state()  # keys are heard once the page has come whole
    place = [
        button.get_attribute("value") for button in page.locator("#verdict button").all()
    ].index(better_side())
    page.keyboard.press(str(place + 1))
    expect(page.get_by_role("link", name="Start rating")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("form[data-comparison]")).to_be_visible()


def test_practice_keys_leave_an_ime_and_shortcuts_alone(open_as: Open, run: SelectionRun) -> None:
    page = open_as(None, f"/rate/{run.slug}/")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("form[data-practice]")).to_be_visible()
    page.wait_for_load_state()  # keys are heard once the page has come whole
    page.evaluate(
        """() => {
          for (const extra of [{ isComposing: true }, { ctrlKey: true }, { repeat: true }])
            document.body.dispatchEvent(new KeyboardEvent("keydown",
              { key: "1", bubbles: true, ...extra }));
        }"""
    )
    page.wait_for_timeout(200)
    assert Vote.objects.count() == 0


def test_code_signs_in_and_leads_through_welcome_to_the_run(
    open_as: Open, run: SelectionRun
) -> None:
    make.make_rules(run, door="account")
    page = open_as(None, f"/rate/{run.slug}/")
    page.get_by_label("E-mail address").fill("hana@example.org")
    page.get_by_role("button", name="Send me a code").click()
    expect(page.get_by_label("Code")).to_be_focused()
    page.get_by_label("Code").fill("nonsense")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Incorrect code.")
    found = re.search(r"^ {4}(\S+)$", str(mail.outbox[-1].body), re.MULTILINE)
    assert found
    page.get_by_label("Code").fill(found[1].lower())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome")
    expect(page.locator("header .who")).to_have_text("hana@example.org")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("form[data-practice]")).to_be_visible()
    page.wait_for_load_state()  # keys are heard once the page has come whole


def test_votes_are_taken_back_by_two_steps(open_as: Open, run: SelectionRun) -> None:
    page = open_as(None, f"/rate/{run.slug}/")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("link", name="My data").click()
    page.get_by_label("Name on the board").fill("Hana")
    page.get_by_role("button", name="Join the board").click()
    expect(page.get_by_role("status")).to_have_text("Your name is on the board.")
    page.get_by_role("link", name="Take my votes back").click()
    page.get_by_role("button", name="Take my votes back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your votes no longer count")
    expect(page.get_by_role("link", name="My data")).to_be_hidden()
    assert {cookie["name"] for cookie in page.context.cookies()}.isdisjoint({"annotator"})


@pytest.mark.parametrize("width", [390, 1280])
def test_pages_on_the_way_in_fit_every_screen(width: int, open_as: Open, run: SelectionRun) -> None:
    page = open_as(
        None, "/", viewport={"width": width, "height": 800}, locale="ja", reduced_motion="reduce"
    )
    for address in ("/", "/sign-in/", f"/rate/{run.slug}/", "/me/"):
        page.goto(address)
        expect_fit(page, width)
    page.goto(f"/rate/{run.slug}/")
    page.get_by_label("English").check()  # practice is in English
    page.locator(".begin button").click()
    expect_fit(page, width)
    page.locator("#verdict button").first.click()
    expect_fit(page, width)


def expect_fit(page: Page, width: int) -> None:
    """Check that nothing reaches beyond the side of the screen."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
