"""Every state of the rating page is for everybody: axe-core looks at each."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from annotate.models import ReasonTag
from tests import factories as make
from tests.browser.conftest import Open
from tests.browser.rating import address_of, make_pairs, settle
from tests.browser.test_accessibility import CROSSED, OTHERS, list_faults


def open_menu(number: int) -> Callable[[Page], None]:
    """Open one of the menus in the foot: reasons, skip, report."""

    def prepare(page: Page) -> None:
        page.locator("details.menu summary").nth(number).click()
        expect(page.locator(".panel").nth(number)).to_be_visible()

    return prepare


def keep_a_vote(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    page.keyboard.press("1")
    expect(page.locator("#unsaved")).to_be_visible()


def wait_for_the_connection(page: Page) -> None:
    keep_a_vote(page)
    settle(page)
    page.keyboard.press("1")
    expect(page.locator("[data-waiting]")).to_be_visible()


def come_to_the_end(page: Page) -> None:
    for _pair in range(2):
        page.wait_for_load_state("networkidle")
        settle(page)
        page.keyboard.press("1")
    expect(page.locator("[data-nothing-left]")).to_be_visible()


STATES = {
    "reasons": open_menu(0),
    "skip": open_menu(1),
    "report": open_menu(2),
    "vote kept": keep_a_vote,
    "waiting": wait_for_the_connection,
    "the end": come_to_the_end,
}


@pytest.mark.parametrize("looks", [CROSSED, pytest.param(OTHERS, marks=pytest.mark.slow)])
@pytest.mark.parametrize("state", STATES)
def test_state_of_the_rating_page_is_for_everybody(
    state: str, looks: list[dict[str, Any]], open_as: Open, transactional_db: None
) -> None:
    user = make.make_user()
    rules = {"offers_comment": True, "asks_degree": True}
    round_ = make_pairs(("a", "b"), ("c", "d"), user=user, **rules)
    tag = ReasonTag.objects.create(slug="clear", label_en="clearer", label_ja="明快")
    round_.run.stored_rules.reasons.add(tag)
    page = open_as(user, address_of(round_), reduced_motion="reduce")
    settle(page)
    STATES[state](page)
    faults = [f"{look}: {fault}" for look in looks for fault in list_faults(page, **look)]
    assert faults == []
