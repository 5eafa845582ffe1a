"""Programs that do what no browser would: they send what they like, as fast as they can."""

import re
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
from django.conf import settings
from django.test import Client

from annotate.models import Round, User


@dataclass
class Script:
    """A program with the cookies of an account, or of nobody, at a server."""

    url: str
    user: User | None = None
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        """Take the cookies that signing in gives."""
        self.http = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        if self.user is not None:
            client = Client()
            client.force_login(self.user)
            name = settings.SESSION_COOKIE_NAME
            self.http.cookies.set(name, client.cookies[name].value)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Hang up."""
        self.http.close()

    def get(self, address: str, **options: Any) -> httpx.Response:
        """Ask for a page."""
        return self.http.get(address, **options)

    def post(self, address: str, **sent: Any) -> httpx.Response:
        """Send a form, with what keeps other sites from doing so."""
        if "csrftoken" not in self.http.cookies:
            self.http.get(address)
        headers = {"X-CSRFToken": self.http.cookies.get("csrftoken", "")}
        return self.http.post(address, data=sent, headers=headers)

    def find_token(self, round_: Round) -> str:
        """Read which comparison is before the account."""
        page = self.get(address_of(round_)).text
        found = re.search(r'name="token" value="([^"]+)"', page)
        return found[1] if found else ""

    def vote(self, round_: Round, token: str = "", choice: str = "left") -> httpx.Response:
        """Vote on a comparison, by default the one at hand."""
        token = token or self.find_token(round_)
        return self.post(address_of(round_), token=token, choice=choice)


def address_of(round_: Round) -> str:
    """Give the address of a run's rating page."""
    return f"/rate/{round_.run.slug}/"
