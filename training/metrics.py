"""Metrics of a run as JSONL rows, each whole and on its way to the disk as soon as it is known."""

import json
import math
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.memory import used_bytes

# TRL's names, and the names that readers of a row see.
_ROW_NAMES = {
    "loss": "loss",
    "rewards/accuracies": "reward_accuracy",
    "rewards/margins": "reward_margin",
    "logps/chosen": "chosen_logp",
    "logps/rejected": "rejected_logp",
    "mean_token_accuracy": "token_accuracy",
    "entropy": "entropy",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "num_tokens": "tokens_seen",
}


class MetricsFile:
    """Appends rows to a JSONL file; a run that begins anew replaces what was there."""

    def __init__(self, path: str | Path, *, resume: bool = False) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a" if resume else "w", encoding="utf-8")
        self._end_broken_line()

    def write(self, row: dict[str, Any]) -> None:
        """Write one row in one piece; numbers that JSON cannot hold become null."""
        line = json.dumps({name: _finite(value) for name, value in row.items()})
        self._file.write(line + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; no row can be written afterwards."""
        self._file.close()

    def _end_broken_line(self) -> None:
        # A run killed in the middle of a row leaves half a line, and the next row must not join it.
        written = self.path.read_bytes()
        if written and not written.endswith(b"\n"):
            self._file.write("\n")


class Clock:
    """Seconds since a run began (or went on), and how long the rest will take at that pace."""

    def __init__(self, *, first_step: int, total_steps: int) -> None:
        self._first_step, self._total_steps = first_step, total_steps
        self._began = time.monotonic()
        self._counted: tuple[int | None, float | None] = (0, 0.0)

    def tokens_per_s(self, tokens: int | None, seconds: float | None) -> float | None:
        """Return the tokens that were read a second since the last call; they are counted in all.

        None where nobody counted them, and where they were counted by a run that this one resumes.
        """
        before, self._counted = self._counted, (tokens, seconds)
        if tokens is None or seconds is None or before[0] is None or before[1] is None:
            return None
        if tokens <= before[0] or seconds <= before[1]:
            return None
        return round((tokens - before[0]) / (seconds - before[1]), 1)

    def times(self, step: int) -> dict[str, float | None]:
        """Return `seconds` since the beginning and `eta_s`, None before the first step."""
        seconds = time.monotonic() - self._began
        steps_done = step - self._first_step
        eta_s = seconds / steps_done * (self._total_steps - step) if steps_done else None
        return {"seconds": round(seconds, 3), "eta_s": None if eta_s is None else round(eta_s, 3)}


class MetricsCallback(TrainerCallback):  # type: ignore[misc] # transformers is not typed
    """Writes a row for each log of a Trainer."""

    def __init__(self, metrics: MetricsFile) -> None:
        self._metrics = metrics
        self._clock: Clock | None = None
        self.last_row: dict[str, Any] = {}

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Let the time run that rows tell of."""
        self._clock = Clock(first_step=state.global_step, total_steps=state.max_steps)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write one row of what the Trainer logged; its own summary at the end is left out."""
        measured = name_measurements(logs or {})
        if not measured or not state.is_world_process_zero or self._clock is None:
            return
        place = {"step": state.global_step, "total_steps": state.max_steps, "epoch": state.epoch}
        self.last_row |= place | measured
        times = self._clock.times(state.global_step)
        speed = self._clock.tokens_per_s(measured.get("tokens_seen"), times["seconds"])
        row = place | measured | times | {"tokens_per_s": speed, "memory_bytes": used_bytes()}
        self._metrics.write(row)


def name_measurements(logs: dict[str, Any]) -> dict[str, Any]:
    """Pick out what a row reports, under its own names; those of an evaluation keep `eval_`."""
    measured = {}
    for name, value in logs.items():
        prefix, bare = ("eval_", name[5:]) if name.startswith("eval_") else ("", name)
        if bare in _ROW_NAMES:
            measured[prefix + _ROW_NAMES[bare]] = value
    return measured


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
