"""kill -9 at any moment, resume, and the weights are those of a run that nobody disturbed.

Processes are forked from one that has loaded torch already, since each would take seconds for it.
"""

import os
import random
import signal
import sys
import time
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from tests.training.conftest import make_pair, make_run, read_rows, write_rows
from training.config import DpoRun

STEPS = 12
# What Python says of a process's dealings with files, as they begin.
FILE_EVENTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}


def train_until_event(run: DpoRun, dies_at: int | None, log: str | None) -> None:
    """Train in this process, which kills itself at its n-th dealing with a checkpoint's files."""
    from training.dpo import train_dpo  # noqa: PLC0415 - in the forked process, as ever

    seen: list[str] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in FILE_EVENTS or "checkpoint-" not in str(arguments[0]):
            return
        seen.append(f"{event} {arguments[0]}")
        if len(seen) == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    train_dpo(run)
    if log is not None:
        Path(log).write_text("\n".join(seen), encoding="utf-8")


def start(processes: Any, run: DpoRun, *, dies_at: int | None = None, log: Any = None) -> Any:
    process = processes.Process(
        target=train_until_event, args=(run, dies_at, None if log is None else str(log))
    )
    process.start()
    return process


def read_weights(run: DpoRun) -> dict[str, bytes]:
    """Return all weights that a run saved, an adapter's among them, as bytes."""
    weights = {}
    for path in sorted(Path(run.output_dir).rglob("*.safetensors")):
        name = path.relative_to(run.output_dir)
        weights |= {f"{name}/{key}": value.tobytes() for key, value in load_file(path).items()}
    return weights


def kill_after_step(process: BaseProcess, run: DpoRun, step: int, delay_s: float) -> None:
    """Kill a process a moment after it has written that step's row, wherever it then is."""
    deadline = time.monotonic() + 120
    while f'"step": {step}, "total_steps": {STEPS}, "epoch"' not in _read(run.metrics):
        assert process.is_alive(), f"ended before step {step}"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(delay_s)
    process.kill()
    process.join()


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""


KINDS = {
    "full": {"neftune_alpha": 5.0, "gradient_accumulation": 2, "batch_size": 4},
    "lora": {"lora_rank": 4, "lora_dropout": 0.1},
    "lisa": {"lisa_layers": 1, "lisa_every": 3},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(KINDS))
def test_killed_run_resumed_gives_the_same_weights(
    kind: str, processes: Any, tiny_model: Path, tmp_path: Path
) -> None:
    write_rows(tmp_path / "pairs.jsonl", [make_pair(number) for number in range(32)])
    run = make_run(tiny_model, tmp_path, epochs=3, checkpoint_every=2, **KINDS[kind])
    whole = replace(run, output_dir=str(tmp_path / "whole"))
    events = tmp_path / "events"
    process = start(processes, whole, log=events)
    process.join()
    assert process.exitcode == 0
    n_events = len(events.read_text(encoding="utf-8").splitlines())
    assert n_events > 5 * 6  # at each of six checkpoints several files are written

    draw = random.Random(kind)
    resuming = replace(run, resume=True)
    killed_while_saving = 0
    for _ in range(6):
        process = start(processes, resuming, dies_at=draw.randint(2, n_events // 3))
        process.join()
        assert process.exitcode == -signal.SIGKILL
        killed_while_saving += has_partial_checkpoint(run)
    last_step = max(row["step"] for row in read_rows(Path(run.metrics)) if "loss" in row)
    process = start(processes, resuming)
    kill_after_step(process, run, min(last_step + 1, STEPS - 1), draw.random() * 0.05)
    process = start(processes, resuming)
    process.join()
    assert process.exitcode == 0
    assert killed_while_saving > 0
    assert read_weights(resuming) == read_weights(whole)


def has_partial_checkpoint(run: DpoRun) -> bool:
    from training.checkpoints import is_whole  # noqa: PLC0415 - quick tests load no torch

    folders = (Path(run.output_dir) / "checkpoints").glob("checkpoint-*")
    return any(not is_whole(folder) for folder in folders)
