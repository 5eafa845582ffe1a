"""Out of memory, said in one line with what to change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from annotate.generation.rows import JobError

# How torch, CUDA, vLLM and Python's own allocator say it.
_SIGNS = re.compile(
    r"out of memory|not enough memory|can't allocate memory|cannot allocate memory"
    r"|no available memory for the cache blocks|larger than the (available|maximum number)"
    r"|free memory on device|KV cache is needed|larger than the available KV cache memory",
    re.IGNORECASE,
)


def is_memory_error(error: BaseException | str) -> bool:
    """Say whether an error, or a line that tells of one, is about too little memory."""
    return isinstance(error, MemoryError) or bool(_SIGNS.search(str(error)))


@contextmanager
def memory_advice(advice: str) -> Iterator[None]:
    """Turn errors about memory into JobError: what was said, and what would help."""
    try:
        yield
    except (MemoryError, RuntimeError, ValueError) as error:
        if isinstance(error, JobError) or not is_memory_error(error):
            raise
        raise JobError(out_of_memory(str(error), advice)) from error


def out_of_memory(message: str, advice: str) -> str:
    """Give the one line about memory: its first sentence, and what would help."""
    first = " ".join(message.split()) or "no memory was left"
    return f"out of memory: {first[:300]}; what helps: {advice}"
