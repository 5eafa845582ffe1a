"""Pairs that a tiny model can learn to tell apart, and runs on them."""

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import make_tiny_model
from training.config import DpoRun
from training.run_files import Run, write_run

ROOT = Path(__file__).resolve().parents[2]


def say(role: str, content: str) -> list[dict[str, str]]:
    """Write a turn."""
    return [{"role": role, "content": content}]


def make_pair(number: int, **columns: Any) -> dict[str, Any]:
    """Write a pair whose good reply says thanks and whose bad one says no."""
    return {
        "prompt": say("user", f"The sea is wide {number}."),
        "chosen": say("assistant", f"Thank you {number}."),
        "rejected": say("assistant", f"No no no {number}."),
        **columns,
    }


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write JSONL."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read JSONL, each line of which must be whole."""
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def start_training(
    run: Run, folder: Path, *options: str, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start `python -m training` on a run, in a process of its own as a worker does."""
    write_run(run, folder / "run.json")
    return subprocess.Popen(
        [sys.executable, "-m", "training", str(folder / "run.json"), *options],
        cwd=ROOT,
        env={**os.environ, **(environment or {}), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def train(run: Run, folder: Path) -> subprocess.CompletedProcess[str]:
    """Train to the end and return what was said."""
    process = start_training(run, folder)
    output, errors = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a model of random weights with a chat template."""
    return make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def alone(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> DpoRun:
    """Give the run that one process makes of what several are to make the same of."""
    from tests.training.launching import train_alone  # noqa: PLC0415 - it imports from here

    return train_alone(tiny_model, tmp_path_factory.mktemp("alone"))


def make_run(model: Path, folder: Path, **fields: Any) -> DpoRun:
    """Describe a quick run on `folder/pairs.jsonl`."""
    defaults: dict[str, Any] = {
        "model": str(model),
        "pairs": str(folder / "pairs.jsonl"),
        "output_dir": str(folder / "trained"),
        "metrics": str(folder / "metrics.jsonl"),
        "learning_rate": 1e-3,
        "batch_size": 8,
        "max_length": 128,
    }
    return DpoRun(**defaults | fields)


@pytest.fixture(scope="session")
def processes() -> Any:
    """Give processes that fork from one with torch in it, where each alone would load it for 10 s.

    They have one thread, so that the same sums are done in the same order.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["training.dpo"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        # The one that they fork from is started with the first, and keeps its environment.
        first = context.Process(target=int)
        first.start()
        first.join()
    return context
