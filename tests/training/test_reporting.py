import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import TrainerControl, TrainerState, TrainingArguments

from training.config import ConfigError, DpoRun
from training.reporting import make_reporters


def make_run(**fields: Any) -> DpoRun:
    return DpoRun(model="m", pairs="p", output_dir="o", metrics="j", **fields)


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_API_KEY", "WANDB_API_KEY_FILE"):
        monkeypatch.setenv(name, "")


def report(folder: Path, *, first: int, last: int) -> None:
    """Report a loss of 1/step for each step, as a Trainer would."""
    [reporter] = make_reporters(make_run(tensorboard=str(folder)))
    arguments = TrainingArguments(output_dir=str(folder / "unused"), use_cpu=True)
    state, control = TrainerState(global_step=first - 1), TrainerControl()
    reporter.on_train_begin(arguments, state, control)
    for step in range(first, last + 1):
        state.global_step = step
        reporter.on_log(arguments, state, control, logs={"loss": 1 / step})
    reporter.on_train_end(arguments, state, control)


def read_losses(folder: Path) -> dict[int, float]:
    events = EventAccumulator(str(folder)).Reload()
    return {event.step: event.value for event in events.Scalars("train/loss")}


def test_tensorboard_can_be_read_back(tmp_path: Path) -> None:
    report(tmp_path / "logs", first=1, last=3)
    assert read_losses(tmp_path / "logs") == pytest.approx({1: 1, 2: 1 / 2, 3: 1 / 3})
    assert not (tmp_path / "logs" / "unused").exists()


def test_tensorboard_of_a_resumed_run_has_each_step_once(tmp_path: Path) -> None:
    report(tmp_path, first=1, last=4)
    report(tmp_path, first=3, last=5)
    assert read_losses(tmp_path) == pytest.approx({n: 1 / n for n in range(1, 6)})


def test_nobody_is_told_unless_asked() -> None:
    assert make_reporters(make_run()) == []


def test_missing_wandb_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # As Python itself marks what cannot be imported, wherever wandb happens to be installed.
    monkeypatch.setitem(sys.modules, "wandb", None)
    (tmp_path / "key").write_text("secret\n")
    monkeypatch.setenv("WANDB_API_KEY_FILE", str(tmp_path / "key"))
    assert make_reporters(make_run()) == []
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "the package wandb is not installed" in said
    assert "secret" not in said


def test_key_file_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY_FILE", "/no/such/key")
    with pytest.raises(ConfigError, match="WANDB_API_KEY_FILE: /no/such/key: No such file"):
        make_reporters(make_run())
