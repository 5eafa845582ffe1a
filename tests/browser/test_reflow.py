"""Pages bear what readers do to them: zoom, wider text, colours and stillness of their own."""

from itertools import groupby
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from annotate.models import Round, User
from tests import factories as make
from tests.browser.conftest import Open
from tests.browser.site_pages import list_pages, make_site

# 1280 pixels at 400 % (WCAG 1.4.10).
ZOOMED: dict[str, Any] = {"viewport": {"width": 320, "height": 256}}

# WCAG 1.4.12. By the object model, since the page's policy allows no inline style.
SPACE_OUT = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important;
    word-spacing: .16em !important; } p { margin-block-end: 2em !important; }`);
  document.adoptedStyleSheets = [sheet];
}"""

# Long answers fold on purpose, tables and code scroll by themselves; the rest must show its text.
CLIPPED = """() => [...document.querySelectorAll("body *")].filter((element) => {
  const style = getComputedStyle(element);
  const isCut = (overflow) => overflow === "hidden" || overflow === "clip";
  return element.checkVisibility()
    && !element.closest(".unseen, svg, math, .is-long .text, .who, input")
    && ((isCut(style.overflowX) && element.scrollWidth > element.clientWidth + 1)
      || (isCut(style.overflowY) && element.scrollHeight > element.clientHeight + 1));
}).map((element) => element.outerHTML.slice(0, 120))"""

# A button whose words reach out of it.
BURST = """() => [...document.querySelectorAll("button, .button")].filter((button) => {
  const box = button.getBoundingClientRect();
  const range = document.createRange();
  range.selectNodeContents(button);
  const words = range.getBoundingClientRect();
  return button.checkVisibility() && (words.left < box.left - 1 || words.right > box.right + 1
    || words.top < box.top - 1 || words.bottom > box.bottom + 1);
}).map((button) => button.outerHTML.slice(0, 120))"""

MOVING = """() => [...document.querySelectorAll("body, body *")].filter((element) => {
  const style = getComputedStyle(element);
  return style.animationName !== "none"
    || style.transitionDuration.split(", ").some((duration) => duration !== "0s");
}).map((element) => element.outerHTML.slice(0, 120))"""


@pytest.fixture
def round_(transactional_db: None) -> Round:
    return make.make_open_round()


@pytest.fixture
def volunteer(round_: Round) -> User:
    return make.make_volunteer(round_.run)


def reaches_out(page: Page) -> bool:
    """Say whether the page scrolls sideways."""
    wide: bool = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return wide


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_page_scrolls_sideways_at_400_percent(
    language: str, open_as: Open, transactional_db: None
) -> None:
    faults = []
    for reader, pages in groupby(list_pages(make_site()), lambda shown: shown.reader):
        page = open_as(reader, "/sign-in/", locale=language, **ZOOMED)
        for shown in pages:
            shown.open_in(page)
            faults += [str(shown)] * reaches_out(page)
    assert faults == []


def test_verdict_leaves_room_to_read_at_400_percent(
    open_as: Open, round_: Round, volunteer: User
) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/", **ZOOMED)
    page.mouse.wheel(0, 120)
    stuck = page.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((element) => ["sticky", "fixed"].includes(getComputedStyle(element).position))
          .reduce((sum, element) => sum + element.getBoundingClientRect().height, 0)"""
    )
    assert stuck <= 128  # half of it


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_wider_text_is_neither_cut_nor_bursts_its_button(
    width: int, open_as: Open, transactional_db: None
) -> None:
    faults = {}
    for reader, pages in groupby(list_pages(make_site()), lambda shown: shown.reader):
        page = open_as(reader, "/sign-in/", viewport={"width": width, "height": 800})
        for shown in pages:
            shown.open_in(page)
            page.evaluate(SPACE_OUT)
            found = page.evaluate(CLIPPED) + page.evaluate(BURST) + ["wide"] * reaches_out(page)
            if found:
                faults[str(shown)] = found
    assert faults == {}


def test_nothing_moves_for_whom_asked_for_stillness(
    open_as: Open, round_: Round, volunteer: User
) -> None:
    address = f"/rate/{round_.run.slug}/"
    assert open_as(volunteer, address, reduced_motion="no-preference").evaluate(MOVING) != []
    assert open_as(volunteer, address, reduced_motion="reduce").evaluate(MOVING) == []


def test_forced_colours_keep_edges_and_the_place_of_the_focus(
    open_as: Open, round_: Round, volunteer: User
) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/", forced_colors="active")
    button = page.locator("button[name=choice]").first
    button.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    expect(button).to_have_css("outline-style", "solid")
    expect(button).to_have_css("border-top-style", "solid")
    for reply in page.locator(".reply").all():
        expect(reply).to_have_css("border-top-style", "solid")
    expect(page.locator(".views [aria-current]")).to_have_css("font-weight", "600")
