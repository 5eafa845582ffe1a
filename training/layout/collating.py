"""Batches for the trainer: encoded pairs in, tensors out."""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

from training.layout.packing import length_of, pack

REFERENCE = ("ref_chosen_logps", "ref_rejected_logps")
# One row of many pairs is padded to a multiple of this: FlexAttention works in blocks of 128, and
# each new length may have to be compiled for.
BLOCK = 1024


@dataclass(frozen=True)
class PackedCollator:
    """Makes packed rows, and beside them the layout in which TRL reads what comes of them.

    TRL's loss reads log-probabilities in (2B, T): chosen replies first, then rejected ones. Its
    `input_ids` are here the prompt's last token and the reply (2B, 1 + T), `completion_mask` the
    reply, and `attention_mask` all tokens that were read, of which it takes the number.

    `is_one_row` puts all pairs into one row, for kernels that skip what nobody attends to.
    """

    pad: int
    is_one_row: bool = False

    def __call__(self, pairs: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Collate a batch of B pairs."""
        total = sum(map(length_of, pairs))
        rows = pack(
            pairs,
            pad=self.pad,
            capacity=total if self.is_one_row else None,
            multiple=BLOCK if self.is_one_row else 1,
        )
        return {
            **_as_trl(pairs, pad=self.pad),
            "attention_mask": (rows.documents >= 0).long(),
            "packed_ids": rows.ids,
            "packed_positions": rows.positions,
            "packed_documents": rows.documents,
            "packed_branches": rows.branches,
            "packed_sources": rows.sources,
            "packed_labels": rows.labels,
            "packed_targets": rows.targets,
            "packed_lengths": rows.lengths,
        } | numbers_of(pairs)


def numbers_of(pairs: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Collate what a pair carries beside its tokens, each (B,)."""
    names = [name for name in (*REFERENCE, "weight") if name in pairs[0]]
    return {name: torch.tensor([pair[name] for pair in pairs]) for name in names}


def _as_trl(pairs: list[dict[str, Any]], *, pad: int) -> dict[str, torch.Tensor]:
    replies = [(pair, pair[name]) for name in ("chosen_ids", "rejected_ids") for pair in pairs]
    ids = [torch.tensor([pair["prompt_ids"][-1], *reply]) for pair, reply in replies]
    masks = [torch.tensor([0, *[1] * len(reply)]) for _, reply in replies]
    return {
        "input_ids": pad_sequence(ids, batch_first=True, padding_value=pad),
        "completion_mask": pad_sequence(masks, batch_first=True, padding_value=0),
    }
