"""An endpoint of an OpenAI-compatible service: what it answers, and how well it is."""

from __future__ import annotations

import asyncio
import email.utils
import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from annotate.generation.engines.options import OpenAIOptions
from annotate.generation.rows import JobError

CONNECT_S = 10.0
# Whoever asks us to wait longer is asked again after this long.
LONGEST_RETRY_AFTER_S = 600.0
# Statuses that no repetition mends: a wrong key, a wrong address, a model that is not served.
_REFUSALS = frozenset({401, 402, 403, 404, 405})
_BUSY = 429
_TIMED_OUT = 408


class RequestRefused(Exception):
    """The service does not accept this one request, and never will."""


@dataclass
class AttemptFailed(Exception):
    """An attempt that may succeed another time or elsewhere.

    `wait_s` is what the service asked for. A busy service is well; one that refuses everything
    is not asked again.
    """

    message: str
    wait_s: float = 0.0
    is_busy: bool = False
    is_refusal: bool = False


@dataclass
class Endpoint:
    """One address, its connections and its health.

    It rests after so many failures in a row, is probed while it rests, and is lost once so many
    probes in a row have failed; even then a probe that is answered brings it back.
    """

    address: str
    options: OpenAIOptions
    client: httpx.AsyncClient
    version: str = ""
    context: int | None = None
    last_error: str = ""
    n_failures: int = 0
    n_probes: int = 0
    is_refused: bool = False
    pause_until: float = 0.0
    awake: asyncio.Event = field(default_factory=asyncio.Event)
    fallen: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.awake.set()

    @property
    def is_lost(self) -> bool:
        """Say whether it rests and has answered none of its probes."""
        return self.is_refused or (self.fallen.is_set() and self.n_probes >= self.options.probes)

    async def wait_until_well(self) -> None:
        """Wait while it rests, or while it asked to be left alone."""
        await self.awake.wait()
        while (seconds := self.pause_until - time.monotonic()) > 0:
            await asyncio.sleep(seconds)
            await self.awake.wait()

    def is_ready(self) -> bool:
        """Say whether it may be asked now."""
        return self.awake.is_set() and self.pause_until <= time.monotonic()

    def note_success(self) -> None:
        """Forget the failures before."""
        self.n_failures = 0

    def note_failure(self, failure: AttemptFailed) -> None:
        """Count a failure; the endpoint rests after too many in a row."""
        self.last_error = failure.message
        self.pause_until = max(self.pause_until, time.monotonic() + failure.wait_s)
        if failure.is_busy:
            return
        self.n_failures += 1
        self.is_refused = self.is_refused or failure.is_refusal
        if self.is_refused or self.n_failures >= self.options.failures_to_rest:
            self.awake.clear()
            self.fallen.set()

    async def probe(self) -> None:
        """Ask it for something small; any answer but an error of the service wakes it."""
        try:
            async with asyncio.timeout(min(self.options.timeout_s, CONNECT_S)):
                status = (await self.client.get(f"{self.address}/models")).status_code
        except (httpx.HTTPError, TimeoutError) as error:
            self.n_probes += 1
            self.last_error = describe(error)
            return
        if status >= 500 or status == _TIMED_OUT:
            self.n_probes += 1
            self.last_error = f"HTTP {status}"
            return
        # One more failure lets it rest again.
        self.n_failures, self.n_probes = self.options.failures_to_rest - 1, 0
        self.fallen.clear()
        self.awake.set()

    async def look(self, model: str) -> None:
        """Learn the server's version and the model's context, where it tells; else nothing."""
        found = await self._get_json(f"{self.address}/models")
        for entry in found.get("data") or ():
            if isinstance(entry, dict) and entry.get("id") == model:
                context = entry.get("max_model_len")
                self.context = context if isinstance(context, int) and context > 0 else None
        version = (await self._get_json(f"{self.address.removesuffix('/v1')}/version")).get(
            "version"
        )
        self.version = f"vllm {version}" if isinstance(version, str) and version else ""

    async def _get_json(self, address: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(min(self.options.timeout_s, CONNECT_S)):
                response = await self.client.get(address)
            found = response.json() if response.is_success else None
        except (httpx.HTTPError, TimeoutError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request; raises AttemptFailed or RequestRefused."""
        try:
            async with asyncio.timeout(self.options.timeout_s):
                response = await self.client.post(f"{self.address}{path}", json=body)
        except (httpx.HTTPError, TimeoutError) as error:
            raise AttemptFailed(describe(error)) from error
        if not response.is_success:
            raise _read_refusal(response, self.options)
        try:
            answer = response.json()
        except ValueError as error:
            raise AttemptFailed("an answer that is no JSON") from error
        if not isinstance(answer, dict):
            raise AttemptFailed("an answer that is no JSON object")
        return answer


def connect(options: OpenAIOptions) -> list[Endpoint]:
    """Open the endpoints; raises JobError where the key's variable is not set."""
    headers = {}
    if options.api_key_env:
        headers["Authorization"] = f"Bearer {read_key(options)}"
    limits = httpx.Limits(max_connections=options.concurrency + 1)
    timeout = httpx.Timeout(options.timeout_s, connect=min(CONNECT_S, options.timeout_s))
    return [
        Endpoint(
            address=address,
            options=options,
            client=httpx.AsyncClient(headers=headers, limits=limits, timeout=timeout),
        )
        for address in options.endpoints
    ]


def read_key(options: OpenAIOptions) -> str:
    """Return the key of the named variable, or of the file that NAME_FILE names.

    Raises:
        JobError: there is none, or it is no key.
    """
    file = os.environ.get(f"{options.api_key_env}_FILE")
    try:
        key = Path(file).read_text("utf-8") if file else os.environ.get(options.api_key_env, "")
    except (OSError, ValueError) as error:
        raise JobError(f"{options.api_key_env}_FILE names a file that cannot be read") from error
    key = key.strip()
    if not key:
        raise JobError(
            f"api_key_env names {options.api_key_env}, and no such variable is set where this "
            "engine runs; set it for the worker"
        )
    if not key.isascii() or not key.isprintable():
        raise JobError(f"{options.api_key_env} holds signs that no key has")
    return key


def none_is_left(endpoints: list[Endpoint]) -> str:
    """Name each endpoint with its last error."""
    named = "; ".join(f"{each.address}: {each.last_error}" for each in endpoints)
    return f"no endpoint is left. {named}"


def backoff(*, seed: int, attempt: int, options: OpenAIOptions) -> float:
    """Return the seconds to wait before attempt 1, 2, ...: doubled each time, with jitter.

    The jitter is drawn by the request's seed, so that requests that failed together part.
    """
    longest = min(options.max_backoff_s, options.backoff_s * 2.0 ** min(attempt - 1, 32))
    return longest * random.Random(f"{seed}/{attempt}").uniform(0.5, 1.0)  # noqa: S311 - drawn by a seed


def describe(error: BaseException) -> str:
    """Say in a few words how a connection failed."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "no answer in time"
    return " ".join(str(error).split()) or type(error).__name__


def _read_refusal(response: httpx.Response, options: OpenAIOptions) -> Exception:
    """Tell from an answer that is none whether another attempt makes sense."""
    status = response.status_code
    message = f"HTTP {status}: {_read_message(response, options)}"
    if status in _REFUSALS:
        return AttemptFailed(message, is_refusal=True)
    if status == _BUSY:
        return AttemptFailed(message, wait_s=_read_retry_after(response), is_busy=True)
    if status >= 500 or status == _TIMED_OUT or response.is_redirect:
        return AttemptFailed(message, wait_s=_read_retry_after(response))
    return RequestRefused(message)


def _read_message(response: httpx.Response, options: OpenAIOptions) -> str:
    """Return what the service says, shortened; it may repeat a key, which is taken out."""
    try:
        found = response.json()
    except ValueError:
        found = response.text
    if isinstance(found, dict):
        found = found.get("error", found.get("detail", found.get("message", found)))
    if isinstance(found, dict):
        found = found.get("message", found)
    text = " ".join(str(found).split())
    if options.api_key_env:
        text = text.replace(read_key(options), "(key)")
    return text[:500] or "no message"


def _read_retry_after(response: httpx.Response) -> float:
    """Read `Retry-After`, seconds or a date (RFC 9110, 10.2.3), as seconds from now."""
    given = response.headers.get("Retry-After", "")
    try:
        seconds = float(given)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(given).timestamp() - time.time()
        except ValueError:
            return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S) if seconds == seconds else 0.0
