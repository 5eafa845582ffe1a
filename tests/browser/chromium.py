"""How browser tests and pictures start Chromium."""

from typing import Any

from tests.get_chromium import ADVICE, find_chromium

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class NoChromium(Exception):
    """There is no Chromium on this machine; the text says how to get one."""


def launch_options() -> dict[str, Any]:
    """Give Playwright's options for the Chromium of this machine.

    Raises:
        NoChromium: there is none.
    """
    path = find_chromium()
    if path is None:
        raise NoChromium(ADVICE)
    return {"executable_path": path, "args": FLAGS}
