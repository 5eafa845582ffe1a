"""The vllm engine, on vLLM's real CPU build in an environment of its own."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import transformers

from annotate.generation.engines import start_engine
from annotate.generation.execution import run_job
from annotate.generation.formats import PROMPT_FORMATS
from annotate.generation.jobs import GenerationJob, read_completions, write_requests
from annotate.generation.rows import GeneratedCompletion, GenerationRequest, JobError
from tests.generation.test_transformers_engine import make_bos_adding
from tests.generation.vllm_jobs import (
    ENVIRONMENT,
    ROOT,
    START_S,
    descendants,
    last_error,
    make_job,
    run_job_to_end,
    start_job,
    vllm_serving,
    wait_for_end,
    wait_for_rows,
)
from tests.get_vllm import REASON, find_vllm
from tests.tiny import CONTEXT, make_tiny_model

REQUESTS = [
    GenerationRequest(
        key=f"p{n}",
        turns=("犬と猫の違いは何ですか。" * (1 + n % 3), "And the sea?")[: 1 + n % 2],
        seed=1000 + n,
        system="あなたは役に立つアシスタントです。" if n % 4 == 0 else None,
    )
    for n in range(12)
]
MANY = [
    GenerationRequest(key=f"m{n}", turns=("海とは何ですか。" * (1 + n % 4),), seed=n)
    for n in range(120)
]
GREEDY = {"temperature": 0}


@pytest.fixture(scope="session")
def vllm_python() -> Path:
    python = find_vllm()
    if python is None:
        pytest.skip(REASON)
    return python


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama whose tokenizer puts BOS before all that it encodes, as Llama's does."""
    folder = make_tiny_model(tmp_path_factory.mktemp("models") / "tiny", n_heads=2)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    make_bos_adding(tokenizer)
    tokenizer.save_pretrained(folder)
    return folder


def by_transformers(
    job: GenerationJob, requests: list[GenerationRequest]
) -> dict[str, GeneratedCompletion]:
    options = {"device": "cpu", "dtype": "float32", "batch_size": 16}
    job = dataclasses.replace(job, engine="transformers", engine_options=options)
    return without_engine(start_engine(job).generate(requests))


def without_engine(rows: Any) -> dict[str, GeneratedCompletion]:
    blank = {"engine": "", "engine_version": "", "seconds": 0.0}
    found = [dataclasses.replace(row, **blank) for row in rows]
    assert len({row.key for row in found}) == len(found)
    return {row.key: row for row in found}


@pytest.mark.slow
def test_every_format_reaches_vllm_as_it_reaches_transformers(
    vllm_python: Path, model: Path, tmp_path: Path
) -> None:
    job = make_job(tmp_path, model, REQUESTS, settings={"max_tokens": 16, **GREEDY})
    command = [str(vllm_python), "-m", "tests.vllm_formats", str(model), str(job.requests)]
    done = subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=START_S
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == set(PROMPT_FORMATS)
    for prompt_format, made in found.items():
        each = dataclasses.replace(job, prompt_format=prompt_format)
        rows = without_engine(GeneratedCompletion.from_dict(row) for row in made["rows"])
        assert rows == by_transformers(each, REQUESTS), prompt_format
        check_prompts(each, rows, made["prompts"])


def check_prompts(
    job: GenerationJob, rows: dict[str, GeneratedCompletion], read: list[list[int]]
) -> None:
    """Hold the prompts that vLLM has read against those of transformers, turn by turn."""
    options = {"device": "cpu"}
    engine: Any = start_engine(
        dataclasses.replace(job, engine="transformers", engine_options=options)
    )
    prompter, expected = engine.prompter, []
    for request in REQUESTS:
        for n_turns in range(1, len(request.turns) + 1):
            part = dataclasses.replace(request, turns=request.turns[:n_turns])
            (row,) = prompter.open([part]) if n_turns == 1 else (None,)
            if row is None:
                row = conversation(part, rows[request.key])
                prompter.render(row)
            expected.append(row.ids)
    assert sorted(read) == sorted(expected)
    bos = prompter.tokenizer.bos_token_id
    n_bos = {"llama2": {1, 2}, "swallow": {1}}.get(job.prompt_format, {0})
    assert {ids.count(bos) for ids in read} == n_bos  # llama2 begins each turn with one


def conversation(request: GenerationRequest, row: GeneratedCompletion) -> Any:
    from annotate.generation.engines.conversations import (  # noqa: PLC0415 - this test alone
        Conversation,
    )
    from annotate.generation.engines.stops import Reply  # noqa: PLC0415 - as above

    said = [Reply(text, "stop", 0) for text in row.replies[: len(request.turns) - 1]]
    return Conversation(request, replies=said)


@pytest.mark.slow
def test_killed_job_goes_on_and_gives_the_same_texts(
    vllm_python: Path, model: Path, tmp_path: Path
) -> None:
    settings = {
        "max_tokens": 60,
        "temperature": 0.9,
        "top_p": 0.95,
        "min_p": 0.01,
        "top_k": 100,
        "repetition_penalty": 1.1,
        "frequency_penalty": 0.2,
        "stop": ("は",),
    }
    requests = [*REQUESTS, *MANY]
    whole = make_job(tmp_path / "whole", model, requests, settings=settings)
    assert run_job_to_end(vllm_python, tmp_path / "whole") == 0, last_error(whole)
    job = make_job(tmp_path / "killed", model, requests, settings=settings, max_num_seqs=2)
    process = start_job(vllm_python, tmp_path / "killed")
    wait_for_rows(process, job, n_rows=6)
    left = descendants(process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert wait_for_end(left, timeout_s=10) == []
    kept = job.completions.read_bytes()
    n_kept = len(read_completions(job.completions))
    assert 6 <= n_kept < len(requests)
    assert run_job_to_end(vllm_python, tmp_path / "killed") == 0, last_error(job)
    assert job.completions.read_bytes().startswith(kept)
    assert (
        f"{len(requests) - n_kept} completions made"
        in (tmp_path / "killed" / "out.log").read_text()
    )
    made = read_completions(job.completions)
    assert without_engine(made) == without_engine(read_completions(whole.completions))
    assert {row.engine for row in made} == {"vllm"}
    assert made[0].engine_version.startswith("vllm 0.")
    check_stops(made)


def check_stops(made: list[GeneratedCompletion]) -> None:
    assert not any("は" in text for row in made for text in row.replies)
    assert {row.finish_reason for row in made} == {"stop", "length"}


@pytest.mark.slow
@pytest.mark.parametrize("n_gpus", [1, 2])
def test_sigterm_leaves_whole_lines_and_no_process(
    vllm_python: Path, model: Path, tmp_path: Path, n_gpus: int
) -> None:
    options = {"tensor_parallel_size": n_gpus, "max_num_seqs": 2}
    job = make_job(tmp_path, model, MANY, settings={"max_tokens": 200}, **options)
    threads = {"VLLM_CPU_OMP_THREADS_BIND": "0|1" if n_gpus == 2 else "0"}
    process = start_job(vllm_python, tmp_path, threads)
    wait_for_rows(process, job, n_rows=2)
    left = descendants(process)
    assert len(left) >= n_gpus - 1
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert wait_for_end(left, timeout_s=10) == []
    assert time.monotonic() - begun < 15
    assert job.completions.read_bytes().endswith(b"}\n")
    assert 2 <= len(read_completions(job.completions)) < len(MANY)


@pytest.mark.slow
def test_workers_of_a_killed_job_end_too(vllm_python: Path, model: Path, tmp_path: Path) -> None:
    job = make_job(tmp_path, model, MANY, tensor_parallel_size=2, max_num_seqs=2)
    process = start_job(vllm_python, tmp_path, {"VLLM_CPU_OMP_THREADS_BIND": "0|1"})
    wait_for_rows(process, job, n_rows=1)
    left = descendants(process)
    assert len(left) >= 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert wait_for_end(left, timeout_s=60) == []


@pytest.mark.slow
def test_contexts_end_and_fill_as_with_transformers(
    vllm_python: Path, model: Path, tmp_path: Path
) -> None:
    requests = [
        GenerationRequest(key="long", turns=("Hello " * 60, "And?"), seed=1),
        GenerationRequest(key="short", turns=("Hello",), seed=1),
    ]
    settings = {"max_tokens": 10_000, **GREEDY}
    job = make_job(tmp_path, model, requests, settings=settings)
    assert run_job_to_end(vllm_python, tmp_path) == 0, last_error(job)
    made = without_engine(read_completions(job.completions))
    assert made == by_transformers(job, requests)
    full = GenerationRequest(key="full", turns=("海" * CONTEXT,), seed=1)
    write_requests([*requests, full], job.requests)
    assert run_job_to_end(vllm_python, tmp_path) == 1
    assert f"no more than {CONTEXT} together" in last_error(job)


@pytest.mark.slow
def test_too_little_memory_is_said_in_the_last_line(
    vllm_python: Path, model: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["max_position_embeddings"] = 50_000_000  # tokens: more than the cache holds
    (folder / "config.json").write_text(json.dumps(config))
    job = make_job(tmp_path, folder, REQUESTS)
    assert run_job_to_end(vllm_python, tmp_path) == 1
    line = last_error(job)
    assert line.startswith("error: out of memory: ")
    assert "what helps: a lower max_model_len" in line


@pytest.mark.slow
def test_vllm_serve_answers_as_transformers_does(
    vllm_python: Path, model: Path, tmp_path: Path
) -> None:
    job = make_job(tmp_path, model, REQUESTS, settings=GREEDY)
    with vllm_serving(vllm_python, model) as address:
        for prompt_format in ("chat_template", "llama2", "swallow", "rinna", "chatml"):
            each = dataclasses.replace(job, prompt_format=prompt_format)
            expected = by_transformers(each, REQUESTS)
            asked = ask(each, address, tokenizer=str(model))
            assert without_engine(asked) == expected, prompt_format
            assert {row.engine_version for row in asked} == {asked[0].engine_version}
            assert asked[0].engine_version.startswith("vllm 0.")
            tokens = {row.key: row.prompt_tokens for row in ask(each, address)}
            first = [key for key, row in expected.items() if len(row.replies) == 1]
            assert [tokens[key] for key in first] == [expected[key].prompt_tokens for key in first]
        sampled = dataclasses.replace(
            job, sampling=dataclasses.replace(job.sampling, temperature=1.0, min_p=0.02)
        )
        once, again = (without_engine(ask(sampled, address)) for _ in range(2))
        assert once == again
        assert len({row.replies for row in once.values()}) == len(once)


def ask(job: GenerationJob, address: str, **options: Any) -> list[GeneratedCompletion]:
    """Complete the requests by the served model; a chat's prompt is hashed as its messages."""
    options = {"endpoints": [address], **options}
    job = dataclasses.replace(job, engine="openai", model="tiny", engine_options=options)
    return list(start_engine(job).generate(REQUESTS))


def test_missing_vllm_says_how_to_install_it(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "model")
    make_job(tmp_path, model, REQUESTS)
    code = (
        "import sys; sys.modules['vllm'] = None; from annotate.generation.__main__ import main;"
        f"sys.exit(main([{str(tmp_path / 'job.json')!r}]))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "pip install 'kurabe[vllm]'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("leave_out", "expected"),
    [
        ("", "there is no such folder"),
        ("config.json", "its folder has no config.json"),
        ("model.safetensors", r"its folder has no \*\.safetensors file"),
    ],
)
def test_model_that_is_not_whole_is_named_before_vllm_loads(
    tmp_path: Path, leave_out: str, expected: str
) -> None:
    folder = tmp_path / "model"
    if leave_out:
        (make_tiny_model(folder) / leave_out).unlink()
    job = make_job(tmp_path, folder, REQUESTS)
    with pytest.raises(JobError, match=rf"model '.*model' cannot be loaded: {expected}"):
        run_job(job)
