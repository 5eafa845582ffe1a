"""A run that is told to stop finishes its step and keeps a checkpoint."""

import signal
from types import FrameType
from typing import Any, Self

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class StopRequest:
    """Becomes true at the first SIGTERM or SIGINT; a second one ends the process at once.

    Listens while it is entered as a context, and leaves the signals as they were.
    """

    def __init__(self) -> None:
        self.signal_name: str | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        return self.signal_name is not None

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.signal_name = signal.Signals(number).name
        for each in self._before:
            signal.signal(each, signal.SIG_DFL)


class StopCallback(TrainerCallback):  # type: ignore[misc] # transformers is not typed
    """Saves and stops after the step in which a stop was asked for."""

    def __init__(self, request: StopRequest) -> None:
        self._request = request

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl:
        """Ask the Trainer for a checkpoint and the end."""
        if self._request:
            control.should_save = True
            control.should_training_stop = True
        return control
