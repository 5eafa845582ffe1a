"""Who attends to whom in a packed row: dense for SDPA, in blocks for FlexAttention."""

from typing import Any

import torch

from training.layout.packing import PADDING, PROMPT


def dense_mask(
    documents: torch.Tensor,
    branches: torch.Tensor,
    positions: torch.Tensor,
    *,
    window: int | None = None,
) -> torch.Tensor:
    """Return a mask (R, 1, L, L), true where a token (row of the matrix) attends to another.

    A token attends to itself and to what comes before it in its conversation, at most `window`
    tokens in all. Padding attends to itself, since a softmax over nothing is no number.
    """
    length = documents.shape[1]
    order = torch.arange(length, device=documents.device)
    is_before = order[:, None] >= order[None, :]  # (L, L)
    is_same = documents[:, :, None] == documents[:, None, :]
    is_seen = (branches[:, None, :] == PROMPT) | (branches[:, :, None] == branches[:, None, :])
    mask = is_before & is_same & is_seen  # (R, L, L)
    if window is not None:
        mask &= positions[:, :, None] - positions[:, None, :] < window
    mask &= documents[:, :, None] != PADDING
    return (mask | torch.eye(length, dtype=torch.bool, device=mask.device))[:, None]


def block_mask(
    documents: torch.Tensor,
    branches: torch.Tensor,
    positions: torch.Tensor,
    *,
    window: int | None = None,
) -> Any:
    """Return the same as a BlockMask, whose empty blocks FlexAttention skips.

    Where a whole row is one block of padding its tokens attend to nothing, which FlexAttention
    turns into zeros.
    """
    from torch.nn.attention.flex_attention import create_block_mask  # noqa: PLC0415 - CUDA alone

    def attends(row: Any, _head: Any, query: Any, key: Any) -> Any:
        is_same = (documents[row, query] == documents[row, key]) & (documents[row, key] != PADDING)
        is_seen = (branches[row, key] == PROMPT) | (branches[row, query] == branches[row, key])
        is_near = True
        if window is not None:
            is_near = positions[row, query] - positions[row, key] < window
        return (query >= key) & is_same & is_seen & is_near

    rows, length = documents.shape
    return create_block_mask(
        attends, rows, None, length, length, device=documents.device,
        # Uncompiled it lays out the whole square first.
        _compile=documents.is_cuda,
    )  # fmt: skip
