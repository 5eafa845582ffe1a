"""A volunteer of a run that an admin pauses, resumes and gives up."""

import re

from playwright.sync_api import expect

from annotate.services import states
from tests import factories as make
from tests.browser.conftest import Open
from tests.browser.rating import address_of, expect_another, expect_votes, settle, token_on


def test_pause_takes_no_vote_away_and_ends_by_itself(open_as: Open, transactional_db: None) -> None:
    volunteer, round_ = make.make_user(), make.make_open_round(n_prompts=12)
    make.let_in(round_.run, volunteer)
    page = open_as(volunteer, address_of(round_))
    page.wait_for_load_state("networkidle")  # the next pair is here, too
    states.pause_run(run=round_.run)
    settle(page)
    first = token_on(page)
    page.keyboard.press("1")
    expect_another(page, first)
    settle(page)
    page.keyboard.press("1")
    expect(page.get_by_role("heading", name="A short pause")).to_be_focused()
    expect_votes(page, 2)
    expect(page.locator("#stage .primary")).to_have_count(0)
    states.resume_run(run=round_.run)
    expect(page.locator("#verdict")).to_be_visible(timeout=9_000)
    expect(page.locator("#stage h1")).to_be_focused()
    settle(page)
    page.keyboard.press("1")
    expect_votes(page, 3)
    states.cancel_run(run=round_.run)
    settle(page)
    page.keyboard.press("1")
    expect(page.get_by_role("alert")).to_contain_text("the vote was not taken")
    page.get_by_role("link", name="See the models").click()
    expect(page).to_have_url(re.compile("/results/$"))
    expect(page.get_by_text("This run was ended before it came to a decision.")).to_be_visible()
    expect(page.locator(".ledger li")).to_have_count(3)


def test_paused_page_works_without_scripts(open_as: Open, transactional_db: None) -> None:
    volunteer, round_ = make.make_user(), make.make_open_round(n_prompts=2)
    make.let_in(round_.run, volunteer)
    states.pause_run(run=round_.run)
    page = open_as(volunteer, address_of(round_), java_script_enabled=False)
    expect(page.get_by_role("heading", name="A short pause")).to_be_visible()
    states.resume_run(run=round_.run)
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("#verdict")).to_be_visible()
