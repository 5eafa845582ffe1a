"""Waiting for what comes by itself, in another process or in a page."""

import time
from collections.abc import Callable

STEP_S = 0.05


def wait_until(is_so: Callable[[], bool], *, seconds: float = 60) -> None:
    """Look again and again; fail after so many seconds.

    In a browser this stands in for Playwright's `wait_for_function`, which has pages evaluate
    text: the site's content security policy refuses that.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(STEP_S)
