"""Jobs for vLLM's own Python, and what the tests of it share."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from annotate.generation.jobs import (
    GenerationJob,
    GenerationRequest,
    read_completions,
    write_job,
    write_requests,
)
from annotate.generation.sampling import Sampling

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    **os.environ,
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
}
FLOAT32 = {"dtype": "float32", "enforce_eager": True, "max_num_seqs": 16}
START_S = 180


def make_job(
    folder: Path,
    model: Path,
    requests: list[GenerationRequest],
    *,
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> GenerationJob:
    """Write a job for vLLM, with its requests, into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    job = GenerationJob(
        engine="vllm",
        model=str(model),
        requests=folder / "requests.jsonl",
        completions=folder / "completions.jsonl",
        sampling=Sampling(**{"max_tokens": 24, **(settings or {})}),
        engine_options={**FLOAT32, **options},
    )
    write_requests(requests, job.requests)
    write_job(job, folder / "job.json")
    return job


def start_job(
    python: Path, folder: Path, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start the folder's job; output and errors go to files beside it."""
    with (folder / "out.log").open("w") as out, (folder / "errors.log").open("w") as errors:
        return subprocess.Popen(
            [str(python), "-m", "annotate.generation", str(folder / "job.json")],
            cwd=ROOT,
            env={**ENVIRONMENT, **(environment or {})},
            stdout=out,
            stderr=errors,
            text=True,
        )


def run_job_to_end(python: Path, folder: Path) -> int:
    """Run the folder's job and return its status."""
    return start_job(python, folder).wait(timeout=START_S)


def wait_for_rows(process: subprocess.Popen[str], job: GenerationJob, *, n_rows: int) -> None:
    """Wait until so many completions stand in the file."""
    deadline = time.monotonic() + START_S
    while len(read_completions(job.completions)) < n_rows:
        assert process.poll() is None, last_error(job)
        assert time.monotonic() < deadline
        time.sleep(0.01)


def last_error(job: GenerationJob) -> str:
    """Return the last line of the job's errors."""
    lines = (job.requests.parent / "errors.log").read_text().splitlines()
    return lines[-1] if lines else ""


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return all processes that the process has started, and they."""
    return psutil.Process(process.pid).children(recursive=True)


def wait_for_end(processes: list[psutil.Process], *, timeout_s: float) -> list[psutil.Process]:
    """Wait for the processes to be gone; return those that are left."""
    return psutil.wait_procs(processes, timeout=timeout_s)[1]


@contextmanager
def vllm_serving(python: Path, model: Path, *arguments: str) -> Iterator[str]:
    """Serve a model as `vllm serve` does, on a free port; give the endpoint's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(python), "-m", "vllm.entrypoints.cli.main", "serve", str(model)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", "tiny"]
    command += ["--dtype", "float32", "--max-num-seqs", "16", "--enforce-eager", *arguments]
    log = model.parent / "serve.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=ENVIRONMENT, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait_until_ready(process, port, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
