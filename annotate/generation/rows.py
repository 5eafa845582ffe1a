"""The rows of a generation job's files: requests in, completions out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

MAX_SEED = 2**63 - 1
FINISH_REASONS = ("stop", "length")

Row = TypeVar("Row")


class JobError(ValueError):
    """A job, its requests or its completions cannot be used as they are."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One completion to make: a reply for each user turn, under one seed (0 to 2**63 - 1)."""

    key: str
    turns: tuple[str, ...]
    seed: int
    system: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the request as JSON types."""
        return {**asdict(self), "turns": list(self.turns)}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> GenerationRequest:
        """Read a request; raises ValueError naming the field. An empty system text is none."""
        _check_keys(row, required=("key", "turns", "seed"), optional=("system",))
        _check(isinstance(row["key"], str) and row["key"] != "", row, "key", "a text")
        _check(_is_texts(row["turns"]) and row["turns"], row, "turns", "a list of user texts")
        _check(_is_count(row["seed"], MAX_SEED), row, "seed", f"a whole number 0 to {MAX_SEED}")
        system = row.get("system")
        _check(system is None or isinstance(system, str), row, "system", "a text or null")
        return cls(
            key=row["key"], turns=tuple(row["turns"]), seed=row["seed"], system=system or None
        )


@dataclass(frozen=True, slots=True)
class GeneratedCompletion:
    """What an engine made of a request.

    `finish_reason` is `length` where any reply was cut, else `stop`. `prompt_tokens` and
    `completion_tokens` are sums over the turns; a reply's end token counts. The SHA-256 is of
    the final turn's rendered prompt (UTF-8). `seconds` is this row's share of its batch's time.
    """

    key: str
    replies: tuple[str, ...]
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    rendered_prompt_sha256: str
    seed: int
    engine: str
    engine_version: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the completion as JSON types."""
        return {**asdict(self), "replies": list(self.replies)}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> GeneratedCompletion:
        """Read a completion; raises ValueError naming the field."""
        _check_keys(row, required=tuple(field.name for field in fields(cls)))
        for name in ("key", "engine", "engine_version", "rendered_prompt_sha256"):
            _check(isinstance(row[name], str), row, name, "a text")
        for name in ("prompt_tokens", "completion_tokens", "seed"):
            _check(_is_count(row[name], MAX_SEED), row, name, "a whole number of 0 or more")
        _check(_is_texts(row["replies"]) and row["replies"], row, "replies", "a list of texts")
        known = row["finish_reason"] in FINISH_REASONS
        _check(known, row, "finish_reason", " or ".join(FINISH_REASONS))
        _check(isinstance(row["seconds"], int | float), row, "seconds", "a number")
        return cls(**{**row, "replies": tuple(row["replies"])})


def read_requests(path: Path) -> list[GenerationRequest]:
    """Read a requests file (JSONL); raises JobError naming file, line and field."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise JobError(f"{path}: requests cannot be read: {error.strerror}") from error
    requests = list(_read_rows(path, lines, GenerationRequest.from_dict))
    if not requests:
        raise JobError(f"{path}: no requests; one JSON object a line was expected")
    seen: set[str] = set()
    for request in requests:
        if request.key in seen:
            raise JobError(f"{path}: key {request.key!r} stands twice; keys must be unique")
        seen.add(request.key)
    return requests


def write_requests(requests: Iterable[GenerationRequest], path: Path) -> None:
    """Write a requests file (JSONL)."""
    with path.open("wb") as file:
        file.writelines(encode_row(request.to_dict()) for request in requests)


def read_completions(path: Path) -> list[GeneratedCompletion]:
    """Read the whole lines of a completions file, which an engine may still be writing.

    A last line without its newline is left out, and a file that is not there yet has no rows.
    Raises JobError naming file, line and field where a whole line cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return list(_read_rows(path, lines[:-1], GeneratedCompletion.from_dict))


def encode_row(row: Mapping[str, Any]) -> bytes:
    """Return one line of JSONL, newline included."""
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _read_rows(
    path: Path, lines: Iterable[bytes], read: Callable[[Mapping[str, Any]], Row]
) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("a JSON object was expected")
            yield read(row)
        except ValueError as error:
            raise JobError(f"{path}, line {number}: {error}") from error


def _check_keys(
    row: Mapping[str, Any], *, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> None:
    missing = [name for name in required if name not in row]
    unknown = [name for name in row if name not in (*required, *optional)]
    if missing or unknown:
        problem = f"{missing[0]!r} is missing" if missing else f"{unknown[0]!r} is unknown"
        raise ValueError(f"{problem}; fields: {', '.join((*required, *optional))}")


def _check(fits: object, row: Mapping[str, Any], name: str, expected: str) -> None:
    if not fits:
        raise ValueError(f"{name} is {row[name]!r}; {expected} was expected")


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_count(value: object, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= highest
