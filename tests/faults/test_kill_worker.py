"""kill -9 of a worker and of the database under it: work is whole or absent, and goes on alone.

Workers that are killed while they generate, export or train by themselves: tests/loop/test_kill.py.
"""

import json
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.faults.site import Site
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

REVIVAL_S = 300  # a minute without a heartbeat, up to a minute to the next look, and the work
SEED = (
    "import itertools, json, time",
    "from tests import factories as make",
    "make._count = itertools.count(time.time_ns() // 1000)",
)
"""Each program that makes rows has numbers of its own."""


def ask_for_export(site: Site, n_votes: int) -> int:
    """Make votes, and ask for an export of them; give its number."""
    told = site.do(
        *SEED,
        "from annotate.services.exporting import request_export, votes_of",
        "from tests.views.pages import cast_votes",
        f"round_ = make.make_open_round(n_prompts={n_votes})",
        f"cast_votes(round_, make.make_annotator(), {n_votes})",
        "print(request_export(votes_of(round_.run.slug), '.zip').pk)",
    )
    return int(told.splitlines()[-1])


def state_of(site: Site, export: int) -> str:
    return str(site.ask("SELECT state FROM annotate_export WHERE id = %s", export)[0][0])


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_database_killed_under_a_worker_costs_no_export(site: Site) -> None:
    """The worker waits for the database, starts again by itself, and makes each export once."""
    worker = site.start_worker(name="survivor")
    try:
        made = []
        for n_round in range(3):
            export = ask_for_export(site, 40)
            made.append(export)
            if n_round < 2:
                pid = site.postmaster()
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                psutil.Process(pid).wait(20) if psutil.pid_exists(pid) else None
        for export in made:
            wait_until(lambda: state_of(site, export) == "finished", seconds=REVIVAL_S)  # noqa: B023  waited for at once
        assert worker.poll() is None, "the worker ended with its database"
    finally:
        kill(worker)
    n_datasets = site.ask(
        "SELECT count(DISTINCT dataset_id) FROM annotate_export WHERE id = ANY(%s)", made
    )
    assert n_datasets == [(3,)]
    drafts = [path for path in (site.home / "datasets").iterdir() if path.name.startswith(".")]
    assert drafts == []


def write_completions(path: Path, n: int) -> None:
    with path.open("w") as file:
        for number in range(n):
            for name in ("x", "y"):
                row = {"prompt": f"p{number}", "candidate": name, "reply": f"{name} {number}",
                       "turns": [f"Q {number}?"]}  # fmt: skip
                file.write(json.dumps(row) + "\n")


@pytest.mark.parametrize("victim", ["backend", "postmaster", "import"])
def test_import_that_is_killed_is_absent_and_then_whole(
    site: Site, tmp_path: Path, victim: str
) -> None:
    """Three kills, each a little later in the same import, then the import in peace."""
    n = 3_000
    slug = f"kill-{victim}"
    write_completions(tmp_path / "rows.jsonl", n)
    words = ("manage.py", "import_completions", str(tmp_path / "rows.jsonl"), "--run", slug,
             "--prompts", slug)  # fmt: skip
    n_of_run = (
        "SELECT count(*) FROM annotate_completion c JOIN annotate_candidate k"
        " ON k.id = c.candidate_id JOIN annotate_selectionrun r ON r.id = k.run_id"
        " WHERE r.slug = %s"
    )
    n_interrupted = 0
    for n_bytes in (1, 400_000, 800_000):
        importer = site.start(*words, log="import.log")
        wait_for_rows(site, n_bytes, importer)
        target = {"backend": importing_backend, "postmaster": Site.postmaster}.get(victim)
        pid = importer.pid if target is None else target(site)
        if importer.poll() is None and pid is not None:
            os.kill(pid, signal.SIGKILL)
        importer.wait(120)
        found = site.ask(n_of_run, slug)[0][0]
        assert found in (0, 2 * n), "half an import is there"
        n_interrupted += found == 0
        if found:
            break
    assert n_interrupted > 0
    site.run(*words)
    assert site.ask(n_of_run, slug) == [(2 * n,)]


def importing_backend(site: Site) -> int | None:
    """Give the database's process that an import holds a transaction in."""
    found = site.ask(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
        " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL ORDER BY xact_start LIMIT 1"
    )
    return found[0][0] if found else None


def wait_for_rows(site: Site, n_bytes: int, importer: subprocess.Popen[bytes]) -> None:
    """Wait until so many bytes of completions are in the table's file, committed or not."""

    def size() -> int:
        return int(site.ask("SELECT pg_relation_size('annotate_completion')")[0][0])

    wanted = size() + n_bytes
    wait_until(lambda: size() >= wanted or importer.poll() is not None, seconds=120)
