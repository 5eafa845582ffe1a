"""What a DPO run can do beside learning: end early, adapters, a few layers, noise, its card."""

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.training.conftest import ROOT, make_pair, make_run, read_rows, write_rows
from training.__main__ import STOPPED, main
from training.config import DpoRun
from training.flips import estimate_flip_rate
from training.run_files import write_run

pytestmark = pytest.mark.slow


def run_main(path: str, errors: str) -> None:
    """Run `python -m training` in this process, with its errors in a file."""
    with Path(errors).open("w", encoding="utf-8") as file, contextlib.redirect_stderr(file):
        status = main([path])
    sys.exit(status)


def start(processes: Any, run: DpoRun, folder: Path) -> Any:
    write_run(run, folder / "run.json")
    process = processes.Process(
        target=run_main, args=(str(folder / "run.json"), str(folder / "errors"))
    )
    process.start()
    return process


def train(processes: Any, run: DpoRun, folder: Path) -> int:
    process = start(processes, run, folder)
    process.join(120)
    return int(process.exitcode)


def say(run: DpoRun, word: str, *, after_step: int) -> None:
    """Write a word into the run's control file once it has done that step."""
    deadline = time.monotonic() + 120
    while f'"step": {after_step}, ' not in _read(run.metrics).replace('"started"', ""):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert run.control is not None
    Path(run.control).write_text(word, encoding="utf-8")


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""


def load_model(folder: str) -> Any:
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - as in test_dpo

    return AutoModelForCausalLM.from_pretrained(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    votes = [{"votes_chosen": 3 - n % 4 // 3, "votes_rejected": n % 4 // 3} for n in range(48)]
    write_rows(tmp_path / "pairs.jsonl", [make_pair(n, **votes[n]) for n in range(48)])
    return tmp_path


def test_run_told_to_keep_what_it_has_is_a_finished_model(
    processes: Any, tiny_model: Path, folder: Path
) -> None:
    run = make_run(tiny_model, folder, epochs=40, batch_size=4, control=str(folder / "control"))
    Path(folder / "control").write_text("stop")  # of an earlier run
    process = start(processes, run, folder)
    say(run, "keep", after_step=3)
    process.join(120)
    assert process.exitcode == 0
    last = read_rows(Path(run.metrics))[-1]
    assert last["finished"] is True
    assert 3 <= last["step"] < last["total_steps"] == 480
    record = json.loads((Path(run.output_dir) / "training.json").read_text())
    assert (record["final"]["step"], record["final"]["total_steps"]) == (last["step"], 480)
    card = (Path(run.output_dir) / "README.md").read_text(encoding="utf-8")
    assert f"It was ended early, at step {last['step']} of 480." in card
    assert load_model(run.output_dir).num_parameters() > 0
    assert not (Path(run.output_dir) / "checkpoints").exists()


def test_run_told_to_stop_by_its_file_can_go_on(
    processes: Any, tiny_model: Path, folder: Path
) -> None:
    run = make_run(tiny_model, folder, epochs=40, batch_size=4, control=str(folder / "control"))
    process = start(processes, run, folder)
    say(run, "stop", after_step=3)
    process.join(120)
    assert process.exitcode == STOPPED
    last = read_rows(Path(run.metrics))[-1]
    assert (last["finished"], last["stopped"]) == (False, "stop")
    assert Path(last["checkpoint"]).name == f"checkpoint-{last['step']}"
    assert (Path(last["checkpoint"]) / "whole.json").exists()


def test_robust_run_with_lisa_and_noise_says_all_that_it_did(
    processes: Any, tiny_model: Path, folder: Path
) -> None:
    lineage = folder / "lineage.json"
    lineage.write_text(json.dumps({"name": "child", "licences": ["CC-BY-NC-SA-4.0"]}))
    run = make_run(
        tiny_model,
        folder,
        loss_type=("robust",),
        lisa_layers=1,
        lisa_every=2,
        neftune_alpha=5.0,
        lineage=str(lineage),
        tensorboard=str(folder / "logs"),
    )
    assert train(processes, run, folder) == 0, _read(str(folder / "errors"))
    rows = read_rows(Path(run.metrics))
    implied = estimate_flip_rate([(3, 0)] * 36 + [(2, 1)] * 12)
    assert rows[0]["label_smoothing"] == pytest.approx(implied)
    losses = EventAccumulator(run.tensorboard).Reload().Scalars("train/loss")
    assert [event.step for event in losses] == [1, 2, 3, 4, 5, 6]
    card = (Path(run.output_dir) / "README.md").read_text(encoding="utf-8")
    assert "license: cc-by-nc-sa-4.0\n" in card
    assert f"- Share of wrong labels taken: {implied:.6g}\n" in card
    for setting in ("| lisa_layers | 1 |", "| neftune_alpha | 5 |", "| loss_type | robust |"):
        assert f"{setting}\n" in card


def test_robust_run_needs_votes_that_could_disagree(
    processes: Any, tiny_model: Path, tmp_path: Path
) -> None:
    write_rows(tmp_path / "pairs.jsonl", [make_pair(n, votes_chosen=2) for n in range(8)])
    run = make_run(tiny_model, tmp_path, loss_type=("robust",))
    assert train(processes, run, tmp_path) == 1
    said = _read(str(tmp_path / "errors")).splitlines()[-1]
    assert said.startswith(f"error: {run.pairs}: no pair has 4 decisive votes or more")
    assert said.endswith("expected label_smoothing to be set")


@pytest.mark.parametrize("merge", [True, False])
def test_run_with_adapters_leaves_a_model_that_engines_read(
    merge: bool, processes: Any, tiny_model: Path, folder: Path
) -> None:
    run = make_run(tiny_model, folder, lora_rank=4, lora_dropout=0.1, merge_adapter=merge)
    assert train(processes, run, folder) == 0, _read(str(folder / "errors"))
    names = {path.name for path in Path(run.output_dir).iterdir()}
    common = {"tokenizer.json", "training.json", "README.md", "generation_config.json"}
    assert common <= names
    assert ("model.safetensors" in names, "adapter" in names) == (merge, merge)
    assert ("adapter_model.safetensors" in names) is not merge
    card = (Path(run.output_dir) / "README.md").read_text(encoding="utf-8")
    assert "- lora\n" in card
    parent, child = load_model(str(tiny_model)), load_model(run.output_dir)
    ids = parent.dummy_inputs["input_ids"]
    assert (parent(ids).logits - child(ids).logits).abs().max() > 1e-4


def test_dropout_of_adapters_is_not_switched_off(tiny_model: Path, folder: Path) -> None:
    """TRL switches all dropout off, the adapters' too, unless it is told not to."""
    from training.dpo import prepare  # noqa: PLC0415 - loads torch and TRL

    run = make_run(tiny_model, folder, lora_rank=4, lora_dropout=0.1)
    model = prepare(run, scratch=str(folder / "scratch")).trainer.model
    rates = {m.p for name, m in model.named_modules() if "lora_dropout.default" in name}
    assert rates == {0.1}


def test_adapters_in_shards_are_gathered_and_merged(
    processes: Any, tiny_model: Path, folder: Path
) -> None:
    """Two processes that share the model by FSDP2 leave the weights that one leaves."""
    one = make_run(tiny_model, folder, lora_rank=4, output_dir=str(folder / "one"))
    assert train(processes, one, folder) == 0
    two = replace(one, output_dir=str(folder / "two"), processes=2, batch_size=4, sharding="fsdp")
    write_run(two, folder / "two.json")
    launched = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"),
            *("-m", "tests.training.shards_on_cpu", folder / "two.json", folder / "parts"),
        ],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert launched.returncode == 0, launched.stderr
    parts = json.loads((folder / "parts.1").read_text())
    cut = [part for name, part in parts.items() if "lora_A" in name]
    assert cut
    assert all(part["here"] < part["elements"] for part in cut)
    base, alone, together = (
        load_file(Path(model) / "model.safetensors")
        for model in (tiny_model, one.output_dir, two.output_dir)
    )
    assert set(alone) == set(together) == set(base)
    assert max(abs(alone[name] - base[name]).max() for name in base) > 1e-3
    assert max(abs(alone[name] - together[name]).max() for name in base) < 1e-5
    assert (Path(two.output_dir) / "adapter" / "adapter_model.safetensors").exists()
