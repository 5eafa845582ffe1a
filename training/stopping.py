"""A run that is told to end early finishes its step first; all its processes end at the same."""

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, Literal, Self

import torch
from torch import distributed
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

Outcome = Literal["stop", "keep"]
# What processes tell each other. The greater wins: a stop loses nothing, and a signal may be the
# machine's own end.
_CODES: dict[Outcome | None, int] = {None: 0, "keep": 1, "stop": 2}
_WORDS: dict[str, Outcome] = {"stop": "stop", "keep": "keep"}
# A terminal signals a launcher and its processes, and the launcher passes its own on to them.
SAME_SIGNAL_S = 2.0


class StopRequest:
    """How a run is told to end early: `outcome` is None, "stop" or "keep" once `check` saw it.

    SIGTERM and SIGINT ask for a stop; another one, more than two seconds later, ends the process
    at once. The `control` file asks for what is written in it, `stop` or `keep`. Listens while it
    is entered as a context; entering removes the control file, which was meant for an earlier run,
    and leaving restores the signals.
    """

    def __init__(self, control: str | None = None) -> None:
        self.signal_name: str | None = None
        self.outcome: Outcome | None = None
        self._control = None if control is None else Path(control)
        self._last_word = ""
        self._received_at = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if self._control is not None and _is_first_process():
            self._control.unlink(missing_ok=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> Outcome | None:
        """Look whether an end was asked for, the same in all processes; each has to call this.

        The first process alone reads the control file; a signal to any of them counts for all.
        Once there is an outcome it stays.
        """
        if self.outcome is None:
            asked: Outcome | None = "stop" if self.signal_name else self._read_control()
            self.outcome = _agree(asked)
        return self.outcome

    def _read_control(self) -> Outcome | None:
        if self._control is None or not _is_first_process():
            return None
        try:
            word = self._control.read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return None
        if word in _WORDS:
            return _WORDS[word]
        # An empty file is one that is being written.
        if word and word != self._last_word:
            print(
                f"{self._control}: {word!r} is not a command; expected stop or keep",
                file=sys.stderr,
            )
        self._last_word = word
        return None

    def _receive(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.signal_name is None:
            self.signal_name, self._received_at = signal.Signals(number).name, now
        elif now - self._received_at > SAME_SIGNAL_S:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)


class StopAskedFor(Exception):
    """The run was told to end before its first step."""


class StopCallback(TrainerCallback):  # type: ignore[misc] # transformers is not typed
    """Ends the training after the step in which that was asked for; a stop saves a checkpoint."""

    def __init__(self, request: StopRequest) -> None:
        self._request = request

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl:
        """Ask the Trainer for the end, and for a checkpoint where the run is to go on."""
        outcome = self._request.check()
        if outcome is not None:
            control.should_training_stop = True
        if outcome == "stop":
            control.should_save = True
        return control


def _agree(asked: Outcome | None) -> Outcome | None:
    if not _is_distributed():
        return asked
    has_gpu = torch.cuda.is_available() and distributed.get_backend() != "gloo"
    code = torch.tensor(_CODES[asked], device="cuda" if has_gpu else "cpu")
    distributed.all_reduce(code, op=distributed.ReduceOp.MAX)
    return next(outcome for outcome, each in _CODES.items() if each == int(code))


def _is_distributed() -> bool:
    return bool(distributed.is_available() and distributed.is_initialized())


def _is_first_process() -> bool:
    # torchrun names the rank long before the processes have found each other.
    return (distributed.get_rank() if _is_distributed() else int(os.environ.get("RANK", "0"))) == 0
