"""Which of several processes this one is, as torchrun and our launchers say in the environment."""

import os
import signal
import threading
import time

from training.fields import ConfigError

ENDS_WITH_LAUNCHER = "KURABE_ENDS_WITH_LAUNCHER"
# For the step that is under way, and its checkpoint.
GRACE_S = 20


def is_rank() -> bool:
    """Return whether a launcher started this process as one of a group."""
    return "RANK" in os.environ


def is_first() -> bool:
    """Return whether this process writes what is written once: rows, the record, the model."""
    return int(os.environ.get("RANK", "0")) == 0


def first_or_nowhere(path: str) -> str:
    """Return the path of a file that the first process writes; the others write to nowhere."""
    return path if is_first() else os.devnull


def check_world(processes: int) -> None:
    """Raise ConfigError unless as many processes were started as the run asks for."""
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != processes:
        raise ConfigError(
            f"field 'processes': the run asks for {processes}, and {started} were started; "
            "expected the same"
        )


def end_with_launcher() -> None:
    """Listen to the launcher's end of this process's standard input, and end when it is closed.

    The kernel closes it however the launcher dies; what it started must not train on unseen. To be
    called by a rank; does nothing under a launcher that opens no such pipe, as torchrun.
    """
    if os.environ.pop(ENDS_WITH_LAUNCHER, None):
        threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)
