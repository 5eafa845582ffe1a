"""Several processes train as one does, and really are several: real gloo, real shards."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.get_deepspeed import REASON, find_deepspeed
from tests.training.conftest import read_rows, start_training, train
from tests.training.launching import (
    PROCESSES,
    make_split_run,
    measure_difference,
    measure_weights,
    read_steps,
    run_torchrun,
)
from tests.training.test_dpo import wait_for_step
from tests.waiting import wait_until
from training.__main__ import main
from training.config import DpoRun
from training.run_files import write_run

SHIM = "tests/training/shards_on_cpu.py"


@pytest.mark.slow
def test_two_processes_train_as_one_does(alone: DpoRun, tiny_model: Path, tmp_path: Path) -> None:
    run = make_split_run(tiny_model, tmp_path)
    process = train(run, tmp_path)
    assert process.returncode == 0, process.stderr
    assert measure_difference(run, alone) < 1e-4
    assert measure_weights(run, alone) < 1e-4
    last = read_rows(Path(run.metrics))[-1]
    assert (last["finished"], last["step"]) == (True, 8)
    record = json.loads((Path(run.output_dir) / "training.json").read_text())
    assert record["run"]["processes"] == PROCESSES
    assert [path.name for path in sorted((tmp_path / "run.launch").iterdir())] == [
        "rank-0.log",
        "rank-1.log",
    ]


@pytest.mark.slow
def test_fsdp_cuts_every_parameter_and_trains_as_one_process_does(
    alone: DpoRun, tiny_model: Path, tmp_path: Path
) -> None:
    run = make_split_run(
        tiny_model, tmp_path, sharding="fsdp", reference_cache=str(tmp_path / "references")
    )
    held = train_sharded(run, tmp_path)
    references = [read_parts(tmp_path / f"parts.reference.{rank}") for rank in range(PROCESSES)]
    for parts in held + references:
        assert len(parts) > 10
        assert {part["ranks"] for part in parts.values()} == {PROCESSES}
        assert {part["placements"] for part in parts.values()} == {"(Shard(dim=0),)"}
    for name, part in held[0].items():
        assert part["here"] == part["elements"] / PROCESSES
        assert part["here"] + held[1][name]["here"] == part["elements"]
    assert measure_difference(run, alone) < 1e-4
    assert measure_weights(run, alone) < 1e-4


@pytest.mark.slow
def test_deepspeed_shares_the_optimizer_and_trains_as_one_process_does(
    alone: DpoRun, tiny_model: Path, tmp_path: Path
) -> None:
    folder = find_deepspeed()
    if folder is None:
        pytest.skip(REASON)
    names = ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps",
             "gradient_clipping")  # fmt: skip
    config = {"zero_optimization": {"stage": 2}, **dict.fromkeys(names, "auto")}
    (tmp_path / "zero.json").write_text(json.dumps(config), encoding="utf-8")
    run = make_split_run(
        tiny_model, tmp_path, sharding="deepspeed", deepspeed_config=str(tmp_path / "zero.json")
    )
    for parts in train_sharded(run, tmp_path, path=str(folder)):
        assert parts["stage"] == 2
        assert parts["here"] == parts["elements"] / PROCESSES
    assert measure_difference(run, alone) < 1e-4
    assert measure_weights(run, alone) < 1e-4


@pytest.mark.slow
def test_two_processes_stop_at_the_same_step_and_go_on(tiny_model: Path, tmp_path: Path) -> None:
    run = make_split_run(tiny_model, tmp_path, epochs=8)
    process = start_training(run, tmp_path)
    wait_for_step(tmp_path / "metrics.jsonl", step=3)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    last = read_rows(tmp_path / "metrics.jsonl")[-1]
    assert (last["finished"], last["stopped"]) == (False, "SIGTERM")
    resumed = train(replace(run, resume=True), tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert len(read_steps(run)) == 32


@pytest.mark.slow
def test_ranks_end_with_a_launcher_that_is_killed(tiny_model: Path, tmp_path: Path) -> None:
    run = make_split_run(tiny_model, tmp_path, epochs=500)
    process = start_training(run, tmp_path)
    wait_for_step(tmp_path / "metrics.jsonl", step=1)
    ranks = find_children(process.pid)
    assert len(ranks) == PROCESSES
    process.kill()
    process.communicate(timeout=60)
    wait_until_gone(ranks)
    assert read_rows(tmp_path / "metrics.jsonl")[-1]["stopped"] == "SIGTERM"


@pytest.mark.slow
def test_a_rank_that_is_killed_ends_the_others(tiny_model: Path, tmp_path: Path) -> None:
    run = make_split_run(tiny_model, tmp_path, epochs=500)
    process = start_training(run, tmp_path)
    wait_for_step(tmp_path / "metrics.jsonl", step=1)
    ranks = find_children(process.pid)
    os.kill(ranks[1], signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode != 0
    wait_until_gone(ranks)


@pytest.mark.slow
def test_a_launcher_that_starts_too_few_is_refused_in_one_line(
    tiny_model: Path, tmp_path: Path
) -> None:
    run = make_split_run(tiny_model, tmp_path)
    write_run(run, tmp_path / "run.json")
    process = run_torchrun("-m", "training", str(tmp_path / "run.json"), processes=1)
    assert process.returncode != 0
    said = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
    assert said == [
        "error: field 'processes': the run asks for 2, and 1 were started; expected the same"
    ]
    assert not Path(run.output_dir).exists()


@pytest.mark.slow
def test_fsdp_that_would_shard_nothing_is_refused_in_one_line(
    tiny_model: Path, tmp_path: Path
) -> None:
    run = make_split_run(tiny_model, tmp_path, sharding="fsdp")
    process = train(run, tmp_path)
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1] == (
        "error: field 'sharding': 'fsdp' came to MULTI_CPU without a GPU; expected accelerate's "
        "FSDP"
    )


def test_one_process_refuses_to_be_two(
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_run(make_split_run(tiny_model, tmp_path), tmp_path / "run.json")
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "3")):
        monkeypatch.setenv(name, value)
    assert main([str(tmp_path / "run.json")]) == 1
    assert capsys.readouterr().err == (
        "error: field 'processes': the run asks for 2, and 3 were started; expected the same\n"
    )


def train_sharded(run: DpoRun, folder: Path, *, path: str = "") -> list[dict[str, Any]]:
    """Train under torchrun with shards on CPU; return what each rank held."""
    write_run(run, folder / "run.json")
    process = run_torchrun(SHIM, str(folder / "run.json"), str(folder / "parts"), path=path)
    assert process.returncode == 0, process.stderr[-4000:]
    return [read_parts(folder / f"parts.{rank}") for rank in range(PROCESSES)]


def read_parts(path: Path) -> dict[str, Any]:
    """Read what a rank wrote of what it holds."""
    parts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return parts


def find_children(pid: int) -> list[int]:
    """Return the processes that a process started, the oldest first."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until_gone(pids: list[int]) -> None:
    """Wait until the processes have ended."""
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
