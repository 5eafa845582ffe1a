"""One tiny model for all tests of generation, and a thread that engines may run a loop in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiny import make_tiny_model


@pytest.fixture(autouse=True)
def no_other_loop() -> Iterator[None]:
    """Put away the event loop that Playwright keeps in this thread where a browser ran before."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny-llama")
