"""From pairs of a batch to packed rows of token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

# What a token belongs to, within its document.
PROMPT, CHOSEN, REJECTED = 0, 1, 2
PADDING = -1
# A pair's columns.
PARTS = ("prompt_ids", "chosen_ids", "rejected_ids")


@dataclass(frozen=True)
class Rows:
    """Tokens of a batch in packed rows of equal length (R rows, L tokens; B pairs, T tokens).

    Attributes:
        ids: token ids (R, L).
        positions: each token's place in its conversation (R, L).
        documents: which pair of the batch a token is of, PADDING where there is none (R, L).
        branches: PROMPT, CHOSEN or REJECTED (R, L).
        sources: for each token of a reply, the flat index in (R, L) of the token that predicts it.
        labels: the token that is predicted there (N).
        targets: where its log-probability stands in (2B, T), flat: chosen replies first.
        lengths: of each token's conversation, the longer of its two where it is a prompt's (R, L).
    """

    ids: torch.Tensor
    positions: torch.Tensor
    documents: torch.Tensor
    branches: torch.Tensor
    sources: torch.Tensor
    labels: torch.Tensor
    targets: torch.Tensor
    lengths: torch.Tensor


def fill_rows(lengths: Sequence[int], *, capacity: int) -> list[list[int]]:
    """Divide documents among rows of at most `capacity` tokens, in few rows (first fit decreasing).

    Returns, for each row, the indices of its documents in their own order. A document longer than
    the capacity has a row of its own.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        for row, left in enumerate(room):
            if lengths[index] <= left:
                rows[row].append(index)
                room[row] -= lengths[index]
                break
        else:
            rows.append([index])
            room.append(capacity - lengths[index])
    return [sorted(row) for row in rows]


def pack(
    pairs: Sequence[dict[str, Any]], *, pad: int, capacity: int | None = None, multiple: int = 1
) -> Rows:
    """Lay pairs (`prompt_ids`, `chosen_ids`, `rejected_ids`) out in rows.

    Args:
        capacity: tokens of a row; None is the longest pair's, so that attention, whose cost grows
            with the square of a row's length, pays for no more than it must.
        multiple: rows are padded to a multiple of this.
    """
    lengths = [length_of(pair) for pair in pairs]
    capacity = max(capacity or 0, *lengths)
    rows = fill_rows(lengths, capacity=capacity)
    width = max(sum(lengths[index] for index in row) for row in rows)
    width = -(-width // multiple) * multiple
    shape = (len(rows), width)
    ids = torch.full(shape, pad, dtype=torch.long)
    positions = torch.zeros(shape, dtype=torch.long)
    documents = torch.full(shape, PADDING, dtype=torch.long)
    branches = torch.full(shape, PADDING, dtype=torch.long)
    spans = torch.ones(shape, dtype=torch.long)
    longest_reply = max(max(len(each["chosen_ids"]), len(each["rejected_ids"])) for each in pairs)
    sources: list[int] = []
    labels: list[int] = []
    targets: list[int] = []
    for number, row in enumerate(rows):
        at = 0
        for index in row:
            pair = pairs[index]
            prompt, chosen, rejected = (pair[name] for name in PARTS)
            p, c, r = len(prompt), len(chosen), len(rejected)
            end = at + p + c + r
            ids[number, at:end] = torch.tensor([*prompt, *chosen, *rejected])
            positions[number, at:end] = torch.tensor([*range(p + c), *range(p, p + r)])
            documents[number, at:end] = index
            branches[number, at:end] = torch.tensor([PROMPT] * p + [CHOSEN] * c + [REJECTED] * r)
            spans[number, at:end] = torch.tensor([p + max(c, r)] * p + [p + c] * c + [p + r] * r)
            here = number * width + at
            # The prompt's last token predicts the first of both replies.
            for reply, start, out in ((chosen, p, index), (rejected, p + c, index + len(pairs))):
                if reply:
                    sources += [here + p - 1, *range(here + start, here + start + len(reply) - 1)]
                    labels += reply
                    targets += range(out * longest_reply, out * longest_reply + len(reply))
            at = end
    return Rows(
        ids, positions, documents, branches, torch.tensor(sources), torch.tensor(labels),
        torch.tensor(targets), spans,
    )  # fmt: skip


def length_of(pair: dict[str, Any]) -> int:
    """Return the tokens of a pair whose prompt is read once."""
    return sum(len(pair[name]) for name in PARTS)
