"""How often something may be asked of the site in a minute, by whom and from where.

It is counted where attempts to sign in are, by django-allauth in the database's cache, so all
processes of the site count together. A process takes a block at once and gives it out by itself:
one request in a block writes anything. Where a first block is free, whoever asks as seldom as
people do is never counted at all: that many more pass in each process.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from threading import Lock

from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest

WINDOW_S = 60
REFUSED_FOR_S = 5
# Of blocks that are remembered; beyond that those that have ended are forgotten.
MOST_KEPT = 10_000


@dataclass(frozen=True)
class Standing:
    """How much of a quota is left.

    Attributes:
        policy: its name, such as `token`.
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


@dataclass(frozen=True, kw_only=True)
class Quota:
    """So many in a minute for each key, counted in blocks.

    Attributes:
        app: of the counters in the cache.
        lasts_s: how long a block may be used; a short one leaves little of an older minute.
        is_first_free: whether the first block of a window is given out uncounted.
    """

    app: str
    policy: str
    per_minute: int
    block: int
    lasts_s: int = WINDOW_S
    is_first_free: bool = False

    @property
    def n_blocks(self) -> int:
        """Give how many blocks are counted in a window."""
        n_all = max(1, ceil(self.per_minute / self.block))
        return n_all - self.is_first_free

    @property
    def whole(self) -> int:
        """Give how many there are in a window, in whole blocks."""
        return (self.n_blocks + self.is_first_free) * self.block


@dataclass
class _Block:
    left: int
    ends_at: float
    left_beyond: int
    resets_at: float
    is_refusal: bool = False


_blocks: dict[tuple[str, str, str], _Block] = {}
_lock = Lock()


def forget_blocks() -> None:
    """Forget what only this process knows, as a new one has never known it."""
    with _lock:
        _blocks.clear()


def count(request: HttpRequest, quota: Quota, key: str) -> Standing:
    """Count one request of a key, such as an account's or an address's.

    Raises:
        TooManyRequests: it has had all of this minute.
    """
    now, name = time.time(), (quota.app, quota.policy, key)
    with _lock:
        block = _blocks.get(name)
        is_over = block is None or block.ends_at <= now
        if block is not None and block.is_refusal and not is_over:
            raise TooManyRequests(_standing(quota, block, now))
        if is_over and quota.is_first_free:
            beyond = quota.n_blocks * quota.block
            block = _keep(name, _Block(quota.block, now + WINDOW_S, beyond, now + WINDOW_S), now)
            is_over = False
        if block is not None and not is_over and block.left:
            return _give_one(quota, block, now)
    taken = _take_block(request, quota, key, now)  # which asks the database: nobody waits for it
    with _lock:
        block = _blocks.get(name)
        if block is not None and block.ends_at > now:
            taken.left += block.left
        _keep(name, taken, now)
        if taken.left == 0:
            raise TooManyRequests(_standing(quota, taken, now))
        return _give_one(quota, taken, now)


def consume(
    request: HttpRequest, *, app: str, policy: str, rate: ratelimit.Rate, key: str | None
) -> tuple[bool, Standing]:
    """Count one, if the quota allows; where a second process is at the same counter, it may not."""
    name = f"{rate.amount}/{WINDOW_S}s/{rate.per}"
    usage = ratelimit.consume(
        request, app=app, action=policy, config={policy: name}, key=key, limit_get=True
    )
    counter = ratelimit.get_cache_key(
        request, app=app, action=policy, rate=ratelimit.parse_rate(name), key=key
    )
    now = time.time()
    times = [each for each in cache.get(counter, []) if each > now - WINDOW_S]
    reset_s = _seconds(min(times) + WINDOW_S - now) if times else WINDOW_S
    left = max(rate.amount - len(times), 0)
    return usage is not None, Standing(policy, rate.amount, left, reset_s)


def _keep(name: tuple[str, str, str], block: _Block, now: float) -> _Block:
    if len(_blocks) >= MOST_KEPT:
        for other in [each for each, kept in _blocks.items() if kept.ends_at <= now]:
            del _blocks[other]
    _blocks[name] = block
    return block


def _give_one(quota: Quota, block: _Block, now: float) -> Standing:
    block.left -= 1
    return _standing(quota, block, now)


def _standing(quota: Quota, block: _Block, now: float) -> Standing:
    left = block.left + block.left_beyond
    return Standing(quota.policy, quota.whole, left, _seconds(block.resets_at - now))


def _take_block(request: HttpRequest, quota: Quota, key: str, now: float) -> _Block:
    rate = ratelimit.Rate(quota.n_blocks, WINDOW_S, "key")
    is_taken, standing = consume(request, app=quota.app, policy=quota.policy, rate=rate, key=key)
    resets_at = now + standing.reset_s
    if is_taken:
        ends_at = now + quota.lasts_s
        return _Block(quota.block, ends_at, standing.left * quota.block, resets_at)
    if standing.left == 0:
        # Whoever goes on asking is refused without another look, for a while.
        ends_at = min(resets_at, now + REFUSED_FOR_S)
        return _Block(0, ends_at, 0, resets_at, is_refusal=True)
    # Others stand before the counter: this one request goes by uncounted.
    return _Block(1, now, standing.left * quota.block, resets_at)


def _seconds(seconds: float) -> int:
    return max(1, ceil(seconds))
