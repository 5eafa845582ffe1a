"""An engine that loads no model: it speaks the contract of a generation job and is ready at once.

`stand_in(engine=...)` gives the program that `ENGINE_PYTHON` runs in the place of a Python with
that engine's libraries. What it does stands in the candidate's `model`, a folder that need not be
there, as in `/models/echo?delay_s=0.1`:

    delay_s     seconds for each completion
    fail_after  completions after which it ends with an error
    die_after   completions after which it is killed, as by the kernel when memory runs out
    stop_after  completions after which it ends as if it were done
    slow_to_stop_s  seconds that it takes to end when it is asked to
"""

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ROOT = Path(__file__).resolve().parent.parent


def stand_in(folder: Path) -> str:
    """Write the program; it takes what a Python would: `-m MINDED annotate.generation JOB`."""
    program = folder / "echo-python"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} "$1" "$2" tests.echoing "$4"\n')
    program.chmod(0o755)
    return str(program)


def main() -> None:
    """Answer the requests of a job, one after another."""
    job_path = Path(sys.argv[1])
    job = json.loads(job_path.read_text())
    wishes = {key: float(value) for key, value in parse_qsl(urlsplit(job["model"]).query)}
    requests = (job_path.parent / job["requests"]).read_text().splitlines()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open(job_path.parent / job["completions"], flags, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    signal.signal(signal.SIGTERM, partial(_stop, wishes.get("slow_to_stop_s", 0)))
    print(f"{len(requests)} requests", flush=True)
    for n_made, row in enumerate(answer(requests, job["engine"])):
        _end_perhaps(wishes, n_made)
        time.sleep(wishes.get("delay_s", 0))
        os.write(descriptor, json.dumps(row, ensure_ascii=False).encode() + b"\n")
    _end_perhaps(wishes, len(requests))


def answer(requests: list[str], engine: str) -> Iterator[dict[str, Any]]:
    """Yield a completion for each request: what was said in it, by a seed."""
    for line in requests:
        request = json.loads(line)
        said = " | ".join([request["system"] or "-", *request["turns"]])
        yield {
            "key": request["key"],
            "replies": [f"{said} ({request['seed']})"] * len(request["turns"]),
            "finish_reason": "stop",
            "prompt_tokens": len(said),
            "completion_tokens": 7,
            "rendered_prompt_sha256": "0" * 64,
            "seed": request["seed"],
            "engine": engine,
            "engine_version": "echo 1",
            "seconds": 0.25,
        }


def _stop(seconds: float, signum: int, frame: FrameType | None) -> None:
    print("stopping", flush=True)
    time.sleep(seconds)
    sys.exit(128 + signum)


def _end_perhaps(wishes: dict[str, float], n_made: int) -> None:
    if n_made == wishes.get("fail_after"):
        print("error: the model broke", flush=True)
        sys.exit(1)
    if n_made == wishes.get("die_after"):
        os.kill(os.getpid(), signal.SIGKILL)
    if n_made == wishes.get("stop_after"):
        sys.exit(0)


if __name__ == "__main__":
    main()
