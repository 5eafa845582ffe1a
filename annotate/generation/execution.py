"""Running a generation job in this process, so that it can be killed and started again."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from annotate.generation.engines import start_engine
from annotate.generation.jobs import GenerationJob
from annotate.generation.rows import (
    GenerationRequest,
    JobError,
    encode_row,
    read_completions,
    read_requests,
)


def run_job(job: GenerationJob, *, say: Callable[[str], None] = lambda line: None) -> int:
    """Make the completions that are not made yet; return how many were made.

    Each row is on disk before the next batch begins, and a row that stands is kept, so a job
    that was killed goes on where it was. `say` is given a line for the log once the engine has
    started. Raises JobError on bad input.
    """
    begun = time.perf_counter()
    requests = read_requests(job.requests)
    with _open_completions(job.completions) as descriptor:
        _cut_torn_line(descriptor)
        missing = _leave_out_made(job, requests)
        if not missing:
            return 0
        with closing(start_engine(job)) as engine:
            seconds = time.perf_counter() - begun
            say(f"{job.engine} is ready after {seconds:.1f} s; {len(missing)} to make")
            for completion in engine.generate(missing):
                _append(descriptor, encode_row(completion.to_dict()))
    return len(missing)


@contextmanager
def _open_completions(path: Path) -> Iterator[int]:
    """Open the completions file for this process alone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise JobError(f"{path}: completions cannot be written: {error.strerror}") from error
    try:
        _lock(descriptor, path)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    """Hold the file until this process ends: a worker may start a job again too early."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise JobError(f"{path}: another process is writing these completions") from error


def _cut_torn_line(descriptor: int) -> None:
    """Cut what follows the last newline: a process was killed while it wrote that line."""
    size = os.fstat(descriptor).st_size
    end, block = size, 1 << 16
    while end > 0:
        start = max(0, end - block)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(descriptor, end)


def _leave_out_made(
    job: GenerationJob, requests: Sequence[GenerationRequest]
) -> list[GenerationRequest]:
    """Return the requests without a completion; raises JobError for another job's completions."""
    seeds = {request.key: request.seed for request in requests}
    made: set[str] = set()
    for completion in read_completions(job.completions):
        found = (completion.engine, completion.seed)
        expected = (job.engine, seeds.get(completion.key))
        if found != expected:
            raise JobError(
                f"{job.completions}: key {completion.key!r} has engine and seed {found}, "
                f"the job has {expected}; give this job a completions file of its own"
            )
        made.add(completion.key)
    return [request for request in requests if request.key not in made]


def _append(descriptor: int, line: bytes) -> None:
    # One system call for a line: a signal or a kill falls before or after it, not within.
    while line:
        line = line[os.write(descriptor, line) :]
