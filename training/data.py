"""JSONL that a run reads: preference pairs and conversations, checked line by line."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.config import WEIGHTS
from training.fields import BadInput

ROLES = ("system", "user", "assistant")

Message = dict[str, str]


class DatasetError(BadInput):
    """A line of a data file is not as it should be; the message names file, line and field."""


@dataclass(frozen=True)
class Rendered:
    """A pair as text: what the model read and wrote when the replies were made.

    `prompt` goes up to where the model goes on, a BOS token among it where the format has one;
    `chosen` and `rejected` go on from there. Tokens that have a name stand in the texts by it, and
    nothing is added to them but the end of sequence where `appends_eos` says so, and a BOS where
    `begins_with_bos` and the text has none.
    """

    prompt: str
    chosen: str
    rejected: str
    begins_with_bos: bool
    appends_eos: bool


@dataclass(frozen=True)
class Pair:
    """One preference: the conversation so far, the reply preferred and the reply not.

    `rendered` is how they are fed; None leaves that to the tokenizer's own chat template.
    `votes` are the decisive ones, for chosen and for rejected, (0, 0) where nobody counted them;
    `weights` those of the columns margin, agreement and weight that the row has.
    """

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    rendered: Rendered | None = None
    votes: tuple[int, int] = (0, 0)
    weights: dict[str, float] = dataclasses.field(default_factory=dict)


def read_pairs(path: str | Path) -> list[Pair]:
    """Read TRL's conversational preference JSONL, one object a line.

    Beside `prompt`, `chosen` and `rejected`, which are lists of messages, a row may have `rendered`
    (an object with the fields of `Rendered`), `votes_chosen` and `votes_rejected`, and `margin`,
    `agreement` and `weight`, each 0 or more. Other columns are left alone, but a row whose
    `is_held_out` is true is refused.

    Raises DatasetError for a line that is not a pair, and for a file without any.
    """
    pairs = [parse_pair(row, where) for where, row in _iterate_rows(Path(path))]
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


def parse_pair(row: dict[str, Any], where: str) -> Pair:
    """Read one row of `read_pairs`; DatasetError says what is wrong at `where`."""
    prompt = _parse_messages(row, "prompt", where)
    if prompt[-1]["role"] != "user":
        raise DatasetError(f"{where}, field 'prompt': the last role must be 'user'")
    if row.get("is_held_out"):
        raise DatasetError(f"{where}, field 'is_held_out': a held-out prompt is never trained on")
    pair = Pair(
        prompt,
        _parse_reply(row, "chosen", where),
        _parse_reply(row, "rejected", where),
        rendered=_parse_rendered(row, where),
        votes=_parse_votes(row, where),
        weights=_parse_weights(row, where),
    )
    if pair.chosen == pair.rejected:
        raise DatasetError(f"{where}, field 'rejected': is the same as 'chosen'")
    return pair


def _parse_rendered(row: dict[str, Any], where: str) -> Rendered | None:
    value = row.get("rendered")
    if value is None:
        return None
    where = f"{where}, field 'rendered'"
    kinds = {field.name: field.type for field in dataclasses.fields(Rendered)}
    if not isinstance(value, dict) or set(value) != set(kinds):
        raise DatasetError(f"{where}: expected an object with just {', '.join(kinds)}")
    for name, kind in kinds.items():
        if not isinstance(value[name], bool if kind is bool else str):
            right = "true or false" if kind is bool else "a string"
            raise DatasetError(f"{where}: {name} is {value[name]!r}; expected {right}")
    return Rendered(**value)


def _parse_votes(row: dict[str, Any], where: str) -> tuple[int, int]:
    counts = []
    for field in ("votes_chosen", "votes_rejected"):
        value = row.get(field, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise DatasetError(f"{where}, field {field!r}: {value!r} is not a number of votes")
        counts.append(value)
    return counts[0], counts[1]


def _parse_weights(row: dict[str, Any], where: str) -> dict[str, float]:
    weights = {}
    for field in sorted(WEIGHTS & set(row)):
        value = row[field]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not (math.isfinite(value) and value >= 0):
            raise DatasetError(f"{where}, field {field!r}: {value!r} is not a number of 0 or more")
        weights[field] = float(value)
    return weights


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
