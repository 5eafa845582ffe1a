"""Make sure that the browser tests have a Chromium: Debian's as root, else Playwright's own."""

import os
import shutil
import subprocess
import sys

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ADVICE = """No Chromium for the browser tests. Install one and run this again:
  Debian, Ubuntu:   apt-get install chromium
  anything else:    .venv/bin/playwright install chromium
or name the one you have: KURABE_CHROMIUM=/path/to/chromium"""


def find_chromium() -> str | None:
    """Give the path of a Chromium: the one named, one on the PATH, or Playwright's own."""
    if named := os.environ.get("KURABE_CHROMIUM"):
        return named
    for name in NAMES:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.path.exists(path) else None


def main() -> int:
    """Look for a Chromium, and install one if there is none."""
    if find_chromium():
        return 0
    attempts: list[list[list[str]]] = [
        [[sys.executable, "-m", "playwright", "install", "chromium"]]
    ]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
        attempts.insert(
            0, [[*apt, "update"], [*apt, "install", "-y", "chromium", "fonts-noto-cjk"]]
        )
    for commands in attempts:
        print("Installing a Chromium for the browser tests ...", flush=True)
        quiet = {
            "stdout": subprocess.DEVNULL,
            "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        }
        succeeded = [subprocess.run(command, check=False, **quiet) for command in commands]
        if not any(process.returncode for process in succeeded) and find_chromium():
            return 0
    print(ADVICE, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
