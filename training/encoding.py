"""Pairs as token ids, exactly as the model is to read them, and what was left out and why."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.data import DatasetError, Pair, Rendered
from training.fields import ConfigError

# Why a pair is not trained on.
PROMPT_TOO_LONG = "prompt_fills_max_length"
SAME_WHEN_CUT = "replies_are_equal_when_cut"
NO_PROMPT = "prompt_has_no_token"


@dataclass(frozen=True)
class EncodedPair:
    """Token ids of a pair: a prompt, and the two ways in which it goes on.

    `weight` weighs its loss. `number` is the pair's place in the file it came from, from 0.
    """

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    weight: float = 1.0
    number: int = 0

    @property
    def n_packed(self) -> int:
        """Return how many tokens are read when the prompt is read once."""
        return len(self.prompt_ids) + len(self.chosen_ids) + len(self.rejected_ids)

    @property
    def n_padded(self) -> int:
        """Return how many tokens are read when each reply has a prompt of its own."""
        return self.n_packed + len(self.prompt_ids)


@dataclass(frozen=True)
class Encoded:
    """The pairs that are trained on, and what became of the others.

    Attributes:
        dropped: how many pairs are left out, by reason.
        cut: how many lost the end of a reply to `max_length`.
        merged: how many have a prompt whose last token merges with the reply's first, so that the
            reply begins a token earlier than it did when it was made.
    """

    pairs: list[EncodedPair]
    dropped: dict[str, int]
    cut: int
    merged: int

    @property
    def n_dropped(self) -> int:
        """Return how many pairs are left out."""
        return sum(self.dropped.values())

    @property
    def n_tokens(self) -> int:
        """Return the tokens of both replies with the prompt before each."""
        return sum(pair.n_padded for pair in self.pairs)


def encode_pairs(
    pairs: Sequence[Pair], tokenizer: Any, *, max_length: int, path: str, weight_by: str | None
) -> Encoded:
    """Encode pairs, cut at `max_length` tokens of prompt and reply, scaled to a mean weight of 1.

    Raises:
        ConfigError: a pair has no rendering, and the tokenizer no chat template to make one.
        DatasetError: a pair lacks the weight, begins with a wrong BOS, or none is left.
    """
    kept: list[EncodedPair] = []
    dropped: Counter[str] = Counter()
    cut = merged = shortest = 0
    for number, pair in enumerate(pairs):
        where = f"{path}, pair {number + 1}"
        prompt, chosen, rejected = encode_pair(pair, tokenizer, where=where)
        n_shared = min(_n_common(prompt, chosen), _n_common(prompt, rejected))
        merged += n_shared < len(prompt)
        shortest = min(shortest or n_shared, n_shared)
        if n_shared == 0 or n_shared >= max_length:
            dropped[PROMPT_TOO_LONG if n_shared else NO_PROMPT] += 1
            continue
        better, worse = (ids[n_shared:max_length] for ids in (chosen, rejected))
        if better == worse:
            dropped[SAME_WHEN_CUT] += 1
            continue
        cut += max(len(chosen), len(rejected)) > max_length
        weight = _weight_of(pair, weight_by, where=where)
        kept.append(EncodedPair(prompt[:n_shared], better, worse, weight, number))
    if not kept:
        raise DatasetError(
            f"{path}: no pair is left to train on with max_length {max_length}: "
            f"{_describe(dropped)}; the shortest prompt has {shortest} tokens"
        )
    return Encoded(_scale_weights(kept, path=path), dict(dropped), cut, merged)


def encode_pair(
    pair: Pair, tokenizer: Any, *, where: str
) -> tuple[list[int], list[int], list[int]]:
    """Return the ids of the prompt, and of the prompt with each reply after it."""
    if pair.rendered is not None:
        return _encode_rendered(pair.rendered, tokenizer, where=where)
    if tokenizer.chat_template is None:
        raise ConfigError(
            f"{where}: it says nothing of how it is fed (no field 'rendered'), and the tokenizer of"
            " the model has no chat template; expected either"
        )
    return (
        _apply_template(tokenizer, pair.prompt, opens_reply=True),
        _apply_template(tokenizer, pair.prompt + pair.chosen, opens_reply=False),
        _apply_template(tokenizer, pair.prompt + pair.rejected, opens_reply=False),
    )


def _apply_template(tokenizer: Any, messages: Any, *, opens_reply: bool) -> list[int]:
    ids = tokenizer.apply_chat_template(
        messages, add_generation_prompt=opens_reply, return_dict=False
    )
    return list(ids)


def _encode_rendered(
    rendered: Rendered, tokenizer: Any, *, where: str
) -> tuple[list[int], list[int], list[int]]:
    texts = ["", rendered.chosen, rendered.rejected]
    first = _bos_to_add(rendered, tokenizer)
    prompt, chosen, rejected = (
        [*first, *tokenizer.encode(rendered.prompt + text, add_special_tokens=False)]
        for text in texts
    )
    _check_bos(prompt, rendered, tokenizer, where=where)
    if rendered.appends_eos:
        end = tokenizer.eos_token_id
        if end is None:
            raise ConfigError(f"{where}: its replies end with EOS, which the tokenizer has not")
        chosen, rejected = [*chosen, end], [*rejected, end]
    return prompt, chosen, rejected


def _bos_to_add(rendered: Rendered, tokenizer: Any) -> list[int]:
    """Return the BOS that a tokenizer was told to add, where the format itself writes none."""
    bos = tokenizer.bos_token_id
    if not rendered.begins_with_bos or bos is None:
        return []
    return [] if rendered.prompt.startswith(("<s>", tokenizer.bos_token)) else [bos]


def _check_bos(ids: list[int], rendered: Rendered, tokenizer: Any, *, where: str) -> None:
    """Raise where BOS is not exactly once at the beginning of a format that has one."""
    bos = tokenizer.bos_token_id
    n_leading = 0
    while bos is not None and n_leading < len(ids) and ids[n_leading] == bos:
        n_leading += 1
    if n_leading != int(rendered.begins_with_bos):
        expected = "once" if rendered.begins_with_bos else "not at all"
        raise DatasetError(
            f"{where}, field 'rendered': as the model's tokenizer reads it, BOS stands {n_leading} "
            f"times at its beginning; expected {expected}"
        )


def _n_common(first: list[int], second: list[int]) -> int:
    """Return how many ids two lists have in common from the beginning."""
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _weight_of(pair: Pair, weight_by: str | None, *, where: str) -> float:
    if weight_by is None:
        return 1.0
    if weight_by not in pair.weights:
        raise DatasetError(f"{where}: field {weight_by!r}, which is to weigh it, is missing")
    return pair.weights[weight_by]


def _scale_weights(pairs: list[EncodedPair], *, path: str) -> list[EncodedPair]:
    """Scale weights to a mean of 1, so that a learning rate means what it means without them."""
    mean = sum(pair.weight for pair in pairs) / len(pairs)
    if mean == 0:
        raise DatasetError(f"{path}: the weight of each pair is 0, so there is nothing to learn")
    if mean == 1:
        return pairs
    return [
        EncodedPair(
            pair.prompt_ids, pair.chosen_ids, pair.rejected_ids, pair.weight / mean, pair.number
        )
        for pair in pairs
    ]


def _describe(dropped: Counter[str]) -> str:
    return ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in dropped.items())
