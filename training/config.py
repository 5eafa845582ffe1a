"""What a training run needs to know, read from JSON and checked before any torch is loaded."""

import dataclasses
import json
import math
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

# TRL's losses but exo_pair, which needs label smoothing and so a field that no run has.
LOSS_TYPES = frozenset(
    [
        *("sigmoid", "sigmoid_norm", "hinge", "ipo", "nca_pair", "robust", "bco_pair", "sft"),
        *("sppo_hard", "aot", "aot_unpaired", "apo_zero", "apo_down", "discopop"),
    ]
)
SCHEDULERS = frozenset({"linear", "cosine", "constant", "constant_with_warmup"})
DTYPES = frozenset({"auto", "float32", "bfloat16"})


class BadInput(ValueError):
    """Something that the user wrote is wrong; the message says what, where and what is right."""


class ConfigError(BadInput):
    """A run's config is not valid."""


def _require(holds: bool, field: str, value: object, right: str) -> None:
    if not holds:
        raise ConfigError(f"field {field!r}: {value!r} is not valid; expected {right}")


def _require_positive(run: Any, *fields: str) -> None:
    for field in fields:
        value = getattr(run, field)
        _require(math.isfinite(value) and value > 0, field, value, "a number above 0")


@dataclass(frozen=True, kw_only=True)
class DpoRun:
    """One DPO training by TRL (Rafailov 2023).

    `model` is a folder or hub id, `pairs` a JSONL file in TRL's conversational preference form.
    `output_dir` receives the trained model; `metrics` JSONL rows while the run goes on.
    `epochs` and `learning_rate` are above 0, `beta` is above 0 (small: far from the reference).
    One optimizer step sees `batch_size * gradient_accumulation` pairs. `max_length` in tokens
    bounds prompt and reply together. `dtype` "auto" is float32 on CPU, and on CUDA float32
    weights with bfloat16 arithmetic; "bfloat16" keeps the weights in bfloat16 too.
    `resume` goes on from the last checkpoint under `output_dir`, or begins where there is none.
    `checkpoint_every` is in steps; None keeps a checkpoint only when the run is told to stop.
    """

    method: ClassVar[str] = "dpo"

    model: str
    pairs: str
    output_dir: str
    metrics: str
    revision: str | None = None
    eval_pairs: str | None = None
    epochs: float = 1.0
    beta: float = 0.1
    learning_rate: float = 1e-6
    batch_size: int = 8
    gradient_accumulation: int = 1
    max_length: int = 1024
    seed: int = 0
    loss_type: tuple[str, ...] = ("sigmoid",)
    loss_weights: tuple[float, ...] | None = None
    warmup_ratio: float = 0.1
    scheduler: str = "linear"
    dtype: str = "auto"
    precompute_ref: bool = False
    log_every: int = 1
    checkpoint_every: int | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        for field in ("model", "pairs", "output_dir", "metrics"):
            _require(bool(getattr(self, field)), field, getattr(self, field), "a path")
        _require_positive(
            self, "epochs", "beta", "learning_rate", "batch_size", "gradient_accumulation"
        )
        _require_positive(self, "log_every")
        _require(self.max_length > 1, "max_length", self.max_length, "2 tokens or more")
        _require(self.seed >= 0, "seed", self.seed, "0 or more")
        _require(0 <= self.warmup_ratio < 1, "warmup_ratio", self.warmup_ratio, "0 <= ratio < 1")
        _require(self.scheduler in SCHEDULERS, "scheduler", self.scheduler, _one_of(SCHEDULERS))
        _require(self.dtype in DTYPES, "dtype", self.dtype, _one_of(DTYPES))
        if self.checkpoint_every is not None:
            _require_positive(self, "checkpoint_every")
        self._check_losses()

    def _check_losses(self) -> None:
        _require(bool(self.loss_type), "loss_type", self.loss_type, "one loss or more")
        for name in self.loss_type:
            _require(name in LOSS_TYPES, "loss_type", name, _one_of(LOSS_TYPES))
        if self.loss_weights is None:
            return
        _require(
            len(self.loss_weights) == len(self.loss_type),
            "loss_weights",
            self.loss_weights,
            f"one weight for each of {list(self.loss_type)}",
        )
        _require(
            all(math.isfinite(weight) for weight in self.loss_weights) and any(self.loss_weights),
            "loss_weights",
            self.loss_weights,
            "finite weights, not all 0",
        )


@dataclass(frozen=True, kw_only=True)
class TinyRun:
    """A tiny Llama with a tokenizer of its own, both trained from scratch on one corpus.

    `corpus` is JSONL of conversations (`{"messages": [{"role": ..., "content": ...}, ...]}`).
    `vocabulary_size` counts all tokens, `hidden_size` is a multiple of 32 (one head each),
    `max_length` in tokens bounds a conversation and the model's positions.
    """

    method: ClassVar[str] = "tiny"

    corpus: str
    output_dir: str
    metrics: str
    vocabulary_size: int = 1536
    hidden_size: int = 192
    layers: int = 4
    epochs: float = 2.0
    batch_size: int = 16
    learning_rate: float = 2e-3
    warmup_ratio: float = 0.05
    max_length: int = 256
    seed: int = 0
    log_every: int = 10

    def __post_init__(self) -> None:
        for field in ("corpus", "output_dir", "metrics"):
            _require(bool(getattr(self, field)), field, getattr(self, field), "a path")
        _require_positive(self, "layers", "epochs", "batch_size", "learning_rate", "log_every")
        # 256 bytes and the special tokens are always there.
        _require(
            self.vocabulary_size >= 300, "vocabulary_size", self.vocabulary_size, "300 or more"
        )
        _require(
            self.hidden_size > 0 and self.hidden_size % 32 == 0,
            "hidden_size",
            self.hidden_size,
            "a multiple of 32",
        )
        _require(self.max_length > 1, "max_length", self.max_length, "2 tokens or more")
        _require(self.seed >= 0, "seed", self.seed, "0 or more")
        _require(0 <= self.warmup_ratio < 1, "warmup_ratio", self.warmup_ratio, "0 <= ratio < 1")


Run = DpoRun | TinyRun
METHODS: dict[str, type[DpoRun] | type[TinyRun]] = {run.method: run for run in (DpoRun, TinyRun)}


def read_run(path: str | Path) -> Run:
    """Read and check the run that a JSON file describes.

    Raises ConfigError, naming the file and the field, for anything that is not as it should be.
    """
    path = Path(path)
    try:
        return parse_run(_read_object(path))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def write_run(run: Run, path: str | Path) -> None:
    """Write a run as JSON, so that `read_run` gives an equal one."""
    text = json.dumps(describe_run(run), indent=2, ensure_ascii=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def describe_run(run: Run) -> dict[str, Any]:
    """Return the run as a JSON object, its method first."""
    return {"method": run.method} | dataclasses.asdict(run)


def parse_run(fields: dict[str, Any]) -> Run:
    """Make a checked run of a JSON object; `method` says which kind."""
    method = fields.get("method")
    if method not in METHODS:
        raise ConfigError(f"field 'method': {method!r} is not valid; expected {_one_of(METHODS)}")
    kind = METHODS[method]
    values = {name: value for name, value in fields.items() if name != "method"}
    known = {field.name: field for field in dataclasses.fields(kind)}
    for name in values:
        if name not in known:
            raise ConfigError(f"field {name!r} is unknown to {method!r}; it has {sorted(known)}")
    for name, field in known.items():
        if field.default is dataclasses.MISSING and name not in values:
            raise ConfigError(f"field {name!r} is missing")
    hints = typing.get_type_hints(kind)
    return kind(**{name: _coerce(name, value, hints[name]) for name, value in values.items()})


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise ConfigError(f"line {error.lineno}: is not JSON: {error.msg}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"is a JSON {type(value).__name__}; expected an object")
    return value


def _coerce(name: str, value: object, hint: Any) -> Any:
    """Turn a JSON value into the field's type, or say what type it should have."""
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(part for part in typing.get_args(hint) if part is not types.NoneType)
    if typing.get_origin(hint) is tuple:
        _require(isinstance(value, list | tuple), name, value, "a list")
        element = typing.get_args(hint)[0]
        return tuple(_coerce(name, part, element) for part in typing.cast(list[object], value))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # bool is a subclass of int, and `true` is no number of pairs.
    is_right = isinstance(value, hint) and not (hint is int and isinstance(value, bool))
    _require(is_right, name, value, f"a JSON {_JSON_NAMES[hint]}")
    return value


_JSON_NAMES = {str: "string", int: "whole number", float: "number", bool: "true or false"}


def _one_of(names: typing.Iterable[str]) -> str:
    return "one of " + ", ".join(sorted(names))
