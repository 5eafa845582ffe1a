"""`python -m annotate.generation job.json` runs one generation job in this process."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from annotate.generation.execution import run_job
from annotate.generation.jobs import read_job
from annotate.generation.rows import JobError

STOPPED_BY_SIGTERM = 128 + signal.SIGTERM


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job and return the exit status: 0, or 1 after one line on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m annotate.generation",
        description="Make the completions of a generation job. Started again, it goes on.",
    )
    parser.add_argument("job", type=Path, help="job file (JSON): engine, model, requests, ...")
    job_path = parser.parse_args(arguments).job
    signal.signal(signal.SIGTERM, _stop)
    try:
        n_made = run_job(read_job(job_path), say=_say)
    except JobError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(f"{n_made} completions made")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)  # the log is read while the job runs


def _stop(signum: int, frame: FrameType | None) -> None:
    # Rows are written by single system calls, so that this falls between two whole lines.
    raise SystemExit(STOPPED_BY_SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
