"""The transformers engine on a real tiny model."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from annotate.generation.engines import start_engine
from annotate.generation.formats import render_prompt
from annotate.generation.jobs import GenerationJob, TokenizerOptions
from annotate.generation.rows import GeneratedCompletion, GenerationRequest, JobError
from annotate.generation.sampling import Sampling
from tests.tiny import CONTEXT, make_tiny_model

REQUESTS = [
    GenerationRequest(
        key=f"p{n}",
        turns=("犬と猫の違いは何ですか。" * (1 + n % 3), "And the sea?")[: 1 + n % 2],
        seed=1000 + n,
        system="あなたは役に立つアシスタントです。" if n % 4 == 0 else None,
    )
    for n in range(10)
]


def make_job(
    model: Path, *, settings: dict[str, Any] | None = None, **options: Any
) -> GenerationJob:
    sampling = Sampling(**{"max_tokens": 24, **(settings or {})})
    paths = {"requests": Path("requests.jsonl"), "completions": Path("completions.jsonl")}
    job = GenerationJob(
        engine="transformers",
        model=str(model),
        sampling=sampling,
        engine_options={"batch_size": 8, "device": "cpu"},
        **paths,
    )
    return dataclasses.replace(job, **options)


def batched(batch_size: int) -> dict[str, Any]:
    return {"batch_size": batch_size, "device": "cpu"}


def generate(
    job: GenerationJob, requests: list[GenerationRequest] | None = None
) -> dict[str, GeneratedCompletion]:
    made = list(start_engine(job).generate(REQUESTS if requests is None else requests))
    assert len({completion.key for completion in made}) == len(made)
    return {completion.key: completion for completion in made}


def get_replies(made: dict[str, GeneratedCompletion]) -> dict[str, tuple[str, ...]]:
    return {key: completion.replies for key, completion in made.items()}


def without_seconds(made: dict[str, GeneratedCompletion]) -> dict[str, GeneratedCompletion]:
    return {key: dataclasses.replace(row, seconds=0) for key, row in made.items()}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.7, "top_p": 0.95, "min_p": 0.01, "top_k": 100},
        {"temperature": 0, "repetition_penalty": 1.2},
        {"repetition_penalty": 1.1, "frequency_penalty": 0.3},
        {"stop": ("a", "は"), "max_tokens": 60},
        pytest.param({"max_tokens": CONTEXT}, marks=pytest.mark.slow),
    ],
)
def test_completion_is_the_same_in_any_batch(tiny_model: Path, settings: dict[str, Any]) -> None:
    requests = REQUESTS[:8]
    job = make_job(tiny_model, settings=settings, engine_options=batched(1))
    alone = without_seconds(generate(job, requests))
    for batch_size in (3, 8):
        job = dataclasses.replace(job, engine_options=batched(batch_size))
        assert without_seconds(generate(job, requests)) == alone
    some = without_seconds(generate(job, requests[4:1:-1]))
    assert some == {key: alone[key] for key in ("p2", "p3", "p4")}


@pytest.mark.parametrize("architecture", ["mistral", "qwen2", "gpt_neox", "mixtral"])
def test_completion_is_the_same_in_any_batch_of_other_architectures(
    tmp_path: Path, architecture: str
) -> None:
    model = make_tiny_model(tmp_path / architecture, architecture=architecture)
    alone, together = (
        without_seconds(generate(make_job(model, engine_options=batched(size)), REQUESTS[:4]))
        for size in (1, 4)
    )
    assert together == alone


def test_text_depends_on_the_seed_alone(tiny_model: Path) -> None:
    same_prompt = [GenerationRequest(key=f"s{n}", turns=("Hello",), seed=n % 4) for n in range(8)]
    made = get_replies(generate(make_job(tiny_model), same_prompt))
    assert all(made[f"s{n}"] == made[f"s{n + 4}"] for n in range(4))
    assert len({made[f"s{n}"] for n in range(4)}) == 4


def test_greedy_text_is_that_of_transformers_itself(tiny_model: Path) -> None:
    job = make_job(tiny_model, settings={"temperature": 0, "max_tokens": 20})
    request = GenerationRequest(key="p", turns=("What is the capital of Japan?",), seed=1)
    completion = generate(job, [request])["p"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_model)
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    messages = [{"role": "user", "content": request.turns[0]}]
    inputs = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**inputs, do_sample=False, max_new_tokens=20)
    expected = tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert completion.replies == (expected.replace("\0", "\ufffd").strip(),)
    assert completion.prompt_tokens == inputs["input_ids"].shape[1]


def test_sampling_in_the_models_own_files_is_put_away(tiny_model: Path, tmp_path: Path) -> None:
    request = [GenerationRequest(key="p", turns=("Hello",), seed=1)]
    settings = {"temperature": 0, "max_tokens": 20}
    expected = get_replies(generate(make_job(tiny_model, settings=settings), request))
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    model.generation_config.update(repetition_penalty=3.0, no_repeat_ngram_size=1, min_length=20)
    model.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path)
    assert get_replies(generate(make_job(tmp_path, settings=settings), request)) == expected


def test_max_tokens_ends_a_reply_by_length(tiny_model: Path) -> None:
    made = generate(make_job(tiny_model, settings={"max_tokens": 3}), REQUESTS[:2])
    assert {c.finish_reason for c in made.values()} == {"length"}
    assert [made["p0"].completion_tokens, made["p1"].completion_tokens] == [3, 6]


def test_end_token_ends_a_reply_by_stop(tiny_model: Path) -> None:
    requests = [GenerationRequest(key=str(n), turns=("Hello",), seed=n) for n in range(40)]
    made = generate(
        make_job(tiny_model, settings={"max_tokens": 200}, engine_options=batched(40)), requests
    )
    stopped = [c for c in made.values() if c.finish_reason == "stop"]
    assert stopped
    assert all(c.completion_tokens < 200 for c in stopped)
    assert all(c.completion_tokens == 200 for c in made.values() if c.finish_reason == "length")
    assert not any("<|im_end|>" in c.replies[0] for c in made.values())


def test_stop_text_cuts_the_reply(tiny_model: Path) -> None:
    requests = [GenerationRequest(key="p", turns=("Hello",), seed=3)]
    whole = generate(make_job(tiny_model, settings={"max_tokens": 40}), requests)["p"]
    middle = len(whole.replies[0]) // 2
    stop = whole.replies[0][middle : middle + 3]
    assert stop.strip()
    settings = {"max_tokens": 40, "stop": ("never there", stop)}
    cut = generate(make_job(tiny_model, settings=settings), requests)["p"]
    assert cut.replies == (whole.replies[0].split(stop)[0].strip(),)
    assert cut.finish_reason == "stop"
    assert cut.completion_tokens < whole.completion_tokens


def test_stop_text_that_is_a_special_token_ends_the_reply(tiny_model: Path) -> None:
    requests = [GenerationRequest(key=str(n), turns=("Hello",), seed=n) for n in range(40)]
    plain = generate(
        make_job(tiny_model, settings={"max_tokens": 100}, engine_options=batched(40)), requests
    )
    settings = {"max_tokens": 100, "stop": ("<|im_start|>",)}
    stopped = generate(
        make_job(tiny_model, settings=settings, engine_options=batched(40)), requests
    )
    shorter = [
        key for key in plain if stopped[key].completion_tokens < plain[key].completion_tokens
    ]
    assert shorter
    assert all(stopped[key].finish_reason == "stop" for key in shorter)
    for key in shorter:
        # The stop may fall within a character of several bytes, which the whole text completes.
        kept = stopped[key].replies[0].rstrip("\ufffd")
        assert plain[key].replies[0].startswith(kept)


def test_turns_are_fed_back(tiny_model: Path) -> None:
    request = GenerationRequest(key="p", turns=("Hello", "And?", "So?"), seed=9, system="Be kind.")
    completion = generate(make_job(tiny_model), [request])["p"]
    messages = [{"role": "system", "content": "Be kind."}]
    for user, reply in zip(request.turns, completion.replies, strict=True):
        messages += [{"role": "user", "content": user}, {"role": "assistant", "content": reply}]
    text = render_prompt(format="chatml", messages=messages[:-1]).text
    assert completion.rendered_prompt_sha256 == hashlib.sha256(text.encode()).hexdigest()
    first = generate(make_job(tiny_model), [dataclasses.replace(request, turns=("Hello",))])["p"]
    assert completion.replies[:1] == first.replies


def test_turns_draw_from_streams_of_their_own(tiny_model: Path) -> None:
    engine: Any = start_engine(make_job(tiny_model))
    # All tokens are as likely whatever was said: the same numbers would give the same reply.
    engine.model.get_output_embeddings().weight.data.zero_()
    request = GenerationRequest(key="p", turns=("Hello", "Hello"), seed=9)
    (completion,) = engine.generate([request])
    assert completion.replies[0] != completion.replies[1]
    (again,) = engine.generate([request])
    assert again.replies == completion.replies


@pytest.mark.parametrize("prompt_format", ["llama2", "swallow"])
@pytest.mark.parametrize("add_special_tokens", [None, True, False])
def test_bos_stands_once(
    tiny_model: Path, prompt_format: str, add_special_tokens: bool | None
) -> None:
    options = TokenizerOptions(add_special_tokens=add_special_tokens)
    job = make_job(tiny_model, prompt_format=prompt_format, tokenizer=options)
    engine: Any = start_engine(job)
    make_bos_adding(engine.prompter.tokenizer)
    rendered = render_prompt(format=prompt_format, messages=[{"role": "user", "content": "U"}])
    ids = engine.prompter.encode(rendered)
    assert ids.count(engine.prompter.tokenizer.bos_token_id) == 1
    assert ids[0] == engine.prompter.tokenizer.bos_token_id


@pytest.mark.parametrize(("add_special_tokens", "n_bos"), [(None, 0), (True, 1), (False, 0)])
def test_bos_is_added_to_a_format_without_it_only_on_request(
    tiny_model: Path, add_special_tokens: bool | None, n_bos: int
) -> None:
    options = TokenizerOptions(add_special_tokens=add_special_tokens)
    engine: Any = start_engine(make_job(tiny_model, prompt_format="rinna", tokenizer=options))
    make_bos_adding(engine.prompter.tokenizer)
    rendered = render_prompt(format="rinna", messages=[{"role": "user", "content": "U"}])
    assert engine.prompter.encode(rendered).count(engine.prompter.tokenizer.bos_token_id) == n_bos


def make_bos_adding(tokenizer: Any) -> None:
    """Let a tokenizer put BOS before all that it encodes, as Llama's does."""
    from tokenizers.processors import TemplateProcessing  # noqa: PLC0415 - only these tests

    bos = (tokenizer.bos_token, tokenizer.bos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{bos[0]} $A", special_tokens=[bos]
    )
    assert tokenizer("U")["input_ids"][0] == tokenizer.bos_token_id


def test_prompt_that_fills_the_context_is_an_error(tiny_model: Path) -> None:
    long = GenerationRequest(key="long", turns=("海" * CONTEXT,), seed=1)
    with pytest.raises(JobError, match=rf"'long' has a prompt of \d+ tokens, .* than {CONTEXT} "):
        generate(make_job(tiny_model), [*REQUESTS, long])


def test_replies_end_where_the_context_is_full(tiny_model: Path) -> None:
    job = make_job(tiny_model, settings={"max_tokens": 10_000, "temperature": 0})
    requests = [
        GenerationRequest(key="long", turns=("Hello " * 60, "And?"), seed=1),
        GenerationRequest(key="short", turns=("Hello",), seed=1),
    ]
    engine: Any = start_engine(job)
    engine.prompter.end_ids = frozenset()
    engine.model.generation_config.eos_token_id = None
    made = {completion.key: completion for completion in engine.generate(requests)}
    assert {c.finish_reason for c in made.values()} == {"length"}
    assert made["short"].prompt_tokens + made["short"].completion_tokens == CONTEXT
    assert made["long"].replies[1] == ""


def test_completion_says_what_made_it(tiny_model: Path) -> None:
    completion = generate(make_job(tiny_model), REQUESTS[1:2])["p1"]
    assert (completion.seed, completion.engine) == (1001, "transformers")
    assert completion.engine_version == (
        f"transformers {transformers.__version__}, torch {torch.__version__}"
    )
    assert completion.seconds > 0


def test_replies_hold_no_nul(tiny_model: Path) -> None:
    requests = [GenerationRequest(key=str(n), turns=("Hello",), seed=n) for n in range(60)]
    job = make_job(
        tiny_model, settings={"max_tokens": 60, "temperature": 5.0}, engine_options=batched(60)
    )
    made = generate(job, requests)
    assert not any("\0" in completion.replies[0] for completion in made.values())


def test_model_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"model '.*absent' cannot be loaded: "):
        start_engine(make_job(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"num_hidden_layers": 3}, r"9 weights are not in its files, model\.layers\.2\."),
        ({"hidden_size": 128}, "mismatched_sizes"),
        ({"model_type": "unheard-of"}, "does not recognize this architecture"),
    ],
)
def test_model_whose_files_do_not_fit_is_an_error(
    tiny_model: Path, tmp_path: Path, change: dict[str, Any], expected: str
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(JobError, match=rf"cannot be loaded: .*{expected}"):
        start_engine(make_job(folder))


def test_model_with_torn_weights_is_an_error(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    os.truncate(folder / "model.safetensors", 5000)
    with pytest.raises(JobError, match="cannot be loaded: Error while deserializing header"):
        start_engine(make_job(folder))


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_cuda_that_is_not_there_is_an_error(tiny_model: Path) -> None:
    with pytest.raises(JobError, match="device is 'cuda:1', and no CUDA device was found"):
        start_engine(make_job(tiny_model, engine_options={"device": "cuda:1"}))


def test_unknown_engine_names_the_known(tiny_model: Path) -> None:
    expected = r"engine 'vllmm' is unknown; known: vllm, openai, transformers$"
    with pytest.raises(ValueError, match=expected):
        make_job(tiny_model, engine="vllmm")
