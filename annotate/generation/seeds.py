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


def reading_seed(*, run_seed: int, judge: str, prompt: str, texts: str, order: str) -> int:
    """Return the seed of one reading of two texts by a judge, in one order (ab or ba).

    `judge` and `prompt` are their names, `texts` says which completions are compared.
    """
    return _hash_seed("reading", run_seed, judge, prompt, texts, order)


def score_seed(*, run_seed: int, judge: str, prompt: str, text: str, turn: int, choice: int) -> int:
    """Return the seed of one score of a reply (`turn` from 1) by a judge, in one of its choices.

    `judge` and `prompt` are their names, `text` says which completion is scored.
    """
    return _hash_seed("score", run_seed, judge, prompt, text, turn, choice)


def draw_seed(*, run_seed: int, judge: str, round_number: int, comparison: int) -> int:
    """Return the seed by which a judge's next comparison in a round is drawn; they count from 0."""
    return _hash_seed("draw", run_seed, judge, round_number, comparison)


def _hash_seed(*parts: int | str) -> int:
    # JSON keeps ("a", "bc") apart from ("ab", "c").
    digest = hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode("ascii")).digest()
    return int.from_bytes(digest[:8], "big") >> 1
