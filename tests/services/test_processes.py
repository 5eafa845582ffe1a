"""Processes that do GPU work: stopped when asked, ended with whoever started them, and read."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from annotate.services.processes import ProcessFailed, ProcessKilled, last_lines, run_module
from tests.waiting import wait_until

# It starts a process of its own, as vLLM does, and says which.
PARENT_OF_ONE = """
import os, signal, subprocess, sys, time
{before}
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
{after}
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file of a module that a process can run by its name, `busy`."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "busy.py"


def write(module: Path, *, before: str = "", after: str = "time.sleep(600)") -> None:
    module.write_text(PARENT_OF_ONE.format(before=before, after=after))


def pids(folder: Path) -> list[int]:
    """Give the ids of the process and of the one that it started, once it has said them."""
    wait_until(lambda: bool(last_lines(folder / "run.log")))
    return [int(pid) for pid in last_lines(folder / "run.log")[-1].split()]


def are_gone(pids: list[int]) -> bool:
    """Tell whether the processes have ended; a container may leave nobody to bury them."""
    return not any(
        psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        for pid in pids
    )


def test_process_that_may_not_go_on_is_stopped_with_all_that_it_started(
    module: Path, tmp_path: Path
) -> None:
    write(module)
    status = run_module(
        module="busy",
        config=tmp_path / "run.json",
        on_tick=lambda: None,
        may_go_on=lambda: not last_lines(tmp_path / "run.log"),
    )
    assert status == 143
    wait_until(lambda: are_gone(pids(tmp_path)))


@pytest.mark.parametrize("before", ["", "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))"])
def test_process_whose_starter_was_killed_ends_with_all_that_it_started(
    module: Path, tmp_path: Path, before: str
) -> None:
    """The starter alone is killed, as by the kernel when memory runs out."""
    write(module, before=before, after="time.sleep(600)")
    program = (
        "import django; django.setup(); from pathlib import Path;"
        "from annotate.services.processes import run_module;"
        f"run_module(module='busy', config=Path({str(tmp_path / 'run.json')!r}), on_tick=int)"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    starter = subprocess.Popen(
        [sys.executable, "-c", program], cwd=settings.BASE_DIR, env=environment
    )
    started = pids(tmp_path)
    assert not are_gone(started)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    wait_until(lambda: are_gone(started))


def test_process_that_ends_leaves_nothing_that_it_started(module: Path, tmp_path: Path) -> None:
    write(module, after="")
    assert run_module(module="busy", config=tmp_path / "run.json", on_tick=int) == 0
    wait_until(lambda: are_gone(pids(tmp_path)))


def test_process_that_fails_says_its_last_line_and_one_that_is_killed_the_signal(
    module: Path, tmp_path: Path
) -> None:
    config = tmp_path / "run.json"
    module.write_text("print('error: it broke'); print(); raise SystemExit(3)")
    with pytest.raises(ProcessFailed, match=r"^error: it broke$"):
        run_module(module="busy", config=config, on_tick=int)
    module.write_text("raise SystemExit(3)")
    (tmp_path / "run.log").unlink()
    with pytest.raises(ProcessFailed, match=r"^busy ended with status 3$"):
        run_module(module="busy", config=config, on_tick=int)
    module.write_text("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(ProcessKilled, match=r"^busy was killed by SIGKILL$"):
        run_module(module="busy", config=config, on_tick=int)


def test_log_is_read_as_a_terminal_shows_it(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    assert last_lines(log) == []
    log.write_bytes(b"\x1b[32mINFO\x1b[0m a\0b\r\n 1%\r 50%\r100%\nlast\xff")
    assert last_lines(log) == ["INFO a\ufffdb", "100%", "last\ufffd"]
    log.write_text("\n" * 300 + "".join(f"{n}\n" for n in range(300)))
    assert last_lines(log) == [str(n) for n in range(200, 300)]
    log.write_text("日本" * 100_000)
    assert len("\n".join(last_lines(log)).encode()) <= 16_500


def test_process_finds_no_secret_of_the_site_and_those_of_its_own_work(
    module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Engines and trainers run other people's libraries."""
    kept = {"HF_TOKEN": "hf_1", "OPENAI_API_KEY": "sk-1", "WANDB_API_KEY": "w1"}
    own = ("SECRET_KEY", "SECRET_KEY_FILE", "DATABASE_URL", "EMAIL_HOST_PASSWORD")
    for name in (*kept, *own):
        monkeypatch.setenv(name, kept.get(name, "planted"))
    module.write_text("import os, json\nprint(json.dumps(dict(os.environ)))\n")
    config = tmp_path / "run.json"
    config.write_text("{}")
    run_module(module="busy", config=config, on_tick=lambda: None)
    found = json.loads(last_lines(tmp_path / "run.log")[-1])
    assert {name: found.get(name) for name in kept} == kept
    assert "planted" not in found.values()
