"""Virtual volunteers: each has one HTTP/1.1 connection, cookies, and the headers of a browser.

    python -m benchmarks.voting.client < told.json

A process of its own, so that what it takes of the processor can be told apart. It knows just enough
of HTTP for that to be little: an answer has a Content-Length and may be gzip.

What it is told: `port`; `path`; `ahead`, whether the page fetches the next pair ahead, as the
site's does; `volunteers`, their session cookies; and either `seconds` to vote for after `warm_up_s`
seconds, all at once, or `order`, places of volunteers that vote one after another. `watched` names
process ids by a word: what they and their children take of the processor in those seconds is told.
"""

import asyncio
import json
import random
import re
import sys
import time
import zlib
from dataclasses import dataclass
from typing import Any

from benchmarks.voting.processors import Processors

TOKEN = re.compile(rb'name="token" value="([0-9a-f-]{36})"')
TURN = re.compile(rb'name="turn" value="(\d+)"')
CSRF = re.compile(rb"[Ss]et-[Cc]ookie: *csrftoken=([^;]+)")
LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *(\d+)")
NOTE = re.compile(rb'<p class="note[^>]*>([^<]*)')
TIMEOUT_S = 120
FEWEST = 20  # answers that a window must have
CHOICES = ("left", "right", "left", "right", "tie", "both_bad")
BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36\r\nAccept: */*\r\nAccept-Language: en-US,en;q=0.9\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
)


class Refused(Exception):
    """A vote was not taken, or no pair came back: figures would mean nothing."""


@dataclass(frozen=True)
class Answer:
    """What came back: the head as it was sent, the body unpacked."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        """Give the status, such as 200."""
        return int(self.head[9:12])


class Line(asyncio.Protocol):
    """One kept connection; a question at a time."""

    def __init__(self) -> None:
        self._got = bytearray()
        self.is_lost = False
        self._body_at = self._ends_at = 0
        self._waiting: asyncio.Future[tuple[bytes, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport: Any = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Let whoever waits know."""
        self.is_lost = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Refused(f"the server closed the connection ({error})"))

    def ask(self, request: bytes) -> "asyncio.Future[tuple[bytes, bytes]]":
        """Send a request; the head and the body of its answer come when they are whole."""
        self._got.clear()
        self._ends_at = 0
        loop = asyncio.get_running_loop()
        self._waiting = waiting = loop.create_future()
        late = loop.call_later(TIMEOUT_S, self._give_up)
        waiting.add_done_callback(lambda _answered: late.cancel())
        self._transport.write(request)
        return waiting

    def _give_up(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Refused(f"no answer came within {TIMEOUT_S} s"))

    def data_received(self, data: bytes) -> None:
        """Take what came; the answer is whole at its length."""
        self._got += data
        if not self._ends_at:
            at = self._got.find(b"\r\n\r\n")
            if at < 0:
                return
            length = LENGTH.search(self._got, 0, at + 2)
            self._body_at = at + 4
            # An answer such as 304 has no body, and may say no length.
            self._ends_at = self._body_at + (int(length[1]) if length else 0)
        if len(self._got) >= self._ends_at and self._waiting and not self._waiting.done():
            head, body = self._got[: self._body_at], self._got[self._body_at : self._ends_at]
            self._waiting.set_result((bytes(head), bytes(body)))

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


class Volunteer:
    """A browser on the rating page: what it shows, and what it has fetched ahead."""

    def __init__(self, told: dict[str, Any], session: str, seed: int) -> None:
        self._port, self._path, self._ahead = told["port"], told["path"], told["ahead"]
        self._session, self._rng = session, random.Random(seed)
        self._csrf = ""
        self._shown: tuple[str, str] = ("", "0")
        self._next: tuple[str, str] = ("", "0")

    async def open(self) -> None:
        """Load the page, and fetch the pair that comes after the one on it."""
        await self._connect()
        page = await self._ask("GET", self._path, "Sec-Fetch-Mode: navigate\r\n")
        self._shown = self._step(page)
        found = CSRF.search(page.head)
        if found is None:
            raise Refused("no CSRF cookie came with the page")
        self._csrf = found[1].decode()
        if self._ahead:
            fetched = await self._ask("GET", f"{self._path}ahead/?{self._showing(self._shown)}")
            self._next = self._step(fetched)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _transport, self._line = await loop.create_connection(Line, "127.0.0.1", self._port)

    async def vote(self) -> float:
        """Vote on the pair that is shown, and show the next; give the seconds to the answer."""
        token, turn = self._shown
        body = f"token={token}&choice={self._rng.choice(CHOICES if self._ahead else CHOICES[:5])}"
        body += f"&turn={turn}" if turn != "0" else ""
        showing = f"?{self._showing(self._next)}" if self._ahead else ""
        sent_at = time.perf_counter()
        answer = await self._ask("POST", f"{self._path}{showing}", body=body)
        took_s = time.perf_counter() - sent_at
        came = self._step(answer)
        self._shown, self._next = (self._next, came) if self._ahead else (came, came)
        return took_s

    def close(self) -> None:
        """Leave."""
        self._line.close()

    @staticmethod
    def _showing(step: tuple[str, str]) -> str:
        return f"shown={step[0]}&turn={step[1]}"

    async def _ask(self, method: str, path: str, extra: str = "", *, body: str = "") -> Answer:
        """Send a request as a browser does: a fragment is asked for by the page's script."""
        if method == "POST" or "ahead/" in path:
            extra += "HX-Request: true\r\n"
        if method == "POST":
            extra += (
                f"Origin: http://127.0.0.1:{self._port}\r\nX-CSRFToken: {self._csrf}\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n"
                f"Content-Length: {len(body)}\r\n"
            )
        cookies = f"sessionid={self._session}"
        cookies += f"; csrftoken={self._csrf}" if self._csrf else ""
        if self._line.is_lost:  # the server hangs up on whoever has been silent for long
            await self._connect()
        address = f"http://127.0.0.1:{self._port}{self._path}"
        head, packed = await self._line.ask(
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n{BROWSER}"
            f"Referer: {address}\r\nCookie: {cookies}\r\n{extra}\r\n{body}".encode()
        )
        is_packed = b"gzip" in head.lower().partition(b"content-encoding:")[2][:8]
        return Answer(head, zlib.decompress(packed, 31) if is_packed else packed)

    def _step(self, answer: Answer) -> tuple[str, str]:
        """Read the pair that came: its token and turn."""
        found, note = TOKEN.search(answer.body), NOTE.search(answer.body)
        if answer.status != 200 or note or found is None:
            words = note[1].decode() if note else answer.body[:300].decode(errors="replace")
            raise Refused(f"status {answer.status}, {'a note' if found else 'no pair'}: {words}")
        turn = TURN.search(answer.body)
        return found[1].decode(), turn[1].decode() if turn else "0"


async def run(told: dict[str, Any]) -> dict[str, Any]:
    """Vote as told; give the milliseconds of each counted cycle, and of all how many there were."""
    volunteers = [Volunteer(told, session, seed) for seed, session in enumerate(told["volunteers"])]
    await asyncio.gather(*(volunteer.open() for volunteer in volunteers))
    processors = Processors(told.get("watched", {}))
    if "order" in told:
        seconds = [await volunteers[place].vote() for place in told["order"]]
        found = {"ms": [1000 * each for each in seconds], "votes": len(seconds)}
    else:
        found = await _all_at_once(volunteers, told, processors)
    for volunteer in volunteers:
        volunteer.close()
    return found


async def _all_at_once(
    volunteers: list[Volunteer], told: dict[str, Any], processors: Processors
) -> dict[str, Any]:
    """Have all vote as fast as answers come; what is answered within the window counts.

    The window ends with the first answer after `seconds`, and not before there are `FEWEST`.
    """
    begins = time.perf_counter() + told["warm_up_s"]
    ends = begins + told["seconds"]
    ms: list[float] = []
    n_votes, took_s = 0, 0.0
    after: dict[str, float] = {}

    async def watch() -> dict[str, float]:
        await asyncio.sleep(begins - time.perf_counter())
        return processors.seconds()

    async def vote_on(volunteer: Volunteer) -> None:
        nonlocal n_votes, took_s, after
        while not after:
            cycle_s = await volunteer.vote()
            now = time.perf_counter()
            n_votes += 1
            if after or now < begins:
                continue
            ms.append(1000 * cycle_s)
            if now >= ends and len(ms) >= FEWEST:
                took_s, after = now - begins, processors.seconds()

    watching = asyncio.create_task(watch())
    await asyncio.gather(*map(vote_on, volunteers))
    before = await watching
    spent = {name: after[name] - before[name] for name in after}
    return {"ms": ms, "votes": n_votes, "seconds": took_s, "cpu_s": spent}


def main() -> None:
    """Read what is told, vote, and print what was found."""
    told = json.load(sys.stdin)
    try:
        found = asyncio.run(run(told))
    except (Refused, OSError) as error:
        raise SystemExit(f"a volunteer of {told['path']}: {error}") from error
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
