"""Real DPO runs, in processes of their own, on a model that is made on the spot."""

import json
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import (
    make_pair,
    make_run,
    read_rows,
    say,
    start_training,
    train,
    write_rows,
)
from training.__main__ import main
from training.config import DpoRun
from training.data import hash_file, read_pairs
from training.run_files import describe_run, write_run

ROW = {
    "step",
    "total_steps",
    "epoch",
    "loss",
    "reward_accuracy",
    "reward_margin",
    "chosen_logp",
    "rejected_logp",
    "token_accuracy",
    "entropy",
    "grad_norm",
    "learning_rate",
    "tokens_seen",
    "tokens_per_s",
    "memory_bytes",
    "seconds",
    "eta_s",
}


@dataclass(frozen=True)
class Trained:
    """A run that came to its end."""

    run: DpoRun
    rows: list[dict[str, Any]]


@pytest.fixture(scope="module")
def trained(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("dpo")
    too_long = make_pair(0, prompt=say("user", "wide " * 200))
    pairs = [make_pair(number) for number in range(32)] + [too_long]
    run = make_run(
        tiny_model,
        folder,
        epochs=3,
        loss_type=("sigmoid", "sft"),
        loss_weights=(1.0, 0.2),
        eval_pairs=str(write_rows(folder / "eval.jsonl", [make_pair(n) for n in range(40, 48)])),
    )
    write_rows(folder / "pairs.jsonl", pairs)
    process = train(run, folder)
    assert process.returncode == 0, process.stderr
    return Trained(run, read_rows(folder / "metrics.jsonl"))


def test_dpo_learns_which_reply_is_chosen(trained: Trained) -> None:
    steps = [row for row in trained.rows if "reward_accuracy" in row and "finished" not in row]
    assert steps[0]["reward_margin"] == 0.0
    assert steps[-1]["loss"] < steps[0]["loss"]
    assert steps[-1]["reward_accuracy"] > 0.5
    assert steps[-1]["reward_margin"] > 0


def test_dpo_learns_what_it_was_not_shown(trained: Trained) -> None:
    assert trained.rows[-1]["eval_reward_accuracy"] > 0.5


def test_dpo_says_first_what_it_trains_on(trained: Trained) -> None:
    first = trained.rows[0]
    assert first["tokens"] > first["read_tokens"] > 32 * 10
    assert first["memory_available_bytes"] > first["memory_bytes"] > 0
    assert first["disk_free_bytes"] > first["disk_bytes"] > 4 * first["parameters"]
    assert first["seconds"] > 0
    expected = {
        "started": True,
        "step": 0,
        "total_steps": 12,
        "steps": 12,
        "method": "dpo",
        "pairs": 32,
        "dropped_pairs": 1,
        "dropped": {"prompt_fills_max_length": 1},
        "cut_pairs": 0,
        "merged_pairs": 0,
        "eval_pairs": 8,
        "layout": "packed",
        "layout_reason": "",
        "checkpointing": False,
        "label_smoothing": None,
    }
    assert {name: first[name] for name in expected} == expected


def test_dpo_shows_two_examples_as_they_are_fed(trained: Trained) -> None:
    examples = trained.rows[0]["examples"]
    assert [example["text"] for example in examples] == [
        "<|im_start|>user\nThe sea is wide 0.<|im_end|>\n"
        "<|im_start|>assistant\nThank you 0.<|im_end|>\n",
        "<|im_start|>user\nThe sea is wide 1.<|im_end|>\n"
        "<|im_start|>assistant\nThank you 1.<|im_end|>\n",
    ]
    assert all(isinstance(number, int) for number in examples[0]["ids"])
    assert [example["begins_with_bos"] for example in examples] == [False, False]


def test_forecast_is_printed_and_nothing_is_trained(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path / "pairs.jsonl", [make_pair(number) for number in range(4)])
    run = make_run(tiny_model, tmp_path, epochs=2, batch_size=2)
    write_run(run, tmp_path / "run.json")
    assert main([str(tmp_path / "run.json"), "--forecast"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["pairs"], said["steps"], len(said["examples"])) == (4, 4, 2)
    assert not Path(run.output_dir).exists()
    assert not Path(run.metrics).exists()


def test_dpo_writes_a_row_for_each_step(trained: Trained) -> None:
    rows = trained.rows[1:13]
    assert [set(row) for row in rows] == [ROW] * 12
    assert [row["step"] for row in rows] == list(range(1, 13))
    assert rows[-1]["epoch"] == 3.0
    assert rows[-1]["eta_s"] == 0.0


def test_dpo_says_last_that_it_is_finished(trained: Trained) -> None:
    last = trained.rows[-1]
    assert (last["finished"], last["step"], last["total_steps"]) == (True, 12, 12)


def test_dpo_saves_a_model_that_loads_and_prefers_the_chosen(
    trained: Trained, tiny_model: Path
) -> None:
    child = measure_margin(Path(trained.run.output_dir), trained.run)
    parent = measure_margin(tiny_model, trained.run)
    assert child > parent


def test_dpo_saves_all_that_a_model_folder_needs(trained: Trained) -> None:
    folder = Path(trained.run.output_dir)
    needed = {
        "model.safetensors",
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "training.json",
    }
    assert needed <= {path.name for path in folder.iterdir()}
    assert not (folder / "checkpoints").exists()


def test_dpo_records_how_the_model_came_to_be(trained: Trained) -> None:
    record = json.loads((Path(trained.run.output_dir) / "training.json").read_text())
    assert record["run"] == json.loads(json.dumps(describe_run(trained.run)))
    assert record["pairs_sha256"] == hash_file(trained.run.pairs)
    assert set(record["versions"]) == {"torch", "transformers", "trl", "datasets", "peft"}
    forecast = record["forecast"]
    assert (forecast["pairs"], forecast["dropped_pairs"]) == (32, 1)
    assert record["final"]["reward_accuracy"] == trained.rows[12]["reward_accuracy"]


@pytest.mark.slow
def test_dpo_stops_at_sigterm_and_goes_on_from_its_checkpoint(
    tiny_model: Path, tmp_path: Path
) -> None:
    write_rows(tmp_path / "pairs.jsonl", [make_pair(number) for number in range(64)])
    run = make_run(tiny_model, tmp_path, epochs=6, batch_size=4)
    process = start_training(run, tmp_path)
    wait_for_step(tmp_path / "metrics.jsonl", step=3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    last = read_rows(tmp_path / "metrics.jsonl")[-1]
    assert (last["finished"], last["stopped"]) == (False, "SIGTERM")
    assert 3 <= last["step"] < last["total_steps"]
    assert last["checkpoint"] == str(
        Path(run.output_dir) / "checkpoints" / f"checkpoint-{last['step']}"
    )
    resumed = train(replace(run, resume=True), tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    rows = read_rows(tmp_path / "metrics.jsonl")
    assert [row["step"] for row in rows if "loss" in row and "finished" not in row] == list(
        range(1, last["total_steps"] + 1)
    )
    assert rows[-1]["finished"] is True


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"max_length": 5}, "no pair is left to train on with max_length 5: 2 prompt fills"),
        ({"model": "no/such-model"}, "field 'model': 'no/such-model' cannot be loaded"),
        ({"dtype": "bfloat16"}, "field 'dtype': 'bfloat16' needs a CUDA device"),
    ],
)
def test_dpo_refuses_bad_input_in_one_line(
    fields: dict[str, Any],
    said: str,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_rows(tmp_path / "pairs.jsonl", [make_pair(1), make_pair(2)])
    write_run(replace(make_run(tiny_model, tmp_path), **fields), tmp_path / "run.json")
    assert main([str(tmp_path / "run.json")]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert said in last


def wait_for_step(metrics: Path, *, step: int) -> None:
    """Wait until the run has written that step's row."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        text = metrics.read_text(encoding="utf-8") if metrics.exists() else ""
        if f'{{"step": {step},' in text:
            return
        time.sleep(0.05)
    raise AssertionError(f"no step {step} within 60 s")


def measure_margin(model_folder: Path, run: DpoRun) -> float:
    """Return by how much the chosen replies are likelier than the rejected, in nats a pair."""
    import torch  # noqa: PLC0415 - only the tests that load a model wait for torch
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - as above

    model = AutoModelForCausalLM.from_pretrained(model_folder)
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    total = 0.0
    for pair in read_pairs(run.pairs)[:4]:
        for sign, reply in ((1, pair.chosen), (-1, pair.rejected)):
            ids = tokenizer.apply_chat_template(
                pair.prompt + reply, return_tensors="pt", return_dict=False
            )
            with torch.no_grad():
                total -= sign * float(model(ids, labels=ids).loss) * (ids.shape[1] - 1)
    return total / 4
