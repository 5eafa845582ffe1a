"""The file contract: job, requests and completions."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from annotate.generation.jobs import (
    GeneratedCompletion,
    GenerationJob,
    GenerationRequest,
    JobError,
    TokenizerOptions,
    read_completions,
    read_job,
    read_requests,
    write_job,
    write_requests,
)
from annotate.generation.rows import encode_row
from annotate.generation.sampling import Sampling

CONFIG = {
    "engine": "transformers",
    "model": "models/tiny",
    "requests": "requests.jsonl",
    "completions": "completions.jsonl",
}
REQUEST = {"key": "p1", "system": None, "turns": ["海とは?"], "seed": 5}
COMPLETION = GeneratedCompletion(
    key="p1",
    replies=("海は\u2028広い。",),
    finish_reason="stop",
    prompt_tokens=7,
    completion_tokens=5,
    rendered_prompt_sha256="0" * 64,
    seed=5,
    engine="transformers",
    engine_version="transformers 5",
    seconds=0.5,
)


def test_job_survives_its_file(tmp_path: Path) -> None:
    job = GenerationJob(
        engine="transformers",
        model="models/tiny",
        requests=tmp_path / "in.jsonl",
        completions=tmp_path / "out.jsonl",
        revision="abc",
        prompt_format="alpaca-ja",
        sampling=Sampling(temperature=0.4, stop=("###",)),
        tokenizer=TokenizerOptions(use_fast=False, add_special_tokens=False),
        engine_options={"dtype": "bfloat16", "batch_size": 3, "device": "cuda:1"},
    )
    write_job(job, tmp_path / "job.json")
    assert read_job(tmp_path / "job.json") == job


def test_job_paths_count_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(json.dumps(CONFIG))
    job = read_job(tmp_path / "job.json")
    assert (job.requests, job.model) == (tmp_path / "requests.jsonl", "models/tiny")
    assert job == GenerationJob(
        engine="transformers",
        model="models/tiny",
        requests=tmp_path / "requests.jsonl",
        completions=tmp_path / "completions.jsonl",
    )


def test_job_is_written_with_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs").mkdir()
    write_job(GenerationJob.from_dict(CONFIG), Path("jobs/job.json"))
    assert read_job(Path("jobs/job.json")).requests == tmp_path / "requests.jsonl"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"model": ""}, "model is ''; a text was expected"),
        ({"engine": 3}, "engine is 3; a text was expected"),
        ({"requests": None}, "requests is None; a path was expected"),
        ({"completions": "requests.jsonl"}, "a file of its own was expected"),
        ({"prompt_format": "vicuna"}, "prompt_format is 'vicuna'; one of llama2, "),
        ({"engine": "imported"}, "engine 'imported' is unknown; known: vllm, openai, "),
        ({"engine_options": []}, r"engine_options is \[\]; a JSON object was expected"),
        (
            {"engine_options": {"dtype": "int4"}},
            "engine option dtype is 'int4'; one of auto, float32, bfloat16, float16 was",
        ),
        ({"engine_options": {"batch_size": 0}}, "batch_size is 0; a whole number 1 to 4096 was"),
        ({"engine_options": {"seed": 1}}, "transformers has no option 'seed'; its options: batch"),
        ({"trust_remote_code": True}, "trust_remote_code is True; false was expected"),
        ({"revision": None}, "revision is None; a text was expected"),
        ({"sampling": {"top_p": 2}}, "sampling top_p is 2; a number above 0 to 1 was expected"),
        ({"sampling": []}, r"sampling is \[\]; a JSON object was expected"),
        ({"tokenizer": {"use_fast": None}}, "tokenizer use_fast is None; true or false was"),
        ({"tokenizer": {"fast": True}}, "tokenizer has an unknown key 'fast'; known: use_fast,"),
        ({"modle": "x"}, "the job has an unknown key 'modle'; known: engine, model, "),
    ],
)
def test_job_error_names_the_file_and_the_field(
    tmp_path: Path, change: dict[str, Any], expected: str
) -> None:
    (tmp_path / "job.json").write_text(json.dumps(CONFIG | change))
    with pytest.raises(JobError, match=rf"job\.json: .*{expected}"):
        read_job(tmp_path / "job.json")


@pytest.mark.parametrize("name", CONFIG)
def test_job_names_a_missing_field(tmp_path: Path, name: str) -> None:
    config = {key: value for key, value in CONFIG.items() if key != name}
    (tmp_path / "job.json").write_text(json.dumps(config))
    with pytest.raises(JobError, match=f"'{name}' is missing from the job; needed: engine, model"):
        read_job(tmp_path / "job.json")


@pytest.mark.parametrize("text", [None, "", "[]", "{", "\udcff"])
def test_job_that_is_no_json_object_is_an_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "job.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(JobError, match=r"job\.json: "):
        read_job(tmp_path / "job.json")


def test_requests_survive_their_file(tmp_path: Path) -> None:
    requests = [
        GenerationRequest(key="a", turns=("一\u2028二", "three\n"), seed=2**63 - 1, system="S"),
        GenerationRequest(key="b", turns=("x",), seed=0),
    ]
    write_requests(requests, tmp_path / "requests.jsonl")
    assert read_requests(tmp_path / "requests.jsonl") == requests


def test_requests_need_no_last_newline_and_no_system(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(
        '{"key": "a", "turns": ["x"], "seed": 1}\n\n'
        '{"key": "b", "turns": ["y"], "seed": 2, "system": ""}'
    )
    assert [request.system for request in read_requests(path)] == [None, None]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"key": ""}, "key is ''; a text was expected"),
        ({"turns": []}, r"turns is \[\]; a list of user texts was expected"),
        ({"turns": "x"}, "turns is 'x'; a list of user texts"),
        ({"turns": [None]}, "turns is .*; a list of user texts"),
        ({"seed": 2**63}, f"seed is {2**63}; a whole number 0 to {2**63 - 1} was expected"),
        ({"seed": True}, "seed is True; a whole number"),
        ({"system": 1}, "system is 1; a text or null was expected"),
        ({"prompt": "x"}, "'prompt' is unknown; fields: key, turns, seed, system"),
    ],
)
def test_requests_error_names_line_and_field(
    tmp_path: Path, change: dict[str, Any], expected: str
) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(json.dumps(REQUEST) + "\n" + json.dumps(REQUEST | {"key": "p2"} | change))
    with pytest.raises(JobError, match=rf"requests\.jsonl, line 2: {expected}"):
        read_requests(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no requests"),
        (f"{json.dumps(REQUEST)}\n{json.dumps(REQUEST)}\n", "key 'p1' stands twice"),
        ('{"key": "p1"}\n', "line 1: 'turns' is missing; fields: key, turns, seed, system"),
        ("[]\n", "line 1: a JSON object was expected"),
        ("{\n", "line 1: "),
    ],
)
def test_requests_that_cannot_be_used_are_an_error(
    tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(text)
    with pytest.raises(JobError, match=rf"requests\.jsonl.*{expected}"):
        read_requests(path)


def test_completions_leave_a_torn_last_line_out(tmp_path: Path) -> None:
    path = tmp_path / "completions.jsonl"
    assert read_completions(path) == []
    second = dataclasses.replace(COMPLETION, key="p2")
    line = encode_row(second.to_dict())
    whole = encode_row(COMPLETION.to_dict())
    for cut in (1, len(line) // 2, len(line) - 1):
        path.write_bytes(whole + line[:cut])
        assert read_completions(path) == [COMPLETION]
    path.write_bytes(whole + line)
    assert read_completions(path) == [COMPLETION, second]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"replies": []}, r"replies is \[\]; a list of texts was expected"),
        ({"finish_reason": "eos"}, "finish_reason is 'eos'; stop or length was expected"),
        ({"prompt_tokens": -1}, "prompt_tokens is -1; a whole number of 0 or more"),
        ({"seconds": "1"}, "seconds is '1'; a number was expected"),
        ({"engine": None}, "engine is None; a text was expected"),
    ],
)
def test_completions_error_names_line_and_field(
    tmp_path: Path, change: dict[str, Any], expected: str
) -> None:
    path = tmp_path / "completions.jsonl"
    path.write_bytes(encode_row(COMPLETION.to_dict() | change))
    with pytest.raises(JobError, match=rf"completions\.jsonl, line 1: {expected}"):
        read_completions(path)
