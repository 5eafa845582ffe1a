"""A generation job: a JSON file that says what to run, where requests are and completions go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from annotate.generation.engines.fit import check_fit
from annotate.generation.engines.options import EngineOptions, check_engine_options
from annotate.generation.formats import PROMPT_FORMATS
from annotate.generation.rows import (
    GeneratedCompletion,
    GenerationRequest,
    JobError,
    read_completions,
    read_requests,
    write_requests,
)
from annotate.generation.sampling import Sampling

__all__ = [
    "GeneratedCompletion",
    "GenerationJob",
    "GenerationRequest",
    "JobError",
    "TokenizerOptions",
    "read_completions",
    "read_job",
    "read_requests",
    "write_job",
    "write_requests",
]


@dataclass(frozen=True, slots=True)
class TokenizerOptions:
    """How the tokenizer is loaded and used; None leaves special tokens to the prompt format."""

    use_fast: bool = True
    add_special_tokens: bool | None = None


@dataclass(frozen=True, slots=True)
class GenerationJob:
    """Everything that one engine process needs to know.

    `engine_options` are what the engine's class in `engines.options` reads; an empty `revision`
    is the model's newest. Relative paths count from the job file's folder. Raises ValueError
    naming the field.
    """

    engine: str
    model: str
    requests: Path
    completions: Path
    revision: str = ""
    prompt_format: str = "chat_template"
    sampling: Sampling = field(default_factory=Sampling)
    tokenizer: TokenizerOptions = field(default_factory=TokenizerOptions)
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        for name in ("engine", "model"):
            _check(_is_text(getattr(self, name)), self, name, "a text")
        _check(isinstance(self.revision, str), self, "revision", "a text")
        known = f"one of {', '.join(PROMPT_FORMATS)}"
        _check(self.prompt_format in PROMPT_FORMATS, self, "prompt_format", known)
        is_object = isinstance(self.engine_options, dict)
        _check(is_object, self, "engine_options", "a JSON object")
        check_fit(
            engine=self.engine,
            options=self.engine_options,
            sampling=self.sampling,
            prompt_format=self.prompt_format,
        )
        _check(self.requests != self.completions, self, "completions", "a file of its own")
        # Code that comes with a model would run with the worker's rights.
        _check(self.trust_remote_code is False, self, "trust_remote_code", "false")

    @property
    def options(self) -> EngineOptions:
        """Read the engine's options, defaults filled in."""
        return check_engine_options(self.engine, self.engine_options)

    def to_dict(self) -> dict[str, Any]:
        """Return what `read_job` reads, as JSON types."""
        paths = {"requests": str(self.requests), "completions": str(self.completions)}
        return {**asdict(self), **paths, "sampling": self.sampling.to_dict()}

    @classmethod
    def from_dict(cls, config: Mapping[str, Any], *, folder: Path = Path()) -> GenerationJob:
        """Read a job whose relative paths count from `folder`; raises ValueError."""
        _check_names("the job", config, cls, required=("engine", "model", *_PATHS))
        nested: dict[str, Any] = {}
        for name in _PATHS:
            if not _is_text(config[name]):
                raise ValueError(f"{name} is {config[name]!r}; a path was expected")
            nested[name] = folder / config[name]
        if "sampling" in config:
            nested["sampling"] = Sampling.from_dict(_require_object(config, "sampling"))
        if "tokenizer" in config:
            nested["tokenizer"] = _read_tokenizer(_require_object(config, "tokenizer"))
        return cls(**{**config, **nested})


_PATHS = ("requests", "completions")


def read_job(path: Path) -> GenerationJob:
    """Read a job file (JSON); raises JobError naming the file and the field."""
    try:
        config = json.loads(path.read_bytes())
        if not isinstance(config, dict):
            raise ValueError("a JSON object was expected")
        return GenerationJob.from_dict(config, folder=path.parent)
    except OSError as error:
        raise JobError(f"{path}: the job cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise JobError(f"{path}: {error}") from error


def write_job(job: GenerationJob, path: Path) -> None:
    """Write a job file (JSON) whose paths are absolute, since readers count from its folder."""
    paths = {
        "requests": str(job.requests.absolute()),
        "completions": str(job.completions.absolute()),
    }
    config = {**job.to_dict(), **paths}
    path.write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", "utf-8")


def _read_tokenizer(options: Mapping[str, Any]) -> TokenizerOptions:
    _check_names("tokenizer", options, TokenizerOptions)
    for name, value in options.items():
        may_be_none = name == "add_special_tokens" and value is None
        if not isinstance(value, bool) and not may_be_none:
            raise ValueError(f"tokenizer {name} is {value!r}; true or false was expected")
    return TokenizerOptions(**options)


def _check_names(
    what: str, config: Mapping[str, Any], kind: type[Any], *, required: tuple[str, ...] = ()
) -> None:
    known = [field.name for field in fields(kind)]
    for name in required:
        if name not in config:
            raise ValueError(f"{name!r} is missing from {what}; needed: {', '.join(required)}")
    for name in config:
        if name not in known:
            raise ValueError(f"{what} has an unknown key {name!r}; known: {', '.join(known)}")


def _require_object(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not isinstance(config[name], dict):
        raise ValueError(f"{name} is {config[name]!r}; a JSON object was expected")
    return dict(config[name])


def _check(fits: bool, job: GenerationJob, name: str, expected: str) -> None:
    if not fits:
        raise ValueError(f"{name} is {getattr(job, name)!r}; {expected} was expected")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
