"""A decision in a real Chromium: on paper, and as a file that is opened from a disk."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from annotate.models import SelectionRun, User
from annotate.services.deciding import decide_run
from tests import factories as make
from tests.browser.conftest import Open
from tests.services.deciding.polls import open_grid, poll, prefer_first

A4_MM = (210, 297)
# What sticks out to the right of the paper's margins would be cut off.
TOO_WIDE = """() => [...document.querySelectorAll("main *")].filter((element) =>
  element.getBoundingClientRect().right > document.documentElement.clientWidth + 1
  && element.getClientRects().length && !element.closest(".unseen"))
  .map((element) => element.outerHTML.slice(0, 90))"""


@pytest.fixture
def researcher(transactional_db: None) -> User:
    return make.make_user("researcher")


@pytest.fixture
def run(transactional_db: None) -> SelectionRun:
    """A run of 16 candidates, so that rows are folded away."""
    models = tuple(f"shisa-ai/shisa-7b-v1.{n}" for n in range(4))
    round_ = open_grid(models=models, temperatures=(0.1, 0.4, 0.7, 1.0))
    poll(round_, n_annotators=6, favours=prefer_first)
    decide_run(run=round_.run)
    decided: SelectionRun = round_.run
    return decided


def lay_on_paper(page: Page) -> None:
    """Give the page the width that is left between the margins of A4, at 96 dots an inch."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": round((A4_MM[0] - 2 * 14) / 25.4 * 96), "height": 1000})


def test_paper_has_the_whole_decision_and_no_navigation(
    open_as: Open, researcher: User, run: SelectionRun
) -> None:
    page = open_as(researcher, f"/runs/{run.slug}/decided/")
    folded = page.locator("#standings details tbody th").last
    expect(folded).to_be_hidden()
    lay_on_paper(page)
    expect(folded).to_be_visible()
    for gone in (".site", ".crumbs", ".actions", "#decide"):
        for element in page.locator(gone).all():
            expect(element).to_be_hidden()
    expect(page.locator(".lead.found")).to_be_visible()
    expect(page.locator("svg.bar").first).to_be_visible()
    assert page.evaluate(TOO_WIDE) == []


def test_pdf_is_of_a4_pages(open_as: Open, researcher: User, run: SelectionRun) -> None:
    page = open_as(researcher, f"/runs/{run.slug}/decided/")
    pdf = page.pdf(prefer_css_page_size=True)
    boxes = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf))
    points = {tuple(round(float(side) * 25.4 / 72) for side in box) for box in boxes}
    assert points == {A4_MM}
    assert len(re.findall(rb"/Type /Page\b", pdf)) >= 2


def test_file_opens_from_a_disk_and_asks_for_nothing(
    open_as: Open, researcher: User, run: SelectionRun, tmp_path: Path
) -> None:
    page = open_as(researcher, f"/runs/{run.slug}/decided/")
    answer = page.request.get(f"/runs/{run.slug}/decided/1/decision.html")
    path = tmp_path / "decision.html"
    path.write_bytes(answer.body())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    expect(page.locator(".lead.found")).to_contain_text("shisa-ai/shisa-7b-v1.0")
    # Styled by the sheet that it carries.
    assert page.locator(".lead.found").evaluate("e => getComputedStyle(e).borderLeftWidth") == "4px"
    assert asked == [path.as_uri()]
    lay_on_paper(page)
    assert page.evaluate(TOO_WIDE) == []
