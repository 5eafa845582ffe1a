"""Bytes on the wire for the first and the second visit of the rating page.

    python -m benchmarks.page_weight

A real Chromium with an empty cache opens the page that the production server gives, twice. The two
replies are the longest ones of docs/screenshots.json, with a formula, a table and code; everything
that a run can ask is switched on. Bytes are headers and bodies as they came, by Chromium's Network
events; what it took from its cache costs none. "Plain" is the same with no compression accepted.
"""

import atexit
import json
import os
import shutil
import tempfile
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="kurabe-weight-"))
# Registered first, so run last: after the embedded PostgreSQL under it has stopped.
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
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
from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from annotate.models import ReasonTag, Round, User  # noqa: E402
from annotate.services import serving, simulating  # noqa: E402
from tests import factories as make  # noqa: E402
from tests.browser.chromium import launch_options  # noqa: E402
from tests.browser.weight import Transfer, weigh  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Fill a scratch database, open its rating page, and print what came."""
    call_command("migrate", verbosity=0)
    round_ = make_round()
    user = make.make_volunteer(round_.run)
    with serving.running_site() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        address = f"{url}/rate/{round_.run.slug}/"
        plain, _again = visit_twice(browser, address, user, encoding="identity")
        first, second = visit_twice(browser, address, user)
        browser.close()
    print("| file | plain | first visit | second visit |\n| --- | --- | --- | --- |")
    for row in plain:
        cells = [size_of(row.path, visit) for visit in (plain, first, second)]
        print(f"| {row.path} | {' | '.join(cells)} |")
    print(f"| all | {total(plain)} | **{total(first)}** | {total(second)} |")


def make_round() -> Round:
    """Open a round with a pair to show and one to fetch ahead, in whose run everything is asked."""
    rows = json.loads((ROOT / "docs" / "screenshots.json").read_text(encoding="utf-8"))
    row = max(rows, key=lambda row: len(json.dumps(row["replies"])))
    round_ = make.make_open_round(n_prompts=0)
    longest = sorted(row["replies"], key=lambda turns: len(turns[0]))[-2:]
    for _prompt in range(2):
        prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=row["turns"])
        for candidate, replies in zip(round_.candidates.all(), longest, strict=True):
            make.make_completion(candidate, prompt, replies=replies)
    rules = make.make_rules(round_.run, asks_degree=True, offers_comment=True)
    rules.reasons.set(ReasonTag.objects.all())
    return round_


def visit_twice(
    browser: Browser, address: str, user: User, *, encoding: str = ""
) -> list[list[Transfer]]:
    """Open an address in a new browser, and once more."""
    headers = {"Accept-Encoding": encoding} if encoding else {}
    context = browser.new_context(extra_http_headers=headers)
    session = simulating.sign_in_without_password(user=user)
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": address}
    context.add_cookies([cookie])
    page = context.new_page()
    visits = [weigh(page, address) for _visit in range(2)]
    context.close()
    return visits


def size_of(path: str, visit: list[Transfer]) -> str:
    """Give what came for a path, in words."""
    found = [row.n_bytes for row in visit if row.path == path]
    return f"{sum(found):,}" if found else "cached"


def total(visit: list[Transfer]) -> str:
    """Add up a visit."""
    return f"{sum(row.n_bytes for row in visit):,}"


if __name__ == "__main__":
    main()
