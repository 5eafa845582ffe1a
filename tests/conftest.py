"""What all tests share: an embedded PostgreSQL of their own, and small things to put in it."""

import asyncio
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
os.environ["HF_HUB_OFFLINE"] = "1"

# A busy machine is no failure, so no example has a deadline. The examples are the same each time:
# a change is judged by what it changed. `--hypothesis-profile=search` looks for others.
settings.register_profile("kurabe", deadline=None, derandomize=True, database=None)
settings.register_profile("search", deadline=None, derandomize=False)
settings.load_profile("kurabe")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch  # noqa: PLC0415  takes seconds, and only GPU tests need it here

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(autouse=True)
def no_other_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Put away the event loop that Playwright keeps in this thread where a browser ran before.

    First of all fixtures, and away for all of the others: Django's connections beside a loop are
    others than without one.
    """
    if "browser" in request.fixturenames:
        yield
        return
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop)


@pytest.fixture(autouse=True)
def count_anew(no_other_loop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each test make the same names and texts, whichever tests its process ran before.

    Splits are drawn from texts and pseudonyms, and rows come in the order of keys. The numbers are
    above those of what modules share, and of one length, so that their texts are in their order.
    """
    from tests import factories  # noqa: PLC0415  Django is not set up before

    monkeypatch.setattr(factories, "_count", itertools.count(10_000))


@pytest.fixture(autouse=True)
def count_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each draw count all that is in the database; the mark `counts_later` leaves it be.

    Tests write comparisons as no process of a site does: behind the back of what it remembers.
    """
    if request.node.get_closest_marker("counts_later"):
        return
    from annotate.services import counted, matches, progress  # noqa: PLC0415  as above

    monkeypatch.setattr(counted, "ANEW_S", 0.0)
    monkeypatch.setattr(matches, "ANEW_S", 0.0)
    monkeypatch.setattr(progress, "FRESH_S", 0.0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Give the folder of real data that `KURABE_REAL_DATA` names, by default ../shared/data."""
    folder = Path(os.environ.get("KURABE_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set KURABE_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Bring back what migrations wrote, where tests of an earlier session emptied every table."""
    from tests.factories import make_consent_text  # noqa: PLC0415  Django is not set up before

    with django_db_blocker.unblock():
        make_consent_text()
