"""What each engine can be told, as frozen classes that know their ranges; no torch is loaded."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeAlias
from urllib.parse import urlsplit

DTYPES = ("auto", "float32", "bfloat16", "float16")
APIS = ("auto", "chat", "completions")
_MEMORY_SHARE = (0.05, 1.0)
_NAME = re.compile(r"(?:[A-Z_][A-Z0-9_]*)?")
# Kurabe's own secrets: a plan that names one would send it to whatever address it likes.
_NOT_FOR_OTHERS = re.compile(r"SECRET_KEY.*|DATABASE_URL.*|EMAIL_HOST_.*|PG[A-Z]+|KURABE_.*")


@dataclass(frozen=True, slots=True)
class TransformersOptions:
    """How transformers loads and runs a model: `device` is auto, cpu, cuda or cuda:N."""

    batch_size: int = 32
    dtype: str = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        _check_whole(self, "batch_size", 1, 4096)
        _check_choice(self, "dtype", DTYPES)
        _check(_is_device(self.device), self, "device", "auto, cpu, cuda or cuda:N")


@dataclass(frozen=True, slots=True)
class VllmOptions:
    """How vLLM loads and runs a model. 0 and "" leave a choice to vLLM and the model's files."""

    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    dtype: str = "auto"
    quantization: str = ""
    kv_cache_dtype: str = "auto"
    max_model_len: int = 0
    max_num_seqs: int = 0
    max_num_batched_tokens: int = 0
    gpu_memory_utilization: float = 0.9
    enable_prefix_caching: bool = True
    enforce_eager: bool = False
    cpu_offload_gb: float = 0.0

    def __post_init__(self) -> None:
        _check_whole(self, "tensor_parallel_size", 1, 1024)
        _check_whole(self, "pipeline_parallel_size", 1, 1024)
        _check_choice(self, "dtype", DTYPES)
        _check(isinstance(self.quantization, str), self, "quantization", "a text")
        _check(_is_text(self.kv_cache_dtype), self, "kv_cache_dtype", "a text")
        _check_whole(self, "max_model_len", 0, 2**31 - 1)
        _check_whole(self, "max_num_seqs", 0, 65_536)
        _check_whole(self, "max_num_batched_tokens", 0, 2**31 - 1)
        _check_number(self, "gpu_memory_utilization", *_MEMORY_SHARE)
        _check_switch(self, "enable_prefix_caching")
        _check_switch(self, "enforce_eager")
        _check_number(self, "cpu_offload_gb", 0, 65_536)


@dataclass(frozen=True, slots=True)
class OpenAIOptions:
    """Which endpoints are asked, how, and how patiently.

    `endpoints` are base addresses, as in http://gpu1:8000/v1. A key is named, never given:
    `api_key_env` is the name of an environment variable. `tokenizer` is a folder or an id on a
    hub; "" is none. Times are in seconds. With `extensions` off only OpenAI's own fields are sent.
    """

    endpoints: tuple[str, ...] = ()
    api: str = "auto"
    api_key_env: str = ""
    tokenizer: str = ""
    extensions: bool = True
    sends_seed: bool = True
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    max_tokens_field: str = "max_tokens"
    concurrency: int = 16
    timeout_s: float = 600.0
    retries: int = 8
    backoff_s: float = 1.0
    max_backoff_s: float = 60.0
    failures_to_rest: int = 3
    rest_s: float = 10.0
    probes: int = 6

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoints", _read_endpoints(self.endpoints))
        _check_choice(self, "api", APIS)
        # What was given may be the key, so that it is not repeated.
        if not isinstance(self.api_key_env, str) or not _NAME.fullmatch(self.api_key_env):
            raise ValueError(
                "api_key_env is no name in capitals; the name of an environment variable that "
                "holds the key, not the key itself, was expected"
            )
        if _NOT_FOR_OTHERS.fullmatch(self.api_key_env):
            raise ValueError(
                f"api_key_env is {self.api_key_env!r}, one of Kurabe's own variables, which no "
                "service may see; put the service's key into a variable of another name"
            )
        _check(isinstance(self.tokenizer, str), self, "tokenizer", "a folder or an id, or no text,")
        _check_switch(self, "extensions")
        _check_switch(self, "sends_seed")
        _check(_is_body(self.extra_body), self, "extra_body", _BODY_EXPECTED)
        _check_choice(self, "max_tokens_field", ("max_tokens", "max_completion_tokens"))
        _check_whole(self, "concurrency", 1, 4096)
        _check_number(self, "timeout_s", 0.1, 86_400)
        _check_whole(self, "retries", 0, 1000)
        for name in ("backoff_s", "max_backoff_s", "rest_s"):
            _check_number(self, name, 0.001, 3600)
        _check_whole(self, "failures_to_rest", 1, 1000)
        _check_whole(self, "probes", 0, 10_000)

    def api_for(self, prompt_format: str) -> str:
        """Return chat or completions: where nothing is said, chat is for the server's template."""
        if self.api != "auto":
            return self.api
        return "chat" if prompt_format == "chat_template" else "completions"


EngineOptions: TypeAlias = TransformersOptions | VllmOptions | OpenAIOptions
OPTIONS: dict[str, type[EngineOptions]] = {
    "vllm": VllmOptions,
    "openai": OpenAIOptions,
    "transformers": TransformersOptions,
}
# Fields of a request that come from the job; sent twice they would contradict each other.
_OWN_FIELDS = frozenset(
    (
        *("model", "prompt", "messages", "seed", "temperature", "top_p", "top_k", "min_p"),
        *("repetition_penalty", "frequency_penalty", "max_tokens", "max_completion_tokens"),
        *("stop", "stop_token_ids", "n", "stream"),
    )
)
_BODY_EXPECTED = f"a JSON object without {', '.join(sorted(_OWN_FIELDS))}"


def check_engine_options(engine: str, options: Mapping[str, Any]) -> EngineOptions:
    """Read an engine's options; what is not given has its default.

    Raises ValueError naming the engine or the field, and what is allowed.
    """
    if engine not in OPTIONS:
        raise ValueError(f"engine {engine!r} is unknown; known: {', '.join(OPTIONS)}")
    kind = OPTIONS[engine]
    known = [each.name for each in fields(kind)]
    for name in options:
        if name not in known:
            raise ValueError(
                f"engine {engine} has no option {name!r}; its options: {', '.join(known)}"
            )
    try:
        return kind(**options)
    except ValueError as error:
        raise ValueError(f"engine option {error}") from error


def options_to_dict(options: EngineOptions) -> dict[str, Any]:
    """Return all options, defaults written out, as JSON types."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(options).items()
    }


def _read_endpoints(given: object) -> tuple[str, ...]:
    """Return the addresses without a slash at the end; raises ValueError."""
    if not isinstance(given, list | tuple) or not given:
        raise ValueError(f"endpoints is {given!r}; a list of one address or more was expected")
    for address in given:
        if not isinstance(address, str) or not _is_address(address):
            raise ValueError(  # the address is not repeated: a password may stand in it
                "endpoints holds something other than http:// or https:// addresses such as "
                "http://127.0.0.1:8000/v1, without user, password, query or fragment"
            )
    addresses = tuple(address.rstrip("/") for address in given)
    if len(set(addresses)) < len(addresses):
        raise ValueError("endpoints names an address twice; raise concurrency instead")
    return addresses


def _is_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return False
    is_http = parts.scheme in ("http", "https") and bool(parts.hostname)
    return is_http and not (parts.username or parts.password or parts.query or parts.fragment)


def _is_body(body: object) -> bool:
    return (
        isinstance(body, dict)
        and all(isinstance(name, str) for name in body)
        and not _OWN_FIELDS & set(body)
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_device(device: object) -> bool:
    if not isinstance(device, str):
        return False
    return device in ("auto", "cpu", "cuda") or (
        device.startswith("cuda:") and device.removeprefix("cuda:").isdecimal()
    )


def _check_choice(options: EngineOptions, name: str, choices: tuple[str, ...]) -> None:
    fits = getattr(options, name) in choices
    _check(fits, options, name, f"one of {', '.join(choices)}")


def _check_switch(options: EngineOptions, name: str) -> None:
    _check(isinstance(getattr(options, name), bool), options, name, "true or false")


def _check_whole(options: EngineOptions, name: str, lowest: int, highest: int) -> None:
    value = getattr(options, name)
    fits = isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
    _check(fits, options, name, f"a whole number {lowest} to {highest}")


def _check_number(options: EngineOptions, name: str, lowest: float, highest: float) -> None:
    value = getattr(options, name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = is_number and math.isfinite(value) and lowest <= value <= highest
    _check(fits, options, name, f"a number {lowest:g} to {highest:g}")


def _check(fits: bool, options: EngineOptions, name: str, expected: str) -> None:
    if not fits:
        raise ValueError(f"{name} is {getattr(options, name)!r}; {expected} was expected")
