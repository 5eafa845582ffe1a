"""The openai engine against a real local server that generates with a tiny model."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from annotate.generation.engines import start_engine
from annotate.generation.engines.endpoints import read_key
from annotate.generation.engines.options import OpenAIOptions
from annotate.generation.engines.transformers_engine import TransformersEngine
from annotate.generation.execution import run_job
from annotate.generation.jobs import GenerationJob, read_completions, write_job, write_requests
from annotate.generation.rows import GeneratedCompletion, GenerationRequest, JobError
from annotate.generation.sampling import Sampling
from tests.generation.test_transformers_engine import make_bos_adding
from tests.openai_server import MODEL, VERSION, Fault, TinyServer, load_engine, serving

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = [
    GenerationRequest(
        key=f"p{n}",
        turns=("犬と猫の違いは何ですか。" * (1 + n % 3), "And the sea?")[: 1 + n % 2],
        seed=1000 + n,
        system="あなたは役に立つアシスタントです。" if n % 4 == 0 else None,
    )
    for n in range(8)
]
# Quick failures, so that the tests are.
QUICK = {"backoff_s": 0.01, "max_backoff_s": 0.05, "rest_s": 0.05, "timeout_s": 20}
BUSY = Fault(status=429, headers={"Retry-After": "0"}, message="slow down")


@pytest.fixture(scope="module")
def tiny_engine(tiny_model: Path) -> TransformersEngine:
    return load_engine(tiny_model)


@pytest.fixture
def server(tiny_engine: TransformersEngine) -> Iterator[TinyServer]:
    with serving(tiny_engine) as server:
        yield server


def make_job(
    *servers: TinyServer | str,
    settings: dict[str, Any] | None = None,
    prompt_format: str = "chat_template",
    **options: Any,
) -> GenerationJob:
    addresses = [each if isinstance(each, str) else each.address for each in servers]
    return GenerationJob(
        engine="openai",
        model=MODEL,
        prompt_format=prompt_format,
        requests=Path("requests.jsonl"),
        completions=Path("completions.jsonl"),
        sampling=Sampling(**{"max_tokens": 12, **(settings or {})}),
        engine_options={"endpoints": addresses, **QUICK, **options},
    )


def generate(
    job: GenerationJob, requests: list[GenerationRequest] | None = None
) -> dict[str, GeneratedCompletion]:
    made = list(start_engine(job).generate(REQUESTS if requests is None else requests))
    assert len({completion.key for completion in made}) == len(made)
    return {completion.key: completion for completion in made}


def make_expected(job: GenerationJob, model: Path) -> dict[str, GeneratedCompletion]:
    """Make the same completions by transformers itself."""
    options = {"batch_size": 8, "device": "cpu"}
    job = dataclasses.replace(job, engine="transformers", model=str(model), engine_options=options)
    return {row.key: row for row in start_engine(job).generate(REQUESTS)}


def without_engine(made: dict[str, GeneratedCompletion]) -> dict[str, GeneratedCompletion]:
    blank = {"engine": "", "engine_version": "", "seconds": 0.0}
    return {key: dataclasses.replace(row, **blank) for key, row in made.items()}


@pytest.mark.parametrize("prompt_format", ["chatml", "llama2", "swallow", "rinna", "alpaca-ja"])
@pytest.mark.parametrize("has_tokenizer", [True, False])
def test_named_formats_are_completed_as_by_transformers(
    server: TinyServer, tiny_model: Path, prompt_format: str, has_tokenizer: bool
) -> None:
    settings = {"top_p": 0.9, "min_p": 0.02, "top_k": 50, "repetition_penalty": 1.1}
    tokenizer = {"tokenizer": str(tiny_model)} if has_tokenizer else {}
    job = make_job(server, settings=settings, prompt_format=prompt_format, **tokenizer)
    made = without_engine(generate(job))
    assert made == without_engine(make_expected(job, tiny_model))
    assert isinstance(server.asked[0]["prompt"], list) == has_tokenizer


@pytest.mark.parametrize("has_tokenizer", [True, False])
def test_chats_are_completed_as_by_transformers(
    server: TinyServer, tiny_model: Path, has_tokenizer: bool
) -> None:
    tokenizer = {"tokenizer": str(tiny_model)} if has_tokenizer else {}
    job = make_job(server, settings={"frequency_penalty": 0.2}, **tokenizer)
    made, expected = generate(job), make_expected(job, tiny_model)
    assert {key: row.replies for key, row in made.items()} == {
        key: row.replies for key, row in expected.items()
    }
    assert made["p1"].prompt_tokens == expected["p1"].prompt_tokens
    if has_tokenizer:
        assert without_engine(made) == without_engine(expected)
        return
    messages = [{"role": "user", "content": REQUESTS[2].turns[0]}]
    text = json.dumps(messages, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    hashed = hashlib.sha256(text.encode()).hexdigest()
    assert made["p2"].rendered_prompt_sha256 == hashed


def test_chat_template_can_be_rendered_here(server: TinyServer, tiny_model: Path) -> None:
    job = make_job(server, api="completions", tokenizer=str(tiny_model))
    made = without_engine(generate(job))
    assert made == without_engine(make_expected(job, tiny_model))


@pytest.mark.parametrize("prompt_format", ["llama2", "swallow", "rinna", "chatml"])
def test_bos_is_never_doubled_by_a_server_that_adds_it(
    tiny_model: Path, prompt_format: str
) -> None:
    engine = load_engine(tiny_model)
    make_bos_adding(engine.prompter.tokenizer)
    bos = engine.prompter.tokenizer.bos_token_id
    with serving(engine) as server:
        generate(make_job(server, prompt_format=prompt_format), REQUESTS[:1])
    (ids,) = server.prompt_ids
    assert ids.count(bos) == (1 if prompt_format in ("llama2", "swallow") else 0)


def test_completion_says_what_answered(server: TinyServer) -> None:
    completion = generate(make_job(server), REQUESTS[1:2])["p1"]
    assert (completion.seed, completion.engine) == (1001, "openai")
    assert completion.engine_version == f"vllm {VERSION}"
    assert completion.seconds > 0
    server.version = None
    assert generate(make_job(server), REQUESTS[1:2])["p1"].engine_version == "tiny-2025"


def test_faults_are_tried_again_and_change_no_text(server: TinyServer, tiny_model: Path) -> None:
    job = make_job(server, tokenizer=str(tiny_model), failures_to_rest=1000)
    server.faults.extend(
        [Fault(status=500), BUSY, Fault(closes=True), Fault(status=503), BUSY, Fault(status=502)]
    )
    made = without_engine(generate(job))
    assert made == without_engine(make_expected(job, tiny_model))
    assert len(server.asked) == 6 + sum(len(request.turns) for request in REQUESTS)


def test_answer_that_does_not_come_is_asked_for_again(server: TinyServer) -> None:
    server.faults.append(Fault(hangs_s=3))
    begun = time.monotonic()
    assert set(generate(make_job(server, timeout_s=0.5), REQUESTS[:1])) == {"p0"}
    assert time.monotonic() - begun < 2.5


def test_retry_after_is_honoured_for_the_whole_endpoint(server: TinyServer) -> None:
    server.faults.append(Fault(status=429, headers={"Retry-After": "1"}))
    begun = time.monotonic()
    generate(make_job(server, concurrency=1), REQUESTS[:4:2])
    assert 1 <= time.monotonic() - begun < 5


def test_busy_endpoint_does_not_rest(server: TinyServer) -> None:
    server.faults.extend([BUSY] * 6)
    job = make_job(server, failures_to_rest=1, probes=0, concurrency=2)
    assert len(generate(job)) == len(REQUESTS)


def test_request_that_always_fails_ends_the_job_in_one_line(server: TinyServer) -> None:
    server.faults.extend([Fault(status=500, message="no luck")] * 10)
    job = make_job(server, retries=2, failures_to_rest=100)
    expected = rf"request 'p0': 3 attempts failed, the last at {server.address}: HTTP 500: no luck$"
    with pytest.raises(JobError, match=expected):
        generate(job, REQUESTS[:1])
    assert len(server.asked) == 3


def test_request_that_is_refused_ends_the_job_in_one_line(server: TinyServer) -> None:
    server.faults.append(Fault(status=400, message="this model's\ncontext is too short"))
    expected = r"request 'p0': http://.*: HTTP 400: this model's context is too short$"
    with pytest.raises(JobError, match=expected):
        generate(make_job(server), REQUESTS[:1])
    assert len(server.asked) == 1


def test_work_moves_from_a_dead_endpoint_to_the_living(
    server: TinyServer, tiny_engine: TransformersEngine, tiny_model: Path
) -> None:
    with serving(tiny_engine) as dying:
        job = make_job(dying, server, tokenizer=str(tiny_model), concurrency=2)
        made = []
        for completion in start_engine(job).generate(REQUESTS):
            made.append(completion)
            dying.is_broken = True
    rows = without_engine({row.key: row for row in made})
    assert rows == without_engine(make_expected(job, tiny_model))


def test_endpoint_that_is_mended_works_again(
    server: TinyServer, tiny_engine: TransformersEngine
) -> None:
    server.is_broken = True
    threading.Timer(0.6, lambda: setattr(server, "is_broken", False)).start()
    job = make_job(server, failures_to_rest=2, probes=200, rest_s=0.1)
    assert len(generate(job)) == len(REQUESTS)
    assert server.n_probes >= 3  # two at the start, for version and context


def test_no_endpoint_left_names_each_with_its_last_error(
    server: TinyServer, tiny_engine: TransformersEngine
) -> None:
    server.is_broken = True
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(JobError) as caught:
            generate(make_job(server, nobody, probes=2))
    text = str(caught.value)
    assert text.startswith(f"no endpoint is left. {server.address}: HTTP 503; {nobody}: ")
    assert "connection" in text.lower()
    assert "\n" not in text


def test_wrong_address_fails_at_once(server: TinyServer) -> None:
    begun = time.monotonic()
    wrong = server.address.replace("/v1", "/v2")
    with pytest.raises(JobError, match=r"no endpoint is left\. .*/v2: HTTP 404"):
        generate(make_job(wrong, rest_s=60, backoff_s=60))
    assert time.monotonic() - begun < 10


def test_key_is_read_from_its_variable_and_told_to_nobody(
    tiny_engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TEST_KEY_OF_KURABE", "sk-right")
    with serving(tiny_engine, key="sk-right") as server:
        job = make_job(server, api_key_env="TEST_KEY_OF_KURABE")
        job = dataclasses.replace(
            job, requests=tmp_path / "in.jsonl", completions=tmp_path / "out.jsonl"
        )
        write_requests(REQUESTS[:2], job.requests)
        write_job(job, tmp_path / "job.json")
        assert run_job(job) == 2
        assert not any(b"sk-right" in file.read_bytes() for file in tmp_path.iterdir())
        monkeypatch.setenv("TEST_KEY_OF_KURABE", "sk-wrong")
        with pytest.raises(JobError, match=r"HTTP 401: Incorrect API key .*\(key\)") as caught:
            generate(job)
    assert "sk-wrong" not in str(caught.value)
    monkeypatch.delenv("TEST_KEY_OF_KURABE")
    (tmp_path / "key").write_text("sk-in-a-file\n")
    monkeypatch.setenv("TEST_KEY_OF_KURABE_FILE", str(tmp_path / "key"))
    assert read_key(cast(OpenAIOptions, job.options)) == "sk-in-a-file"
    monkeypatch.setenv("TEST_KEY_OF_KURABE_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(JobError, match="TEST_KEY_OF_KURABE_FILE names a file that cannot be read"):
        start_engine(job)
    monkeypatch.delenv("TEST_KEY_OF_KURABE_FILE")
    with pytest.raises(JobError, match="names TEST_KEY_OF_KURABE, and no such variable is set"):
        start_engine(job)


def test_without_extensions_only_openais_own_fields_are_sent(server: TinyServer) -> None:
    job = make_job(server, extensions=False, settings={"stop": ("###",)})
    generate(job, REQUESTS[2:3])
    (body,) = server.asked
    assert set(body) == {"model", "messages", "temperature", "max_tokens", "seed", "stop"}
    job = make_job(
        server,
        extensions=False,
        sends_seed=False,
        max_tokens_field="max_completion_tokens",
        extra_body={"reasoning_effort": "low"},
    )
    generate(job, REQUESTS[2:3])
    expected = {"model", "messages", "temperature", "max_completion_tokens", "reasoning_effort"}
    assert set(server.asked[1]) == expected


def test_prompt_that_fills_the_context_is_an_error(server: TinyServer, tiny_model: Path) -> None:
    long = GenerationRequest(key="long", turns=("海" * 600,), seed=1)
    job = make_job(server, tokenizer=str(tiny_model))
    with pytest.raises(JobError, match=r"'long' has a prompt of \d+ tokens, .* than 512 "):
        generate(job, [*REQUESTS, long])
    assert server.asked == []


def test_killed_job_goes_on_and_gives_the_same_texts(server: TinyServer, tmp_path: Path) -> None:
    whole = generate(make_job(server))
    process, job = start_process(server, tmp_path)
    wait_for_rows(process, job, n_rows=2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = {row.key for row in read_completions(job.completions)}
    assert 2 <= len(kept) < len(REQUESTS)
    assert run_job(job) == len(REQUESTS) - len(kept)
    made = {row.key: row for row in read_completions(job.completions)}
    assert without_engine(made) == without_engine(whole)


def test_sigterm_stops_at_once_with_whole_lines(server: TinyServer, tmp_path: Path) -> None:
    process, job = start_process(server, tmp_path)
    wait_for_rows(process, job, n_rows=1)
    server.faults.extend([Fault(hangs_s=30)] * 50)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - begun < 5
    assert (process.returncode, errors) == (128 + signal.SIGTERM, "")
    assert job.completions.read_bytes().endswith(b"}\n")


def start_process(server: TinyServer, folder: Path) -> tuple[subprocess.Popen[str], GenerationJob]:
    job = dataclasses.replace(
        make_job(server, concurrency=1),
        requests=folder / "requests.jsonl",
        completions=folder / "completions.jsonl",
    )
    write_requests(REQUESTS, job.requests)
    write_job(job, folder / "job.json")
    process = subprocess.Popen(
        [sys.executable, "-m", "annotate.generation", str(folder / "job.json")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, job


def wait_for_rows(process: subprocess.Popen[str], job: GenerationJob, *, n_rows: int) -> None:
    deadline = time.monotonic() + 60
    while len(read_completions(job.completions)) < n_rows:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_import_needs_no_torch() -> None:
    """A worker's machine that only asks endpoints needs no torch where no tokenizer is named."""
    code = (
        "import sys, annotate.generation.engines.openai_engine;"
        "assert not {'torch', 'transformers', 'vllm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
