"""What a screen reader and a keyboard need, on every page."""

import pytest
from playwright.sync_api import Page, expect

from annotate.models import Round, TrainingRun
from tests import factories as make
from tests.browser.conftest import Open
from tests.views.pages import cast_votes, make_dataset, make_ranking, make_training

AUDIT = """() => {
  const faults = [];
  const name = (element) => (element.getAttribute("aria-label") || element.innerText
    || element.labels?.[0]?.innerText || "").trim();
  const all = (selector) => [...document.querySelectorAll(selector)];
  const levels = all("h1, h2, h3, h4").map((heading) => Number(heading.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) faults.push("not one h1");
  levels.forEach((level, i) => {
    if (i && level > levels[i - 1] + 1) faults.push(`h${level} under h${levels[i - 1]}`);
  });
  for (const element of all("a, button, input:not([type=hidden]), select, progress"))
    if (!name(element)) faults.push(`no name: ${element.outerHTML.slice(0, 80)}`);
  for (const table of all("table"))
    if (!table.querySelector("th[scope=col]")) faults.push("a table without column headings");
  for (const picture of all("svg"))
    if (!picture.closest("[aria-hidden], [role=img][aria-label]")) faults.push("nameless picture");
  const ids = all("[id]").map((element) => element.id);
  ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => faults.push(`id ${id} twice`));
  if (!document.documentElement.lang) faults.push("no language");
  if (!document.title.trim() || document.title.startsWith(" ")) faults.push("no title");
  if (all("main").length !== 1) faults.push("not one main");
  if (document.documentElement.scrollWidth > innerWidth) faults.push("wider than the screen");
  return faults;
}"""

FOCUS = """[
  document.activeElement.value, getComputedStyle(document.activeElement).outlineStyle
]"""


def make_everything() -> Round:
    """Fill every page with something to read."""
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(kind="simulated"), 2)
    make_ranking(round_.run)
    training_run = make_training(
        round_.run, dataset=make_dataset(round_.run), steps=25, state=TrainingRun.State.FINISHED
    )
    make.make_candidate(round_.run, training_run=training_run)
    return round_


@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_passes_the_audit(width: int, open_as: Open, transactional_db: None) -> None:
    round_ = make_everything()
    run = round_.run
    page = open_as(make.make_user("admin"), "/", viewport={"width": width, "height": 800})
    addresses = [
        "/",
        "/runs/",
        f"/runs/{run.slug}/",
        f"/runs/{run.slug}/quality/",
        f"/runs/{run.slug}/rankings/{run.rankings.get().pk}/",
        f"/datasets/{run.datasets.get().pk}/",
        f"/training/{run.datasets.get().training_runs.get().pk}/",
        f"/rate/{run.slug}/",
        "/rate/never-made/",
    ]
    assert {address: audit(page, address) for address in addresses} == {
        address: [] for address in addresses
    }
    page.context.clear_cookies()
    assert {address: audit(page, address) for address in ("/", "/sign-in/")} == {
        "/": [],
        "/sign-in/": [],
    }


def audit(page: Page, address: str) -> list[str]:
    page.goto(address)
    faults: list[str] = page.evaluate(AUDIT)
    return faults


def test_audit_finds_faults(open_as: Open, transactional_db: None) -> None:
    """The test above can fail."""
    page = open_as(None, "/")
    page.evaluate("document.querySelector('main').innerHTML = '<h3></h3><a href=/></a>'")
    assert page.evaluate(AUDIT) == ["not one h1", 'no name: <a href="/"></a>']


def test_tab_reaches_every_verdict_and_shows_where_it_is(
    open_as: Open, transactional_db: None
) -> None:
    round_ = make.make_open_round()
    page = open_as(make.make_user(), f"/rate/{round_.run.slug}/")
    reached = []
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    for _press in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUS))
    for choice in ("left", "tie", "both_bad", "right"):
        assert [choice, "solid"] in reached
