"""Runs as JSON files, read and written so that what is read again is equal."""

import dataclasses
import json
import types
import typing
from pathlib import Path
from typing import Any

from training.config import DpoRun, TinyRun
from training.fields import ConfigError, one_of, require

Run = DpoRun | TinyRun
Fields = typing.TypeVar("Fields")
METHODS: dict[str, type[DpoRun] | type[TinyRun]] = {run.method: run for run in (DpoRun, TinyRun)}


def read_run(path: str | Path) -> Run:
    """Read and check the run that a JSON file describes.

    Raises ConfigError, naming the file and the field, for anything that is not as it should be.
    """
    path = Path(path)
    try:
        return parse_run(read_object(path))
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
        raise ConfigError(f"field 'method': {method!r} is not valid; expected {one_of(METHODS)}")
    values = {name: value for name, value in fields.items() if name != "method"}
    return parse_fields(METHODS[method], values, of=method)


def parse_fields(kind: type[Fields], values: dict[str, Any], *, of: str) -> Fields:
    """Make a checked dataclass of a JSON object; `of` names it where a field is unknown to it."""
    known = {field.name: field for field in dataclasses.fields(typing.cast(Any, kind))}
    for name in values:
        if name not in known:
            raise ConfigError(f"field {name!r} is unknown to {of!r}; it has {sorted(known)}")
    for name, field in known.items():
        if field.default is dataclasses.MISSING and name not in values:
            raise ConfigError(f"field {name!r} is missing")
    hints = typing.get_type_hints(kind)
    return kind(**{name: _coerce(name, value, hints[name]) for name, value in values.items()})


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises ConfigError for a file that is none."""
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
        require(isinstance(value, list | tuple), name, value, "a list")
        element = typing.get_args(hint)[0]
        return tuple(_coerce(name, part, element) for part in typing.cast(list[object], value))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # bool is a subclass of int, and `true` is no number of pairs.
    is_right = isinstance(value, hint) and not (hint is int and isinstance(value, bool))
    require(is_right, name, value, f"a JSON {_JSON_NAMES[hint]}")
    return value


_JSON_NAMES = {str: "string", int: "whole number", float: "number", bool: "true or false"}
