"""Run a module in a process of its own, and end it when whoever started this one is gone.

    python -m annotate.services.minded MODULE [ARGUMENT ...]

Standard input is the end of a pipe whose other end the starter holds open and never writes to.
The kernel closes that end however the starter dies, by SIGKILL too. This process leads a group, in
which is whatever the module starts; it loads nothing, so that it hears the pipe while the module
is busy. It runs in the interpreter of an engine, which may have no Django.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time

STDIN = 0
# For the line that is being written, and for giving a GPU back.
GRACE_S = 20


def main() -> int:
    """Run the module to its end; return its exit status, 128 + N where signal N ended it."""
    command = [sys.executable, "-m", *sys.argv[1:]]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        threading.Thread(target=_end_with_the_starter, args=[process], daemon=True).start()
        status = process.wait()
    if _is_orphan(timeout_s=0):
        _kill_group()
    return status if status >= 0 else 128 - status


def _end_with_the_starter(process: subprocess.Popen[bytes]) -> None:
    while not _is_orphan(timeout_s=60):
        pass
    process.terminate()
    time.sleep(GRACE_S)
    _kill_group()


def _is_orphan(*, timeout_s: float) -> bool:
    """Wait for the starter to be gone: its end of the pipe is closed, and there is no more to read.

    What it did write is of no matter.
    """
    readable, _writable, _exceptional = select.select([STDIN], [], [], timeout_s)
    return bool(readable) and os.read(STDIN, 4096) == b""


def _kill_group() -> None:
    """Kill this process and all that the module started, as vLLM starts its workers."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
