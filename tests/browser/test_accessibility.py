"""What a screen reader, a keyboard and weak eyes need, on every page."""

import hashlib
import itertools
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser import axe
from tests.browser.conftest import Open
from tests.browser.site_pages import list_pages, make_site

NARROW, WIDE, LIGHT, DARK = 390, 1280, "light", "dark"
# Each width and each scheme once, and the other two pairs of them.
CROSSED = [{"width": NARROW, "scheme": DARK}, {"width": WIDE, "scheme": LIGHT}]
OTHERS = [{"width": NARROW, "scheme": LIGHT}, {"width": WIDE, "scheme": DARK}]
LOOKS: list[dict[str, Any]] = [*CROSSED, *OTHERS]
# The looks of one page and of the next, in turn: a page has one of the two at first.
BY_TURNS = [CROSSED[:1], CROSSED[1:]]

# What axe-core has no rule for.
AUDIT = """() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  if (all("h1").length !== 1) faults.push("not one h1");
  for (const table of all("table"))
    if (!table.querySelector("th[scope=col]") && !table.closest(".rendered"))
      faults.push("a table without column headings");
  for (const picture of all("svg"))
    if (!picture.closest("[aria-hidden], [role=img][aria-label]")) faults.push("nameless picture");
  const ids = all("[id]").map((element) => element.id);
  ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => faults.push(`id ${id} twice`));
  if (document.title.startsWith(" ")) faults.push("no title");
  if (document.documentElement.scrollWidth > innerWidth) faults.push("wider than the screen");
  return faults;
}"""


@pytest.mark.parametrize(
    ("language", "looks"),
    [
        ("ja", BY_TURNS),
        pytest.param("ja", BY_TURNS[::-1], marks=pytest.mark.slow),
        pytest.param("ja", [OTHERS], marks=pytest.mark.slow),
        pytest.param("en", [CROSSED], marks=pytest.mark.slow),
    ],
)
def test_every_page_is_for_everybody(
    language: str, looks: list[list[dict[str, Any]]], open_as: Open, transactional_db: None
) -> None:
    """axe-core finds nothing on any page, narrow or wide, light or dark."""
    faults, in_turn = {}, itertools.cycle(looks)
    for reader, pages in itertools.groupby(list_pages(make_site()), lambda shown: shown.reader):
        page = open_as(reader, "/sign-in/", locale=language, reduced_motion="reduce")
        for shown in pages:
            shown.open_in(page)
            assert page.locator("html").get_attribute("lang") == language
            found = {fault: look for look in next(in_turn) for fault in list_faults(page, **look)}
            if found:
                faults[str(shown)] = found
    assert faults == {}


def list_faults(page: Page, *, width: int, scheme: str) -> list[str]:
    """List what is wrong with the page as it looks on such a screen."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    found: list[str] = page.evaluate(AUDIT)
    return found + axe.list_violations(page)


def test_faults_are_found(open_as: Open, transactional_db: None) -> None:
    """The test above can fail."""
    page = open_as(None, "/")
    page.evaluate(
        """() => {
          document.querySelector("main").innerHTML =
            "<h1>One</h1><h1>Two</h1><h3>Three</h3><a href=/></a><p>Too pale to read</p>";
          document.querySelector("main p").style.color = "#bbb";
        }"""
    )
    found = [fault.split(":")[0] for fault in list_faults(page, width=1280, scheme="light")]
    assert sorted(found) == ["color-contrast", "heading-order", "link-name", "not one h1"]


def test_axe_is_as_its_makers_released_it() -> None:
    """The digest is the one that they publish in sri-history.json."""
    digest = hashlib.sha256(axe.SOURCE.read_bytes()).hexdigest()
    assert digest == axe.SHA256
