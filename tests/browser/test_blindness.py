"""What reaches a real Chromium before the vote, and what it keeps, names no candidate."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from annotate.models import Comparison, Round
from tests import factories as make
from tests.browser.conftest import Open
from tests.browser.rating import address_of, expect_another, settle, token_on
from tests.views.recognisable import Reader, make_recognisable_round, secrets

Listen = Callable[[Page], Reader]
KEPT = """async () => JSON.stringify({
  address: location.href,
  cookies: document.cookie,
  local: {...localStorage},
  session: {...sessionStorage},
  databases: (await indexedDB.databases()).map((each) => each.name),
  caches: "caches" in window ? await caches.keys() : [],
  state: history.state,
  timings: performance.getEntries().map((each) => [each.name, each.serverTiming]),
  page: document.documentElement.outerHTML,
})"""
N_PAIRS = 6


@pytest.fixture
def listen(open_as: Open) -> Iterator[Listen]:
    """Give what lets a reader have every answer, with its headers, before the page has it."""
    pages: list[Page] = []
    yield lambda page: pages.append(page) or hear_answers(page)  # type: ignore[func-returns-value]
    for page in pages:
        page.context.unroute_all(behavior="ignoreErrors")


def hear_answers(page: Page) -> Reader:
    reader = Reader()

    def pass_on(route: Route) -> None:
        answer = route.fetch(max_redirects=0)
        lines = [f"{each['name']}: {each['value']}" for each in answer.headers_array]
        request = route.request
        reader.hear(f"{request.method} {request.url}", answer.url, "\n".join(lines), answer.body())
        route.fulfill(response=answer)

    page.context.route(lambda address: address.startswith("http"), pass_on)
    return reader


def test_no_byte_that_reaches_chromium_tells_a_candidate(
    open_as: Open, listen: Listen, transactional_db: None
) -> None:
    """By key and mouse, in every view, with undo, skip and report, and what is fetched ahead."""
    round_ = make_recognisable_round()
    page = open_as(make.make_volunteer(round_.run), "about:blank")
    reader = listen(page)
    page.goto("/")
    page.goto(address_of(round_))
    for number in range(N_PAIRS):
        rate_one(page, reader, number)
    page.goto(f"{address_of(round_)}votes/")
    page.locator(f"main a[href^='{address_of(round_)}votes/']").first.click()
    keep_what_is_kept(page, reader)
    assert_blind(reader, round_)
    assert Comparison.objects.exclude(answered_at=None).count() == N_PAIRS - 3
    assert [what for what, _said in reader.heard if "ahead/?shown=" in what] != []


def test_no_byte_that_reaches_chromium_without_scripts_tells_a_candidate(
    open_as: Open, listen: Listen, transactional_db: None
) -> None:
    round_ = make_recognisable_round()
    page = open_as(make.make_volunteer(round_.run), "about:blank", java_script_enabled=False)
    reader = listen(page)
    page.goto(address_of(round_))
    for choice in ("left", "tie", "right"):
        for view in ("Plain", "Differences", "Rendered"):
            page.get_by_role("link", name=view, exact=True).click()
        token = token_on(page)
        page.locator(f"#verdict button[value={choice}]").click()
        expect_another(page, token)
    page.get_by_role("button", name=re.compile("Undo")).click()
    assert_blind(reader, round_)
    assert Comparison.objects.exclude(answered_at=None).count() == 2


def test_a_leak_planted_in_storage_is_found(
    open_as: Open, listen: Listen, transactional_db: None
) -> None:
    """The tests above can fail."""
    round_ = make_recognisable_round()
    page = open_as(make.make_volunteer(round_.run), "about:blank")
    reader = listen(page)
    page.goto(address_of(round_))
    page.evaluate("localStorage.seen = 'codename-otter'")
    keep_what_is_kept(page, reader)
    assert {word for word, _what in reader.find(secrets(round_.run))} == {"codename-otter"}
    page.goto("/static/kurabe/codename-lynx.js")
    found = reader.find({"codename-lynx"})
    assert [what for _word, what in found] == [f"GET {page.url}"]


def rate_one(page: Page, reader: Reader, number: int) -> None:
    """Look at the first two pairs in every view, then pass it by key or by mouse."""
    for view in ("Plain", "Differences", "Rendered") if number < 2 else ():
        page.get_by_role("link", name=view, exact=True).click()
        expect(page.get_by_role("link", name=view, exact=True)).to_have_attribute(
            "aria-current", "true"
        )
    page.wait_for_load_state("networkidle")  # what comes next is there by now
    keep_what_is_kept(page, reader)
    settle(page)
    token = token_on(page)
    pass_pair(page, number)
    expect_another(page, token)
    if number == 4:
        settle(page)
        page.keyboard.press("Backspace")
        expect(page.locator("#verdict input[name=token]")).to_have_value(token)


def pass_pair(page: Page, number: int) -> None:
    """Vote by key or by mouse, skip the third pair and report an answer of the fourth."""
    if number == 2:
        page.keyboard.press("0")
        page.get_by_role("button", name="I can't judge this").click()
    elif number == 3:
        page.locator("summary", has_text="Report").click()
        page.get_by_role("button", name="Report A").click()
    elif number % 2:
        page.keyboard.press("ArrowLeft")
    else:
        page.locator("#verdict button[value=right]").click()


def keep_what_is_kept(page: Page, reader: Reader) -> None:
    """Hear all that a script of the page could see."""
    cookies: list[Any] = list(page.context.cookies())
    reader.hear(f"kept by {page.url}", page.evaluate(KEPT), str(cookies))


def assert_blind(reader: Reader, round_: Round) -> None:
    assert reader.find(secrets(round_.run)) == []
