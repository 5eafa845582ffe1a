"""How often the API may be asked: by each token, and from each address without a token that holds.

Requests are counted where attempts to sign in are, by django-allauth in the database's cache, so
all processes of the site count together. A process takes a block of a token's requests at once and
gives them out by itself: one request in `BLOCK` writes anything.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from threading import Lock

from allauth.core.internal import ratelimit
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from annotate.models import ApiToken

WINDOW_S = 60
BLOCK = 20
# A block that nobody used up by then is taken anew, so that little of an older minute is left.
BLOCK_LASTS_S = 10


@dataclass(frozen=True)
class Standing:
    """How much of a quota is left.

    Attributes:
        policy: its name, `token` or `failures`.
        quota: requests in a window.
        left: requests that are left now, as far as this process knows.
        reset_s: seconds until some come back.
    """

    policy: str
    quota: int
    left: int
    reset_s: int

    def headers(self) -> Mapping[str, str]:
        """Say it as draft-ietf-httpapi-ratelimit-headers does."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={WINDOW_S}',
            "RateLimit": f'"{self.policy}";r={self.left};t={self.reset_s}',
        }


class TooManyRequests(Exception):
    """A quota is used up; `standing` says when some of it comes back."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing)
        self.standing = standing


@dataclass
class _Block:
    left: int
    ends_at: float
    left_beyond: int
    resets_at: float


_blocks: dict[int, _Block] = {}
_lock = Lock()


def count_request(request: HttpRequest, token: ApiToken) -> Standing:
    """Count a request of a token.

    Raises:
        TooManyRequests: it has had all of this minute.
    """
    now = time.time()
    with _lock:
        block = _blocks.get(token.pk)
        if block is None or block.left == 0 or block.ends_at <= now:
            block = _blocks[token.pk] = _take_block(request, token, now)
        block.left -= 1
        left = block.left + block.left_beyond
        resets_at = block.resets_at
    return Standing("token", _quota(), left, _seconds(resets_at - now))


def count_failure(request: HttpRequest) -> Standing:
    """Count a token that was sent from an address and does not hold.

    Raises:
        TooManyRequests: there were too many of them.
    """
    rate = ratelimit.Rate(settings.API_FAILURES_PER_MINUTE, WINDOW_S, "ip")
    is_counted, standing = _consume(request, "failures", rate, None)
    if not is_counted and standing.left == 0:
        raise TooManyRequests(standing)
    return standing


def _quota() -> int:
    return _n_blocks() * BLOCK


def _n_blocks() -> int:
    return ceil(settings.API_REQUESTS_PER_MINUTE / BLOCK)


def _take_block(request: HttpRequest, token: ApiToken, now: float) -> _Block:
    rate = ratelimit.Rate(_n_blocks(), WINDOW_S, "key")
    is_taken, standing = _consume(request, "token", rate, str(token.pk))
    resets_at = now + standing.reset_s
    if is_taken:
        return _Block(BLOCK, now + BLOCK_LASTS_S, standing.left * BLOCK, resets_at)
    if standing.left == 0:
        whole = replace(standing, quota=_quota())
        raise TooManyRequests(whole)
    # Others stand before the counter: this one request goes by uncounted.
    return _Block(1, now, standing.left * BLOCK, resets_at)


def _consume(
    request: HttpRequest, policy: str, rate: ratelimit.Rate, key: str | None
) -> tuple[bool, Standing]:
    """Count one, if the quota allows; where a second process is at the same counter, it may not."""
    name = f"{rate.amount}/{WINDOW_S}s/{rate.per}"
    usage = ratelimit.consume(
        request, app="annotate.api", action=policy, config={policy: name}, key=key, limit_get=True
    )
    counter = ratelimit.get_cache_key(
        request, app="annotate.api", action=policy, rate=ratelimit.parse_rate(name), key=key
    )
    now = time.time()
    times = [each for each in cache.get(counter, []) if each > now - WINDOW_S]
    reset_s = _seconds(min(times) + WINDOW_S - now) if times else WINDOW_S
    left = max(rate.amount - len(times), 0)
    return usage is not None, Standing(policy, rate.amount, left, reset_s)


def _seconds(seconds: float) -> int:
    return max(1, ceil(seconds))
