"""Runs of several processes, and what one process makes of the same pairs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.training.conftest import ROOT, make_pair, make_run, read_rows, train, write_rows
from training.config import DpoRun

N_PAIRS = 32
# Two processes of 4 pairs see what one of 8 sees, in the same order.
PROCESSES, TOGETHER = 2, 8
CURVE = ("loss", "grad_norm", "reward_margin", "chosen_logp")


def make_pairs_run(model: Path, folder: Path, **fields: Any) -> DpoRun:
    """Write pairs and describe a run of 8 steps on them."""
    folder.mkdir(exist_ok=True)
    write_rows(folder / "pairs.jsonl", [make_pair(number) for number in range(N_PAIRS)])
    return make_run(model, folder, **{"epochs": 2, "batch_size": TOGETHER} | fields)


def make_split_run(model: Path, folder: Path, **fields: Any) -> DpoRun:
    """Describe the same run for two processes."""
    split = {"batch_size": TOGETHER // PROCESSES, "processes": PROCESSES}
    return make_pairs_run(model, folder, **split | fields)


def train_alone(model: Path, folder: Path) -> DpoRun:
    """Train by one process."""
    run = make_pairs_run(model, folder)
    process = train(run, folder)
    assert process.returncode == 0, process.stderr
    return run


def run_torchrun(
    *arguments: str, processes: int = PROCESSES, path: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run torchrun, on this machine alone."""
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone",
         "--nproc-per-node", str(processes), *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{path}"},
        capture_output=True,
        text=True,
        timeout=240,
    )  # fmt: skip


def read_steps(run: DpoRun) -> list[dict[str, Any]]:
    """Read the rows of a run's steps; there must be one for each, written once."""
    rows = [row for row in read_rows(Path(run.metrics)) if "loss" in row and "finished" not in row]
    assert [row["step"] for row in rows] == list(range(1, rows[0]["total_steps"] + 1))
    return rows


def measure_difference(run: DpoRun, other: DpoRun) -> float:
    """Return the largest difference between two runs' curves, at any step of any measure."""
    pairs = list(zip(read_steps(run), read_steps(other), strict=True))
    assert len(pairs) == 2 * N_PAIRS // TOGETHER
    return max(abs(row[name] - twin[name]) for row, twin in pairs for name in CURVE)


def measure_weights(run: DpoRun, other: DpoRun) -> float:
    """Return the largest difference between two runs' weights, read as anyone reads a model."""
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - waits for torch

    weights, others = (
        AutoModelForCausalLM.from_pretrained(each.output_dir).state_dict() for each in (run, other)
    )
    assert weights.keys() == others.keys()
    return max(float((weights[name] - others[name]).abs().max()) for name in weights)
