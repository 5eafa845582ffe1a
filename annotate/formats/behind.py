"""Work that goes on behind whoever makes the rows: packing and writing hold no Python lock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType


class Behind:
    """A thread that does one thing after another, and is at most one behind.

    What fails in it is raised by the next call, or at the end of the block.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._last: Future[object] | None = None

    def do(self, work: Callable[[], object]) -> None:
        """Begin something when what was asked for before is done."""
        self.wait()
        self._last = self._pool.submit(work)

    def wait(self) -> None:
        """Wait for what was asked for."""
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def __enter__(self) -> Behind:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            self._pool.shutdown()
