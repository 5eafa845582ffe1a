"""A plan as a file: TOML for people, JSON whose bytes are what the plan's hash is of."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from annotate.services.plans import Plan

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def write_toml(config: Mapping[str, Any]) -> str:
    """Write a plan's configuration as TOML that reads back the same, but for what is unset.

    What is unset (None) is left out, since TOML has no word for it and a plan has its default.
    """
    return "\n".join(_lines(_in_order(config))) + "\n"


def _in_order(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put fields as the schema has them, for the database keeps them in an order of its own."""
    try:
        ordered = Plan.model_validate(config).to_config()
    except ValidationError:  # of a plan that an older schema took
        return config
    return ordered if ordered == config else config


def _lines(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the plain values first, then a table for each part, then one for each model."""
    tables = {name: part for name, part in config.items() if isinstance(part, Mapping) and part}
    for name, value in config.items():
        if name not in tables and not _is_tables(value) and value is not None:
            yield f"{_key(name)} = {_value(value)}"
    for name, part in tables.items():
        yield from ("", f"[{_key(name)}]", *_entries(part))
    for name, value in config.items():
        for part in value if _is_tables(value) else ():
            yield from ("", f"[[{_key(name)}]]", *_entries(part))


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _entries(part: Mapping[str, Any]) -> Iterator[str]:
    for name, value in part.items():
        if value is not None:
            yield f"{_key(name)} = {_value(value)}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(_entries(value))}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value)


def _text(text: str) -> str:
    # JSON's escapes are TOML's too; DEL is the one character that only TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
