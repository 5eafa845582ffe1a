"""Who else is told how a run goes: TensorBoard and Weights & Biases."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.integrations import TensorBoardCallback, WandbCallback

from training.config import ConfigError, DpoRun

WANDB_PROJECT = "kurabe"


def make_reporters(run: DpoRun) -> list[TrainerCallback]:
    """Return the callbacks to give to a Trainer, whose own `report_to` is to be "none".

    W&B is used where `WANDB_API_KEY` is set, or `WANDB_API_KEY_FILE` names a file that holds it.
    Where its package is missing, one line on standard error says so and the run goes on.

    Raises ConfigError for a key file that cannot be read.
    """
    reporters: list[TrainerCallback] = []
    if run.tensorboard is not None:
        reporters.append(TensorBoardReporter(run.tensorboard))
    if _has_wandb_key():
        if importlib.util.find_spec("wandb") is not None:
            os.environ.setdefault("WANDB_PROJECT", WANDB_PROJECT)
            reporters.append(WandbCallback())
        elif os.environ.get("RANK", "0") == "0":
            print(
                "WANDB_API_KEY is set, but the package wandb is not installed: nothing goes to"
                " Weights & Biases (pip install wandb)",
                file=sys.stderr,
            )
    return reporters


class TensorBoardReporter(TensorBoardCallback):  # type: ignore[misc] # transformers is not typed
    """Writes to one folder; a run that goes on takes back the steps that it does again."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.logging_dir = folder

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Open the log."""
        if state.is_world_process_zero:
            purge_step = state.global_step + 1 if state.global_step else None
            self.tb_writer = SummaryWriter(log_dir=self.logging_dir, purge_step=purge_step)
        super().on_train_begin(args, state, control, **kwargs)


def _has_wandb_key() -> bool:
    """Return whether there is a key for W&B, putting one that a file holds where W&B looks."""
    path = os.environ.get("WANDB_API_KEY_FILE")
    if path and not os.environ.get("WANDB_API_KEY"):
        try:
            os.environ["WANDB_API_KEY"] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(f"WANDB_API_KEY_FILE: {path}: {error.strerror}") from error
    return bool(os.environ.get("WANDB_API_KEY"))
