"""`manage.py serve` as an operator runs it: it answers, mends what dies, and leaves nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from annotate.services.serving import Kept, free_port, keep_running
from tests.conftest import ROOT

PATIENCE_S = 180


def wait_for(what: Callable[[], object], words: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, words
        time.sleep(0.1)


@pytest.fixture
def fresh_home() -> Iterator[Path]:
    """Give a folder under a path short enough for a socket."""
    home = Path(tempfile.mkdtemp(prefix="kurabe-"))
    yield home
    shutil.rmtree(home)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=60).status_code == 200
    except httpx.TransportError:
        return False


def find(serve: psutil.Process, *words: str) -> list[psutil.Process]:
    """Give the processes under `serve` whose command holds all of these words."""
    found = []
    for process in serve.children(recursive=True):
        try:
            command = process.cmdline()
        except psutil.NoSuchProcess:
            continue
        if all(word in command for word in words):
            found.append(process)
    return found


@pytest.mark.slow
def test_serve_mends_what_dies_and_leaves_nothing_behind(fresh_home: Path) -> None:
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"], "KURABE_HOME": str(fresh_home), "LOG_FORMAT": "json",
        "WEB_WORKERS": "1", "WEB_THREADS": "2",
    }  # fmt: skip
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    early = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True,
                           timeout=PATIENCE_S)  # fmt: skip
    assert early.returncode == 1
    assert "migrations are not applied" in early.stderr
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True, timeout=PATIENCE_S)

    url, log = f"http://127.0.0.1:{port}", fresh_home / "serve.log"
    with log.open("wb") as output:
        started = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output,
                                   stderr=subprocess.STDOUT)  # fmt: skip
    serve = psutil.Process(started.pid)
    try:
        wait_for(lambda: answers(url), "the site does not answer")
        for words in (("granian",), ("manage", "worker")):
            wait_for(lambda words=words: find(serve, *words), f"no {words}")
            for victim in find(serve, *words):
                if "annotate.services.minded" not in victim.cmdline():
                    victim.kill()
                    break
        wait_for(lambda: answers(url), "the web server is not started again")
        wait_for(lambda: len(find(serve, "manage", "worker")) == 2, "nor the worker")
        postmaster = int((fresh_home / "postgres" / "postmaster.pid").read_text().split()[0])
        psutil.Process(postmaster).kill()
        wait_for(lambda: answers(url), "the database is not started again")
        children = serve.children(recursive=True)
        started.send_signal(signal.SIGTERM)
        assert started.wait(PATIENCE_S) == 0
    finally:
        started.kill()
        started.wait()
    _gone, alive = psutil.wait_procs(children, timeout=30)
    assert [each.cmdline() for each in alive] == []
    # Nothing of the embedded PostgreSQL runs on, though another than the first had to be started.
    assert not (fresh_home / "postgres" / "postmaster.pid").exists()
    first, *lines = log.read_text(encoding="utf-8").splitlines()
    assert first == f"Kurabe serves {url}; Ctrl-C or SIGTERM stops it."
    assert lines.pop() == "Stopped."
    said = [json.loads(line) for line in lines]
    assert sum("it is started again" in each["message"] for each in said) == 2


def test_program_that_dies_is_started_again_after_ever_longer_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that writes when it began and fails: three times, after 1 and 2 seconds."""
    module = tmp_path / "failing.py"
    module.write_text(
        "import pathlib, sys, time\n"
        f"with pathlib.Path({str(tmp_path / 'begun')!r}).open('a') as file:\n"
        "    file.write(f'{time.monotonic()}\\n')\n"
        "sys.exit(3)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    begun, stopping = tmp_path / "begun", threading.Event()

    def count() -> int:
        return len(begun.read_text().splitlines()) if begun.exists() else 0

    program = Kept("failing", ["failing"])
    keeper = threading.Thread(target=keep_running, args=[[program]], kwargs={"stopping": stopping})
    keeper.start()
    try:
        wait_for(lambda: count() >= 3, "it is not started again")
    finally:
        stopping.set()
        keeper.join(PATIENCE_S)
    first, second, third = map(float, begun.read_text().split()[:3])
    assert second - first >= 1
    assert third - second >= 2


def test_program_ends_when_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lasting.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    stopping = threading.Event()
    program = Kept("lasting", ["lasting"])
    keeper = threading.Thread(target=keep_running, args=[[program]], kwargs={"stopping": stopping})
    keeper.start()
    wait_for(lambda: program.process is not None, "it is not started")
    assert program.process is not None
    stopping.set()
    keeper.join(PATIENCE_S)
    assert not keeper.is_alive()
    assert program.process.poll() is not None
