"""Seeds that depend on what is drawn, never on the order or the process in which it is."""

from __future__ import annotations

import hashlib
import json


def completion_seed(*, run_seed: int, candidate: str, prompt: str, sample: int) -> int:
    """Return the seed of one completion: 0 to 2**63 - 1, so that a bigint and torch both hold it.

    `candidate` and `prompt` are their names or keys within the run.
    """
    return _hash_seed("completion", run_seed, candidate, prompt, sample)


def turn_seed(*, seed: int, turn: int) -> int:
    """Return the seed of one reply (`turn` from 0) of a completion with `seed`."""
    return _hash_seed("turn", seed, turn)


def _hash_seed(*parts: int | str) -> int:
    # JSON keeps ("a", "bc") apart from ("ab", "c").
    digest = hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode("ascii")).digest()
    return int.from_bytes(digest[:8], "big") >> 1
