"""Where a row's reply ends: an end token, a stop text, or no room for more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from annotate.generation.engines.draws import Tensor

# A token is at least a byte of text, but for the few that are none (special tokens, the second
# half of a character), for which this many tokens are left.
_SPARE_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply as text without stop texts and outer white space, its end and its tokens."""

    text: str
    finish_reason: str
    n_tokens: int


class RowStops:
    """A stopping criterion that ends each row by itself and remembers where."""

    def __init__(
        self, *, tokenizer: Any, stop: Sequence[str], room: Sequence[int], width: int
    ) -> None:
        self.tokenizer = tokenizer
        self.stop = tuple(stop)
        self.room = tuple(room)  # tokens that each row may write
        self.width = width  # of the padded prompts, in tokens
        self.ends = list(room)
        self.n_tail = max((len(text.encode()) for text in stop), default=0) + _SPARE_TOKENS

    def __call__(self, input_ids: Tensor, scores: Tensor, **_options: Any) -> Tensor:
        """Take ids (B, T); return which rows (B,) are done."""
        n_generated = input_ids.shape[1] - self.width
        tails = input_ids[:, max(self.width, input_ids.shape[1] - self.n_tail) :]
        if self.stop:
            for row, text in enumerate(decode_texts(self.tokenizer, tails.tolist())):
                if any(stop in text for stop in self.stop):
                    self.ends[row] = min(self.ends[row], n_generated)
        done = [n_generated >= end for end in self.ends]
        return input_ids.new_tensor(done).bool()


def decode_texts(tokenizer: Any, rows: Sequence[Sequence[int]]) -> list[str]:
    """Decode rows of token ids without special tokens, white space as the model wrote it."""
    texts = (
        tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        for ids in rows
    )
    # PostgreSQL's text holds no NUL, and a byte-level model may write one.
    return [text.replace("\0", "\ufffd") for text in texts]


def read_reply(
    ids: Sequence[int], *, tokenizer: Any, end_ids: Collection[int], stop: Sequence[str]
) -> Reply:
    """Make a reply of the ids that a row wrote up to its own end, padding left out."""
    first_end = next((i for i, token in enumerate(ids) if token in end_ids), None)
    kept = ids if first_end is None else ids[:first_end]
    (text,) = decode_texts(tokenizer, [kept])
    cuts = [text.find(stop_text) for stop_text in stop if stop_text in text]
    text = (text[: min(cuts)] if cuts else text).strip()
    has_ended = bool(cuts) or first_end is not None
    n_tokens = len(kept) + (first_end is not None)
    return Reply(text=text, finish_reason="stop" if has_ended else "length", n_tokens=n_tokens)


def cut_at_stop(ids: Sequence[int], *, tokenizer: Any, stop: Sequence[str]) -> Sequence[int]:
    """Return the ids up to the one that completes the first stop text, or all of them."""
    (text,) = decode_texts(tokenizer, [ids])
    if not any(stop_text in text for stop_text in stop):
        return ids
    for end in range(1, len(ids)):
        (text,) = decode_texts(tokenizer, [ids[:end]])
        if any(stop_text in text for stop_text in stop):
            return ids[:end]
    return ids
