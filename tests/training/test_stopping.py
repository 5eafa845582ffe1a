import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerControl

from tests.training.conftest import ROOT
from training.stopping import SAME_SIGNAL_S, StopCallback, StopRequest


def end_step(request: StopRequest) -> TrainerControl:
    nothing: Any = None
    return StopCallback(request).on_step_end(nothing, nothing, TrainerControl())


def test_run_that_nobody_ends_goes_on(tmp_path: Path) -> None:
    with StopRequest(str(tmp_path / "control")) as request:
        assert request.check() is None
        control = end_step(request)
    assert (control.should_training_stop, control.should_save) == (False, False)


def test_signal_asks_for_a_checkpoint_and_the_end() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest() as request:
        signal.raise_signal(signal.SIGTERM)
        control = end_step(request)
    assert (request.outcome, request.signal_name) == ("stop", "SIGTERM")
    assert (control.should_training_stop, control.should_save) == (True, True)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("word", "saves"), [("stop\n", True), (" keep", False)])
def test_control_file_ends_the_run(word: str, saves: bool, tmp_path: Path) -> None:
    with StopRequest(str(tmp_path / "control")) as request:
        (tmp_path / "control").write_text(word)
        control = end_step(request)
    assert (request.outcome, request.signal_name) == (word.strip(), None)
    assert (control.should_training_stop, control.should_save) == (True, saves)


def test_control_file_of_an_earlier_run_counts_no_more(tmp_path: Path) -> None:
    (tmp_path / "control").write_text("keep")
    with StopRequest(str(tmp_path / "control")) as request:
        assert not (tmp_path / "control").exists()
        assert request.check() is None


def test_first_outcome_stays(tmp_path: Path) -> None:
    with StopRequest(str(tmp_path / "control")) as request:
        (tmp_path / "control").write_text("keep")
        assert request.check() == "keep"
        (tmp_path / "control").write_text("stop")
        assert request.check() == "keep"


def test_signal_goes_before_the_control_file(tmp_path: Path) -> None:
    with StopRequest(str(tmp_path / "control")) as request:
        (tmp_path / "control").write_text("keep")
        signal.raise_signal(signal.SIGINT)
        assert request.check() == "stop"


def test_unknown_word_is_said_once_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "control"
    with StopRequest(str(path)) as request:
        for word in ("", "halt", "halt"):
            path.write_text(word)
            assert request.check() is None
    assert capsys.readouterr().err == f"{path}: 'halt' is not a command; expected stop or keep\n"


LISTENING = f"""
import time
from training.stopping import StopRequest
with StopRequest() as request:
    print("ready", flush=True)
    deadline = time.monotonic() + 30
    while request.signal_name is None and time.monotonic() < deadline:
        time.sleep(0.01)
    print("received", flush=True)
    time.sleep({SAME_SIGNAL_S + 1})
    print("still here", flush=True)
    time.sleep(30)
"""


@pytest.mark.slow
def test_same_signal_twice_is_one_and_a_later_one_ends_the_process() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LISTENING], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "received\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "still here\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == -signal.SIGTERM


TWO_PROCESSES = """
import json, signal, sys
from pathlib import Path
from torch import distributed
from training.stopping import StopRequest

folder = Path(sys.argv[1])
distributed.init_process_group("gloo")
rank = distributed.get_rank()
said = {}
for case in ("keep", "stop"):
    with StopRequest(str(folder / "control")) as request:
        said[case] = [request.check()]
        if case == "stop" and rank == 1:
            signal.raise_signal(signal.SIGTERM)
        if case == "keep" and rank == 0:
            (folder / "control").write_text("keep")
        said[case] += [request.check(), request.check()]
(folder / f"said.{rank}").write_text(json.dumps(said))
distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_all_processes_end_at_the_same_step(tmp_path: Path) -> None:
    (tmp_path / "two.py").write_text(TWO_PROCESSES)
    subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"),
            *(str(tmp_path / "two.py"), str(tmp_path)),
        ],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=120,
    )
    for rank in (0, 1):
        said = json.loads((tmp_path / f"said.{rank}").read_text())
        assert said == {"keep": [None, "keep", "keep"], "stop": [None, "stop", "stop"]}
