"""What every engine offers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from annotate.generation.rows import GeneratedCompletion, GenerationRequest


class Engine(Protocol):
    """A model that is loaded, or a service that is asked."""

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GeneratedCompletion]:
        """Yield one completion for each request, in any order, each as soon as it is made.

        A completion depends on its own request alone, not on the others or their order.
        Raises JobError where a request cannot be answered.
        """

    def close(self) -> None:
        """Give back memory, processes and connections; a closed engine makes nothing more."""
