"""A database that is away for half a minute: 503, votes that wait, and nobody who has to help."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import psutil
import pytest

from tests.faults.site import Site, WatchedWeb
from tests.faults.test_kill_voting import check_votes, open_run
from tests.faults.test_kill_worker import ask_for_export, kill, state_of
from tests.faults.voters import Crowd
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

AWAY_S = float(os.environ.get("FAULT_AWAY_S", "30"))


@pytest.fixture
def bystander(site: Site) -> Iterator[Site]:
    """Give the same site by an address of its database: nobody here starts that server again."""
    site.environment["DATABASE_URL"] = f"postgresql://postgres@/kurabe?host={site.pgdata}"
    yield site
    del site.environment["DATABASE_URL"]


def stop_database(site: Site) -> None:
    """Stop the server as `pg_ctl stop -m fast` does."""
    pid = site.postmaster()
    assert pid is not None
    os.kill(pid, signal.SIGINT)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(60)


def test_site_outlasts_a_database_that_is_away(bystander: Site) -> None:
    """The web server and the worker are the same processes before and after."""
    site = bystander
    slug, sessions = open_run(site, n_voters=4)
    worker = site.start_worker(name="waiting")
    try:
        with WatchedWeb(site) as web:
            first = ask_for_export(site, 5)
            wait_until(lambda: state_of(site, first) == "finished", seconds=120)
            with Crowd(web.url, f"/rate/{slug}/", sessions) as crowd:
                crowd.wait_for(15)
                stop_database(site)
                began = time.monotonic()
                page = httpx.get(f"{web.url}/rate/{slug}/", cookies={"sessionid": sessions[0]},
                                 timeout=30)  # fmt: skip
                api = httpx.get(f"{web.url}/api/v1/runs", headers={"Authorization": "Bearer x"},
                                timeout=30)  # fmt: skip
                assert (page.status_code, page.headers["Retry-After"]) == (503, "10")
                assert "votes that wait in this browser are sent by themselves" in page.text
                assert (api.status_code, api.headers["Content-Type"]) == (
                    503, "application/problem+json",
                )  # fmt: skip
                assert "send this again" in json.loads(api.text)["detail"]
                time.sleep(max(0.0, AWAY_S - (time.monotonic() - began)))
                n_before = crowd.n_kept
                start_database(site)
                gap = crowd.wait_for(15)
            assert (web.n_starts, worker.poll()) == (1, None)
            second = ask_for_export(site, 5)
            wait_until(lambda: state_of(site, second) == "finished", seconds=240)
            assert (web.n_starts, worker.poll()) == (1, None)
    finally:
        kill(worker)
    print("away", AWAY_S, "s; kept", crowd.n_kept, "of them before", n_before, "answers",
          crowd.told(), "seconds to the next 15:", round(gap, 1))  # fmt: skip
    check_votes(site, slug, crowd)


def start_database(site: Site) -> None:
    """Start the server again, as an operator's systemd would."""
    del site.environment["DATABASE_URL"]
    site.do("from annotate.postgres import server", "from django.conf import settings",
            "import os, pathlib, atexit",
            f"server.socket_dir_of(pathlib.Path({str(site.pgdata)!r}))",
            "os._exit(0)")  # fmt: skip
    site.environment["DATABASE_URL"] = f"postgresql://postgres@/kurabe?host={site.pgdata}"


def test_database_that_hangs_costs_no_vote(site: Site) -> None:
    """All of its processes are stopped in the middle of their work (SIGSTOP), and go on."""
    slug, sessions = open_run(site, n_voters=4)
    with WatchedWeb(site) as web, Crowd(web.url, f"/rate/{slug}/", sessions) as crowd:
        crowd.wait_for(15)
        pid = site.postmaster()
        assert pid is not None
        server = psutil.Process(pid)
        family = [server, *server.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        time.sleep(AWAY_S)
        n_before = crowd.n_kept
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.resume()
        gap = crowd.wait_for(15)
    print("hung", AWAY_S, "s; kept", crowd.n_kept, "of them before", n_before, "answers",
          crowd.told(), "seconds to the next 15:", round(gap, 1))  # fmt: skip
    check_votes(site, slug, crowd)
