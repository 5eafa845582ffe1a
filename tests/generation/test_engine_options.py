"""What engines can be told: ranges, refusals in one line, and the page that lists them."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from annotate.generation.engines import ENGINES, check_engine_options, check_fit, options_to_dict
from annotate.generation.engines.options import OPTIONS, OpenAIOptions
from annotate.generation.sampling import Sampling

ROOT = Path(__file__).resolve().parents[2]
URL = "http://127.0.0.1:8000/v1"
NEEDED: dict[str, dict[str, Any]] = {"openai": {"endpoints": [URL]}}


@pytest.mark.parametrize("engine", ENGINES)
def test_options_survive_as_json(engine: str) -> None:
    options = check_engine_options(engine, NEEDED.get(engine, {}))
    written = json.loads(json.dumps(options_to_dict(options)))
    assert check_engine_options(engine, written) == options


@pytest.mark.parametrize(
    ("engine", "options", "expected"),
    [
        ("imported", {}, "engine 'imported' is unknown; known: vllm, openai, transformers"),
        ("vllm", {"tensor_parallel": 2}, "vllm has no option 'tensor_parallel'; its options: tens"),
        (
            "vllm",
            {"tensor_parallel_size": 0},
            "tensor_parallel_size is 0; a whole number 1 to 1024",
        ),
        ("vllm", {"tensor_parallel_size": True}, "tensor_parallel_size is True; a whole number"),
        ("vllm", {"gpu_memory_utilization": 1.5}, "is 1.5; a number 0.05 to 1 was expected"),
        ("vllm", {"gpu_memory_utilization": float("nan")}, "is nan; a number 0.05 to 1"),
        ("vllm", {"dtype": "fp16"}, "dtype is 'fp16'; one of auto, float32, bfloat16, float16"),
        ("vllm", {"enforce_eager": 1}, "enforce_eager is 1; true or false was expected"),
        ("vllm", {"max_model_len": 2.5}, "max_model_len is 2.5; a whole number 0 to"),
        ("vllm", {"quantization": None}, "quantization is None; a text was expected"),
        ("transformers", {"device": "cuda:x"}, "device is 'cuda:x'; auto, cpu, cuda or cuda:N"),
        ("openai", {}, r"endpoints is \(\); a list of one address or more was expected"),
        ("openai", {"endpoints": URL}, "a list of one address or more was expected"),
        ("openai", {"endpoints": ["gpu1:8000"]}, "other than http:// or https:// addresses"),
        ("openai", {"endpoints": [URL, f"{URL}/"]}, "names an address twice"),
        ("openai", {"api": "responses"}, "api is 'responses'; one of auto, chat, completions"),
        ("openai", {"concurrency": 0}, "concurrency is 0; a whole number 1 to 4096"),
        ("openai", {"rest_s": 0}, "rest_s is 0; a number 0.001 to 3600"),
        ("openai", {"extra_body": {"seed": 1}}, "a JSON object without .*, seed, "),
        ("openai", {"max_tokens_field": "n"}, "one of max_tokens, max_completion_tokens"),
    ],
)
def test_refusal_names_option_and_range(
    engine: str, options: dict[str, Any], expected: str
) -> None:
    given = {**NEEDED.get(engine, {}), **options} if options else {}
    with pytest.raises(ValueError, match=expected) as caught:
        check_engine_options(engine, given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"endpoints": ["http://user:hunter2@gpu1/v1"]},
        {"endpoints": ["http://gpu1/v1?api_key=hunter2"]},
        {"endpoints": [URL], "api_key_env": "hunter2"},
    ],
)
def test_refusal_repeats_no_secret(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"was expected|without user") as caught:
        check_engine_options("openai", options)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "KURABE_HOME", "PGPASSWORD"])
def test_kurabes_own_variables_are_sent_to_no_service(name: str) -> None:
    with pytest.raises(ValueError, match=f"^engine option api_key_env is '{name}', one of Kurabe"):
        check_engine_options("openai", {"endpoints": [URL], "api_key_env": name})
    check_engine_options("openai", {"endpoints": [URL], "api_key_env": f"MY_{name}"})


@pytest.mark.parametrize(
    ("options", "settings", "prompt_format", "expected"),
    [
        ({"extensions": False}, {"min_p": 0.1, "top_k": 5}, "chat_template", "top_k, min_p is not"),
        ({"api": "chat"}, {}, "llama2", "'llama2' cannot go with api chat"),
        ({"api": "completions"}, {}, "chat_template", "option tokenizer is needed"),
        ({"extensions": False}, {}, "swallow", "'swallow' begins with BOS"),
    ],
)
def test_what_a_service_cannot_do_is_refused_beforehand(
    options: dict[str, Any], settings: dict[str, Any], prompt_format: str, expected: str
) -> None:
    def check(**changed: Any) -> None:
        check_fit(
            engine="openai",
            options={**NEEDED["openai"], **options, **changed},
            sampling=Sampling(**settings),
            prompt_format=prompt_format,
        )

    with pytest.raises(ValueError, match=expected):
        check()
    check(extensions=True, api="auto", tokenizer="folder")


def test_options_are_read_without_torch() -> None:
    code = (
        "import sys; from annotate.generation.engines import check_fit;"
        "assert not {'torch', 'transformers', 'vllm', 'httpx', 'django'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_option_stands_in_the_documentation(engine: str) -> None:
    text = (ROOT / "docs" / "engines.md").read_text("utf-8")
    part = text.split(f"## Options of {engine}\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", part, re.MULTILINE))
    expected = {each.name: default_of(each) for each in dataclasses.fields(OPTIONS[engine])}
    assert rows == expected


def default_of(option: dataclasses.Field[Any]) -> str:
    """Write an option's default as the documentation does."""
    if option.name == "extra_body":
        return "{}"
    shown = json.dumps(option.default)
    return shown if option.default == "" else shown.strip('"')


def test_address_loses_its_last_slash() -> None:
    options = check_engine_options("openai", {"endpoints": [f"{URL}/"]})
    assert isinstance(options, OpenAIOptions)
    assert options.endpoints == (URL,)
