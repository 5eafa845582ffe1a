"""Jobs in processes of their own: killed, stopped, started again, and refused."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from annotate.generation.__main__ import main
from annotate.generation.execution import run_job
from annotate.generation.jobs import (
    GenerationJob,
    GenerationRequest,
    JobError,
    read_completions,
    write_job,
    write_requests,
)
from annotate.generation.sampling import Sampling

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = [
    GenerationRequest(key=f"p{n}", turns=("海とは何ですか。" * (1 + n % 4),), seed=n)
    for n in range(60)
]


def make_job(folder: Path, model: Path, *, n_requests: int = len(REQUESTS)) -> GenerationJob:
    folder.mkdir(parents=True, exist_ok=True)
    job = GenerationJob(
        engine="transformers",
        model=str(model),
        requests=folder / "requests.jsonl",
        completions=folder / "completions.jsonl",
        sampling=Sampling(max_tokens=60),
        engine_options={"batch_size": 2, "device": "cpu"},
    )
    write_requests(REQUESTS[:n_requests], job.requests)
    write_job(job, folder / "job.json")
    return job


def start_process(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "annotate.generation", str(folder / "job.json")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_rows(process: subprocess.Popen[str], path: Path, *, n_rows: int) -> None:
    deadline = time.monotonic() + 60
    while len(read_completions(path)) < n_rows:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def read_replies(job: GenerationJob) -> dict[str, tuple[str, ...]]:
    completions = read_completions(job.completions)
    replies = {completion.key: completion.replies for completion in completions}
    assert len(replies) == len(completions), "a row stands twice"
    return replies


@pytest.mark.slow
def test_killed_job_goes_on_and_gives_the_same_texts(tiny_model: Path, tmp_path: Path) -> None:
    whole = make_job(tmp_path / "whole", tiny_model)
    assert run_job(whole) == len(REQUESTS)

    job = make_job(tmp_path / "killed", tiny_model)
    process = start_process(tmp_path / "killed")
    wait_for_rows(process, job.completions, n_rows=6)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    kept = job.completions.read_bytes()
    n_kept = len(read_replies(job))
    assert 6 <= n_kept < len(REQUESTS)

    with job.completions.open("ab") as file:
        file.write(b'{"key": "p0", "repl')
    assert run_job(job) == len(REQUESTS) - n_kept
    assert job.completions.read_bytes().startswith(kept)
    assert read_replies(job) == read_replies(whole)
    assert run_job(job) == 0


@pytest.mark.slow
def test_sigterm_leaves_whole_lines(tiny_model: Path, tmp_path: Path) -> None:
    job = make_job(tmp_path, tiny_model)
    process = start_process(tmp_path)
    wait_for_rows(process, job.completions, n_rows=2)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert errors == ""
    assert job.completions.read_bytes().endswith(b"}\n")
    assert 2 <= len(read_replies(job)) < len(REQUESTS)


def test_job_process_ends_with_zero_and_says_how_many(tiny_model: Path, tmp_path: Path) -> None:
    job = make_job(tmp_path, tiny_model, n_requests=3)
    process = start_process(tmp_path)
    output, errors = process.communicate(timeout=60)
    ready, made = output.splitlines()
    assert re.fullmatch(r"transformers is ready after [\d.]+ s; 3 to make", ready)
    assert (made, errors) == ("3 completions made", "")
    assert process.returncode == 0
    assert set(read_replies(job)) == {"p0", "p1", "p2"}


def test_bad_input_ends_with_one_line_and_status_one(tmp_path: Path) -> None:
    process = start_process(tmp_path)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    path = tmp_path / "job.json"
    assert errors == f"error: {path}: the job cannot be read: No such file or directory\n"


def test_unknown_engine_ends_with_one_line(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = make_job(tmp_path, tiny_model)
    path = tmp_path / "job.json"
    path.write_text(json.dumps({**job.to_dict(), "engine": "other"}))
    assert run_main(tmp_path) == 1
    expected = f"error: {path}: engine 'other' is unknown; known: vllm, openai, transformers\n"
    assert capsys.readouterr().err == expected


def test_model_that_will_not_load_ends_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    make_job(tmp_path, tmp_path / "model", n_requests=1)
    assert run_main(tmp_path) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: model '{tmp_path / 'model'}' cannot be loaded: ")


def run_main(folder: Path) -> int:
    before = signal.getsignal(signal.SIGTERM)
    try:
        return main([str(folder / "job.json")])
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"seed": 99}, r"'p0' has engine and seed \('transformers', 99\), the job has .* 0\)"),
        ({"engine": "other"}, r"'p0' has engine and seed \('other', 0\)"),
        ({"key": "q"}, r"'q' has engine and seed .*, None\); give this job a completions file"),
    ],
)
def test_completions_of_another_job_are_refused(
    tiny_model: Path, tmp_path: Path, change: dict[str, object], expected: str
) -> None:
    job = make_job(tmp_path, tiny_model, n_requests=1)
    run_job(job)
    (row,) = [json.loads(line) for line in job.completions.read_text().splitlines()]
    job.completions.write_text(json.dumps(row | change) + "\n")
    with pytest.raises(JobError, match=expected):
        run_job(job)


def test_completions_that_another_process_writes_are_refused(
    tiny_model: Path, tmp_path: Path
) -> None:
    job = make_job(tmp_path, tiny_model, n_requests=1)
    descriptor = os.open(job.completions, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(JobError, match="another process is writing these completions"):
            run_job(job)
    finally:
        os.close(descriptor)


def test_completions_folder_that_is_not_there_is_an_error(tiny_model: Path, tmp_path: Path) -> None:
    job = make_job(tmp_path, tiny_model, n_requests=1)
    job = dataclasses.replace(job, completions=tmp_path / "absent" / "completions.jsonl")
    with pytest.raises(JobError, match="completions cannot be written: No such file"):
        run_job(job)


def test_import_is_light() -> None:
    code = (
        "import sys, annotate.generation.__main__, annotate.generation.metrics;"
        "heavy = {'torch', 'transformers', 'django', 'jinja2'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
