"""Browsers that vote, keep each vote until the site has confirmed it, and remember which it has."""

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from annotate.services.simulating import RatingPage, read_page

TIMEOUT_S = 20


@dataclass
class Voter:
    """One browser: it sends a vote again and again, as `queue.js` does, until it is confirmed.

    `kept` are the confirmed votes: what was chosen, by the comparison's token. `sent` are all
    that ever left the browser. `times` each confirmed vote is sent in all.
    """

    url: str
    path: str
    session: str
    seed: int
    times: int = 1
    kept: dict[str, str] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    refused: list[tuple[int, str]] = field(default_factory=list)
    n_attempts: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    has_ended: bool = False

    def vote_until(self, over: threading.Event) -> None:
        """Vote until the event is set, or nothing is left."""
        draw = random.Random(self.seed)
        with httpx.Client(
            base_url=self.url, cookies={"sessionid": self.session}, timeout=TIMEOUT_S
        ) as client:
            page: RatingPage | None = None
            while not over.is_set():
                page = page or self._look(client, over)
                if page is None or page.nothing_left:
                    self.has_ended = page is not None
                    return
                page = self._vote(client, page, draw.choice(["left", "right", "tie"]), over)

    def _look(self, client: httpx.Client, over: threading.Event) -> RatingPage | None:
        while not over.is_set():
            answer = self._send(client, "GET", {})
            if answer is not None and answer.status_code == 200:
                page = read_page(answer.text)
                if page.has_comparison or page.nothing_left:
                    return page
            over.wait(0.2)
        return None

    def _vote(
        self, client: httpx.Client, page: RatingPage, choice: str, over: threading.Event
    ) -> RatingPage | None:
        """Send a vote until it is confirmed; give the page that came with the answer."""
        token = page.form["token"]
        self.sent.add(token)
        answer = None
        n_confirmed = 0
        while n_confirmed < self.times:
            answer = self._send(client, "POST", {**page.form, "choice": choice})
            if answer is not None and answer.status_code == 200 and 'id="progress"' in answer.text:
                self.kept[token] = choice
                n_confirmed += 1
            elif answer is not None and answer.status_code == 429:
                over.wait(min(5, int(answer.headers["Retry-After"])))
            elif answer is not None and 400 <= answer.status_code < 500:
                self.refused.append((answer.status_code, token))
                return None
            elif over.is_set():
                return None  # unconfirmed: it may be there or not, and once at the most
            else:
                over.wait(0.2)
        if answer is None:
            return None
        after = read_page(answer.text)
        return after if after.has_comparison or after.nothing_left else None

    def _send(self, client: httpx.Client, method: str, form: dict[str, str]) -> Any:
        headers = {"HX-Request": "true", "Referer": self.url}
        if csrf := client.cookies.get("csrftoken"):
            headers["X-CSRFToken"] = csrf
        self.n_attempts += 1
        try:
            answer = client.request(method, self.path, data=form or None, headers=headers)
        except httpx.TransportError as error:
            self._count(type(error).__name__)
            return None
        self._count(str(answer.status_code))
        return answer

    def _count(self, what: str) -> None:
        self.statuses[what] = self.statuses.get(what, 0) + 1


class Crowd:
    """Voters at work, each in a thread, while the block runs."""

    def __init__(self, url: str, path: str, sessions: list[str], *, times: int = 1) -> None:
        self.voters = [
            Voter(url=url, path=path, session=session, seed=number, times=times)
            for number, session in enumerate(sessions)
        ]
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=voter.vote_until, args=[self._over]) for voter in self.voters
        ]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def n_kept(self) -> int:
        """Count the votes that the site has confirmed."""
        return sum(len(voter.kept) for voter in self.voters)

    @property
    def n_failed(self) -> int:
        """Count the requests that were not answered, or with an error."""
        return sum(n for what, n in self.told().items() if what != "200")

    @property
    def kept(self) -> dict[str, str]:
        """Give the confirmed votes by token."""
        return {token: choice for voter in self.voters for token, choice in voter.kept.items()}

    def wait_for(self, n_more: int, *, seconds: float = 120) -> float:
        """Wait for so many more confirmed votes; give how many seconds that took."""
        wanted, began = self.n_kept + n_more, time.monotonic()
        while self.n_kept < wanted:
            assert time.monotonic() - began < seconds, f"no votes: {self.told()}"
            assert not all(voter.has_ended for voter in self.voters), "nothing is left to vote on"
            time.sleep(0.02)
        return time.monotonic() - began

    def told(self) -> dict[str, int]:
        """Count what the site answered, by status or fault of the connection."""
        counted: dict[str, int] = {}
        for voter in self.voters:
            for what, n in voter.statuses.items():
                counted[what] = counted.get(what, 0) + n
        return counted
