"""A real Chromium, in front of a real server, on a real database."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)
from pytest_django.live_server_helper import LiveServer

from annotate.models import User
from tests.browser.chromium import launch_options
from tests.views.conftest import home

__all__ = ["browser", "home", "live_server", "open_as"]

Open = Callable[..., Page]
WAIT_MS = 20_000  # a busy machine is slow, and not wrong
ANSWER_MS, STEP_MS = 2_000, 20
# How Chromium and htmx report answers from 400 on, and lines that are cut: tests ask for those.
REFUSED = ("Failed to load resource", "htmx:sendError", "htmx:afterRequest")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium once for all tests."""
    # Playwright keeps an event loop in this thread, and Django would refuse to query beside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(**launch_options())
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def live_server() -> Iterator[LiveServer]:
    """Serve the site with its own static files: compressed and cached as in production."""
    server = LiveServer("localhost", start=False)
    server.thread.static_handler = lambda application: application
    server.start()
    yield server
    server.stop()


@pytest.fixture
def open_as(browser: Browser, live_server: Any) -> Iterator[Open]:
    """Give a function that opens a page in a new browser in which a user is signed in.

    Errors of scripts and of the content security policy fail the test when it ends.
    """
    faults: list[str] = []
    contexts = []
    in_flight: set[Request] = set()

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(REFUSED):
            faults.append(message.text)

    def open_page(user: User | None, path: str, **options: Any) -> Page:
        options = {"viewport": {"width": 1280, "height": 800}, "locale": "en"} | options
        context = browser.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        context.on("request", lambda request: in_flight.add(request))
        context.on("requestfinished", lambda request: in_flight.discard(request))
        context.on("requestfailed", lambda request: in_flight.discard(request))
        if user is not None:
            client = Client()
            client.force_login(user)
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session}
            context.add_cookies([{**cookie, "url": live_server.url}])
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        # What pages have asked for by themselves is answered before the database is emptied.
        for page in context.pages[:1]:
            for _attempt in range(ANSWER_MS // STEP_MS):
                page.wait_for_timeout(STEP_MS)
                if not in_flight:
                    break
        context.close()
    assert faults == []
