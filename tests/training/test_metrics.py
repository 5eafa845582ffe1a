import json
from pathlib import Path

from tests.training.conftest import read_rows
from training.metrics import MetricsFile, name_measurements


def test_metrics_file_writes_numbers_json_cannot_hold_as_null(tmp_path: Path) -> None:
    metrics = MetricsFile(tmp_path / "new" / "metrics.jsonl")
    metrics.write({"step": 1, "loss": float("nan"), "grad_norm": float("inf")})
    assert read_rows(metrics.path) == [{"step": 1, "loss": None, "grad_norm": None}]
    metrics.close()


def test_metrics_file_begins_anew_unless_it_resumes(tmp_path: Path) -> None:
    for resume, expected in ((False, [1]), (True, [1, 1]), (False, [1])):
        metrics = MetricsFile(tmp_path / "metrics.jsonl", resume=resume)
        metrics.write({"step": 1})
        metrics.close()
        assert [row["step"] for row in read_rows(metrics.path)] == expected


def test_metrics_file_does_not_join_half_a_row(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2, "lo', encoding="utf-8")
    metrics = MetricsFile(path, resume=True)
    metrics.write({"step": 2})
    metrics.close()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(lines[0]), json.loads(lines[2])] == [{"step": 1}, {"step": 2}]


def test_measurements_have_their_own_names() -> None:
    logs = {"loss": 0.5, "rewards/margins": 1.5, "eval_rewards/accuracies": 0.75, "train_loss": 9}
    assert name_measurements(logs) == {
        "loss": 0.5,
        "reward_margin": 1.5,
        "eval_reward_accuracy": 0.75,
    }
