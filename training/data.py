"""JSONL that a run reads: preference pairs and conversations, checked line by line."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.config import BadInput

ROLES = ("system", "user", "assistant")

Message = dict[str, str]


class DatasetError(BadInput):
    """A line of a data file is not as it should be; the message names file, line and field."""


@dataclass(frozen=True)
class Pair:
    """One preference: the conversation so far, the reply preferred and the reply not."""

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]


def read_pairs(path: str | Path) -> list[Pair]:
    """Read TRL's conversational preference JSONL; columns beside the three are left alone.

    Raises DatasetError for a line that is not a pair, and for a file without any.
    """
    pairs = [_parse_pair(row, where) for where, row in _iterate_rows(Path(path))]
    if not pairs:
        raise DatasetError(f"{path}: has no pair; expected one JSON object on each line")
    return pairs


def read_conversations(path: str | Path) -> list[list[Message]]:
    """Read JSONL of `{"messages": [...]}`, each conversation ending in an assistant's reply."""
    conversations = []
    for where, row in _iterate_rows(Path(path)):
        messages = _parse_messages(row, "messages", where)
        if messages[-1]["role"] != "assistant":
            raise DatasetError(f"{where}, field 'messages': the last role must be 'assistant'")
        conversations.append(messages)
    if not conversations:
        raise DatasetError(f"{path}: has no conversation; expected one JSON object on each line")
    return conversations


def hash_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _iterate_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place ("file, line n") and the object of each line that is not blank."""
    try:
        # Split on \n alone: a JSON string may hold other characters that splitlines breaks at.
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DatasetError(f"{where}: is not JSON: {error.msg}") from error
        if not isinstance(row, dict):
            raise DatasetError(f"{where}: is a JSON {type(row).__name__}; expected an object")
        yield where, row


def _parse_pair(row: dict[str, Any], where: str) -> Pair:
    prompt = _parse_messages(row, "prompt", where)
    if prompt[-1]["role"] != "user":
        raise DatasetError(f"{where}, field 'prompt': the last role must be 'user'")
    pair = Pair(prompt, _parse_reply(row, "chosen", where), _parse_reply(row, "rejected", where))
    if pair.chosen == pair.rejected:
        raise DatasetError(f"{where}, field 'rejected': is the same as 'chosen'")
    return pair


def _parse_reply(row: dict[str, Any], field: str, where: str) -> list[Message]:
    messages = _parse_messages(row, field, where)
    if messages[0]["role"] != "assistant" or messages[-1]["role"] != "assistant":
        raise DatasetError(f"{where}, field {field!r}: must begin and end as 'assistant'")
    return messages


def _parse_messages(row: dict[str, Any], field: str, where: str) -> list[Message]:
    if field not in row:
        raise DatasetError(f"{where}: field {field!r} is missing; it has {sorted(row)}")
    messages = row[field]
    if not isinstance(messages, list) or not messages:
        raise DatasetError(f"{where}, field {field!r}: expected a list of one message or more")
    return [_parse_message(message, f"{where}, field {field!r}") for message in messages]


def _parse_message(message: object, where: str) -> Message:
    if not isinstance(message, dict):
        raise DatasetError(f"{where}: {message!r} is not a message; expected role and content")
    role, content = message.get("role"), message.get("content")
    if role not in ROLES:
        raise DatasetError(f"{where}: role {role!r} is unknown; expected one of {', '.join(ROLES)}")
    if not isinstance(content, str):
        raise DatasetError(f"{where}: content {content!r} is not a string")
    return {"role": role, "content": content}
