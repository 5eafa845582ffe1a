"""How long after a key the next pair stands on the rating page, in a real Chromium.

    python -m benchmarks.rating_swap [--votes 40]

The site runs on this machine with its production server, on an embedded database of its own. The
time is taken in the page: from the key's event to the second frame after the change, when the new
pair has been painted. `answer` is the vote's own way to the site and back, which nobody waits for.
"""

import argparse
import atexit
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = Path(tempfile.mkdtemp(prefix="kurabe-swap-"))
# Registered first, so run last: after the embedded PostgreSQL under it has stopped.
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
sys.path.insert(0, str(ROOT))
os.environ.pop("DATABASE_URL", None)
os.environ.update(
    KURABE_HOME=str(HOME),
    DJANGO_SETTINGS_MODULE="annotate.settings",
    # Playwright keeps an event loop in this thread, and Django would refuse to query beside it.
    DJANGO_ALLOW_ASYNC_UNSAFE="true",
)

import django  # noqa: E402  it reads the home that was just made

django.setup()

from django.conf import settings  # noqa: E402  as above
from django.core.management import call_command  # noqa: E402
from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402

from annotate.models import Round, User  # noqa: E402
from annotate.services import serving, simulating  # noqa: E402
from tests import factories as make  # noqa: E402
from tests.browser.chromium import launch_options  # noqa: E402

SETTLE_MS = 450  # a pair that has just appeared takes no vote for about so long
PARAGRAPH = (
    "A sentence with some **weight** in it, and `code` beside it. " * 4
    + "\n\n- one point\n- another, with $a^2 + b^2$\n\n"
)
TEXTS = {
    "short, 60 characters": "A short answer, " * 4,
    "usual, 1,500 characters": PARAGRAPH * 5,
    "long, 20,000 characters": PARAGRAPH * 68,
    "Japanese, 4,000 characters": "東京の冬は乾燥した晴天の日が多く、日本海側とは対照的です。"
    * 140,
}
WATCH = """() => {
  window.swaps = [];
  let struckAt = 0;
  document.addEventListener("keydown", (event) => { struckAt = event.timeStamp; }, true);
  document.addEventListener("stage:shown", () => {
    const frame = window.requestAnimationFrame;
    frame(() => frame(() => window.swaps.push(performance.now() - struckAt)));
  });
}"""
ANSWERS = """performance.getEntriesByType("resource")
  .filter((entry) => entry.name.includes("/?shown=") && !entry.name.includes("/ahead/"))
  .map((entry) => entry.duration)"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--votes", type=int, default=40, help="on each kind of texts")
    n_votes = parser.parse_args().votes
    call_command("migrate", verbosity=0)
    print(f"{'texts':28}{'votes':>7}{'median':>9}{'p95':>9}{'most':>9}{'answer':>9}   ms")
    with serving.running_site() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        for name, text in TEXTS.items():
            round_ = make_round(text, n_pairs=n_votes + 3)
            page = open_page(browser, url, round_, make.make_volunteer(round_.run))
            swaps, answers = measure(page, n_votes)
            numbers = [statistics.median(swaps), percentile(swaps, 95), max(swaps)]
            numbers.append(statistics.median(answers))
            print(f"{name:28}{len(swaps):7}" + "".join(f"{number:9.1f}" for number in numbers))
        browser.close()


def make_round(text: str, *, n_pairs: int) -> Round:
    """Open a round of so many pairs, whose texts differ in their last words."""
    round_ = make.make_open_round(n_prompts=0)
    for number in range(n_pairs):
        prompt = make.make_prompt(round_.run.prompt_sets.get())
        for candidate in round_.candidates.all():
            make.make_completion(candidate, prompt, replies=[f"{text} {candidate.pk} {number}"])
    return round_


def open_page(browser: Browser, url: str, round_: Round, user: User) -> Page:
    """Open the rating page with a user signed in."""
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 800})
    session = simulating.sign_in_without_password(user=user)
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url}])
    page = context.new_page()
    page.goto(f"/rate/{round_.run.slug}/")
    page.evaluate(WATCH)
    return page


def measure(page: Page, n_votes: int) -> tuple[list[float], list[float]]:
    """Vote by key, unhurried; give the milliseconds of each change, and of each answer."""
    for number in range(1, n_votes + 1):
        page.wait_for_timeout(SETTLE_MS)
        page.keyboard.press("1" if number % 2 else "4")
        expect(page.locator("#progress")).to_contain_text(f"{number} in all")
        page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLE_MS)
    return page.evaluate("window.swaps"), page.evaluate(ANSWERS)


def percentile(numbers: list[float], percent: int) -> float:
    """Give the number that so many per cent do not exceed."""
    return statistics.quantiles(numbers, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main()
