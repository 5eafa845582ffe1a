"""The rating page is light, and nothing on it jumps."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from annotate.models import Round
from tests import factories as make
from tests.browser.conftest import Open
from tests.browser.weight import weigh

BUDGET_BYTES = 60_000
SETTLE_MS = 450
WORDS = "moss grows where shade and rain meet stone; sweep leaves, press edges, wait a season"

# Before any script of the page: every shift that Chromium sees, those after a key or click too.
WATCH = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const shift of list.getEntries())
      window.shifts.push([shift.value, ...shift.sources.map(({ node, previousRect, currentRect }) =>
        `${node?.nodeName}.${node?.className} ${previousRect.y} -> ${currentRect.y}`)]);
  }).observe({ type: "layout-shift", buffered: true });
}"""


@pytest.fixture
def round_(transactional_db: None) -> Round:
    """Open a round of long and short replies, in whose run everything is asked."""
    round_ = make.make_open_round(n_prompts=0)
    prompt_set = round_.run.prompt_sets.get()
    for number in range(12):
        prompt = make.make_prompt(prompt_set)
        for candidate in round_.candidates.all():
            reply = make_reply(number + 10 * candidate.pk, n_lines=2 + 5 * number)
            make.make_completion(candidate, prompt, replies=[reply])
    make.make_rules(round_.run, asks_degree=True, offers_comment=True)
    return round_


def make_reply(seed: int, *, n_lines: int) -> str:
    """Write Markdown of so many lines that no other seed writes."""
    words = WORDS.split()
    lines = [
        " ".join(words[(seed + n * (1 + w % 7)) % len(words)] for w in range(14)) + f" {seed}.{n}."
        for n in range(n_lines)
    ]
    return "### Answer\n\n" + "\n\n".join(lines) + "\n\n```python\nprint(1)\n```\n\n$a^2$"


def test_first_rating_page_keeps_to_its_budget(open_as: Open, round_: Round) -> None:
    page = open_as(make.make_volunteer(round_.run), "about:blank")
    transfers = weigh(page, f"/rate/{round_.run.slug}/")
    assert {transfer.path for transfer in transfers} >= {
        f"/rate/{round_.run.slug}/",
        "/static/kurabe/kurabe.css",
        "/static/kurabe/rating.js",
        "/static/django_htmx/htmx-2.min.js",
    }
    assert sum(transfer.n_bytes for transfer in transfers) <= BUDGET_BYTES, transfers


def test_second_rating_page_comes_without_its_files(open_as: Open, round_: Round) -> None:
    page = open_as(make.make_volunteer(round_.run), "about:blank")
    address = f"/rate/{round_.run.slug}/"
    weigh(page, address)
    assert {transfer.path for transfer in weigh(page, address)} == {address, f"{address}ahead/"}


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])
def test_nothing_jumps_on_the_way_through_five_votes(
    width: int, open_as: Open, round_: Round
) -> None:
    page = open_as(
        make.make_volunteer(round_.run), "about:blank", viewport={"width": width, "height": 800}
    )
    page.add_init_script(f"({WATCH})()")
    page.goto(f"/rate/{round_.run.slug}/")
    for number in range(1, 6):
        page.wait_for_timeout(SETTLE_MS)
        for view in ("Plain", "Differences", "Rendered"):
            page.get_by_role("link", name=view).click()
            expect(page.get_by_role("link", name=view)).to_have_attribute("aria-current", "true")
        page.wait_for_timeout(SETTLE_MS)
        page.locator("button[name=choice]").first.click()
        expect(page.locator("#progress")).to_contain_text(f"{number} in all")
    assert list_shifts(page) == []


def test_shift_is_seen(open_as: Open, round_: Round) -> None:
    """The test above can fail."""
    page = open_as(make.make_volunteer(round_.run), "about:blank")
    page.add_init_script(f"({WATCH})()")
    page.goto(f"/rate/{round_.run.slug}/")
    page.wait_for_timeout(SETTLE_MS)
    page.evaluate("document.querySelector('main').prepend(document.createElement('h2'))")
    page.evaluate("document.querySelector('main > h2').append('A late arrival')")
    assert "SECTION.stage" in str(list_shifts(page))


def list_shifts(page: Page) -> list[list[object]]:
    """Give every shift until now: its size, and what moved."""
    page.wait_for_timeout(SETTLE_MS)
    shifts: list[list[object]] = page.evaluate("window.shifts")
    return shifts


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("opening", ['<div class="account">', '<details class="menu" name="menu">'])
def test_nothing_jumps_where_the_page_comes_in_two_parts(
    opening: str, width: int, open_as: Open, round_: Round, live_server: Any
) -> None:
    """A slow line may pause anywhere; here it does so in the header, or within the row of tools."""
    page = open_as(
        make.make_volunteer(round_.run), "about:blank", viewport={"width": width, "height": 800}
    )
    page.add_init_script(f"({WATCH})()")
    whole = page.request.get(f"/rate/{round_.run.slug}/").text()
    place = whole.index(opening) + len(opening)
    with in_two_parts(whole[:place], whole[place:], files=live_server.url) as address:
        page.goto(address)
        expect(page.locator(".stage")).to_have_css("display", "flex")  # the style is there
        assert list_shifts(page) == []


@contextmanager
def in_two_parts(first: str, second: str, *, files: str) -> Iterator[str]:
    """Serve a page whose second part comes half a second after the first; give its address.

    Args:
        files: the site that has the page's files, which a page may load from its own site only.
    """

    class Slowly(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/":
                with urlopen(files + self.path) as answer:  # noqa: S310 - the tests' own server
                    self.send_response(200)
                    self.send_header("Content-Type", answer.headers["Content-Type"])
                    self.end_headers()
                    self.wfile.write(answer.read())
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(first.encode())
            time.sleep(0.5)
            self.wfile.write(second.encode())

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slowly)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
