"""Requests are counted by each process for itself, and added up by whoever is asked."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from annotate.services import request_counts
from annotate.services.request_counts import (
    BUCKETS_S,
    N_ROWS,
    OTHER,
    RequestCounter,
    count_request,
    forget_request_counts,
    read_request_counts,
)
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.KURABE_HOME = tmp_path  # type: ignore[attr-defined]
    monkeypatch.setattr(request_counts, "_counter", None)
    return tmp_path / "metrics"


def test_time_falls_into_the_class_whose_end_it_does_not_pass() -> None:
    for seconds in (0.0, 0.005, 0.0051, 10.0, 10.1):
        count_request("rate", "POST", 200, seconds)
    (row,) = read_request_counts()
    assert (row.view, row.method, row.status) == ("rate", "POST", 200)
    assert row.counts == (2, 1, *[0] * (len(BUCKETS_S) - 3), 1, 1)
    assert row.seconds == pytest.approx(20.1101)


def test_processes_are_added_up_and_a_dead_one_still_counts(own_folder: Path) -> None:
    program = (
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'annotate.settings';"
        "from annotate.services.request_counts import count_request;"
        "count_request('home', 'GET', 200, 0.2)"
    )
    environment = {**os.environ, "KURABE_HOME": str(own_folder.parent)}
    for _process in range(2):
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)
    count_request("home", "GET", 200, 0.2)
    (row,) = read_request_counts()
    assert (sum(row.counts), row.seconds) == (3, pytest.approx(0.6))


def test_counter_goes_on_where_a_process_of_its_number_was(own_folder: Path) -> None:
    for _process in range(2):
        RequestCounter(own_folder / "17.requests").add("home", "GET", 200, 0.2)
    assert [sum(row.counts) for row in read_request_counts()] == [2]


def test_threads_lose_nothing() -> None:
    def ask() -> None:
        for _request in range(500):
            count_request("rate", "POST", 200, 0.01)
            count_request("home", "GET", 200, 0.01)

    threads = [threading.Thread(target=ask) for _thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [sum(row.counts) for row in read_request_counts()] == [4000, 4000]


def test_more_combinations_than_there_is_room_for_are_counted_together(tmp_path: Path) -> None:
    counter = RequestCounter(tmp_path / "1.requests")
    for n in range(N_ROWS + 10):
        counter.add(f"view-{n}", "GET", 200, 0.1)
    rows = counter.read()
    assert int(rows["counts"].sum()) == N_ROWS + 10
    assert rows["view"][-1].decode() == OTHER
    counter.add("view-3", "BREW", 200, 0.1)
    assert int(counter.read()["counts"].sum()) == N_ROWS + 11


def test_unknown_method_is_not_a_label_of_its_own() -> None:
    count_request("home", "BREW", 405, 0.1)
    assert [row.method for row in read_request_counts()] == [OTHER]


def test_what_cannot_be_kept_on_the_disk_is_counted_in_memory(own_folder: Path) -> None:
    own_folder.write_text("a file where the folder should be")
    count_request("home", "GET", 200, 0.1)
    assert [sum(row.counts) for row in read_request_counts()] == [1]


def test_file_that_is_none_of_ours_is_left_out(own_folder: Path) -> None:
    count_request("home", "GET", 200, 0.1)
    (own_folder / "9.requests").write_bytes(b"\xff" * 100)
    assert [sum(row.counts) for row in read_request_counts()] == [1]


def test_forgetting_begins_at_zero(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count_request("home", "GET", 200, 0.1)
    forget_request_counts()
    monkeypatch.setattr(request_counts, "_counter", None)
    assert read_request_counts() == []
    assert np.all(RequestCounter(own_folder / "1.requests").read()["counts"] == 0)
