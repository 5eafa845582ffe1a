"""What a page that holds hostile texts must not do, looked for in a real browser."""

import time
from typing import Any

from playwright.sync_api import Page, Request

from annotate.models import User
from tests.browser.conftest import Open

NARROW, WIDE = 390, 1280
WIDTHS = (NARROW, WIDE)
SLOW_S = 60.0  # a page takes a fifth of a second; machines are busy, and not this busy

# What was refused by the page's policy is told to it; Playwright's own script stands outside.
WATCH = """
window.__refused = [];
addEventListener("securitypolicyviolation", (event) =>
  __refused.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
AUDIT = """() => {
  const widest = () => [...document.querySelectorAll("main *")].filter((element) =>
    element.scrollWidth > innerWidth && getComputedStyle(element).overflowX === "visible").at(-1);
  const faults = [...window.__refused];
  if (window.__ran !== undefined) faults.push("a script ran");
  if (document.documentElement.scrollWidth > innerWidth) {
    const last = [...document.querySelectorAll("body *")].filter((element) =>
      element.getBoundingClientRect().right > innerWidth
        && !element.closest(".scroll, .wide, .text, pre, svg, table .text")).at(-1);
    faults.push(`${document.documentElement.scrollWidth} wide of ${innerWidth}`
      + ` by ${(last ?? widest())?.outerHTML.slice(0, 90)}`);
  }
  const strange = ["script:not([src], [type='application/json'])", "style", "iframe", "object",
    "embed", "base", "meta[http-equiv]"];
  for (const tag of strange)
    if (document.querySelector(`body ${tag}, head > base`)) faults.push(`there is a ${tag}`);
  for (const element of document.querySelectorAll("*"))
    for (const { name } of element.attributes)
      if (/^on/i.test(name) || name === "style" && !element.closest("svg, #plot, figure"))
        faults.push(`${element.tagName} has ${name}`);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  const twice = ids.filter((id, i) => ids.indexOf(id) !== i);
  if (twice.length) faults.push(`twice: ${twice.slice(0, 3)}`);
  return faults;
}"""
# Every verdict is in view, whole, and what a finger meets there.
VERDICT = """() => {
  const buttons = [...document.querySelectorAll("#verdict button[name=choice]:not([hidden])")];
  if (buttons.length < 2) return [`${buttons.length} verdicts`];
  return buttons.flatMap((button) => {
    const box = button.getBoundingClientRect();
    const isWhole = box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight + 1
      && box.right <= innerWidth + 1 && box.width >= 24 && box.height >= 24;
    const met = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const faults = [];
    if (!isWhole) faults.push(`verdict ${button.value} is not whole in view`);
    if (!button.contains(met)) faults.push(`verdict ${button.value} is covered`);
    return faults;
  });
}"""


class Watched:
    """A page whose every request and refusal is kept."""

    def __init__(self, open_as: Open, user: User | None, **options: Any) -> None:
        self.page: Page = open_as(user, "/sign-in/", **options)
        self.page.context.add_init_script(WATCH)
        own = self.page.evaluate("location.origin")
        self.strays: list[str] = []

        def look_at(request: Request) -> None:
            if not request.url.startswith((f"{own}/", "data:image/svg+xml")):
                self.strays.append(request.url)

        self.page.context.on("request", look_at)
        self.page.on("dialog", lambda dialog: self.strays.append(dialog.message))
        self.page.on("framenavigated", lambda frame: self._look_at_frame(frame.parent_frame))
        self.page.context.on("page", lambda page: self.strays.append(f"a window: {page.url}"))
        self.page.on("download", lambda download: self.strays.append(f"a file: {download.url}"))

    def _look_at_frame(self, parent: object) -> None:
        if parent is not None:
            self.strays.append("a frame")

    def open(self, address: str) -> None:
        """Go to a page."""
        begin = time.perf_counter()
        answer = self.page.goto(address, timeout=2_000 * SLOW_S)
        if time.perf_counter() - begin > SLOW_S:
            self.strays.append(f"{time.perf_counter() - begin:.0f} s")
        if answer is not None and answer.status >= 500:
            self.strays.append(f"status {answer.status}")

    def list_faults(
        self, *, is_rating: bool = False, widths: tuple[int, ...] = WIDTHS
    ) -> list[str]:
        """List what is wrong with the page as it is open, at each width."""
        found: list[str] = []
        for width in widths:
            self.page.set_viewport_size({"width": width, "height": 800})
            found += self.page.evaluate(AUDIT)
            if is_rating:
                found += self.page.evaluate(VERDICT)
        strays, self.strays = self.strays, []
        return found + strays
