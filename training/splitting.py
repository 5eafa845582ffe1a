"""Pairs to learn from and pairs to be measured on, which share no prompt."""

import hashlib
import json
import math
from collections.abc import Sequence

from training.data import DatasetError, Pair


def split_by_prompt(
    pairs: Sequence[Pair], *, share: float, seed: int, path: str
) -> tuple[list[Pair], list[Pair]]:
    """Set all pairs of a share of the prompts aside, the same ones for the same seed.

    Raises DatasetError where there are not two prompts.
    """
    if share == 0:
        return list(pairs), []
    prompts = sorted({_key(pair, seed) for pair in pairs})
    if len(prompts) < 2:
        raise DatasetError(f"{path}: has one prompt, and eval_share needs two or more to divide")
    aside = set(prompts[: math.ceil(share * len(prompts))])
    learned = [pair for pair in pairs if _key(pair, seed) not in aside]
    return learned, [pair for pair in pairs if _key(pair, seed) in aside]


def _key(pair: Pair, seed: int) -> str:
    """Hash a conversation's opening: what comes after it is the reply's."""
    return hashlib.sha256(json.dumps([seed, pair.prompt]).encode()).hexdigest()
