"""Conversations as lists of messages, and as turns with a reply each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from annotate.formats.errors import Finding
from annotate.formats.faults import LeftOut
from annotate.formats.fields import Fields
from annotate.formats.jsontext import parse_cell
from annotate.formats.rows import MessageRow, Role

_ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}


class Conversation(NamedTuple):
    """A system prompt, the user turns, and as many replies."""

    system: str
    turns: tuple[str, ...]
    replies: tuple[str, ...]


def read_messages(row: Fields, field: str) -> tuple[MessageRow, ...]:
    """Read a list of one or more messages, `{"role": ..., "content": ...}` each.

    It may stand as JSON in a text. A content may be a list of parts, of which the texts count.

    Raises:
        LeftOut: a part is something else than a text.
    """
    value = row.cells.get(field)
    if isinstance(value, str):
        row = Fields(row.location, {field: parse_cell(value)}, row.prefix)
    return tuple(_message(message) for message in row.nested_list(field))


def _message(message: Fields) -> MessageRow:
    role = message.choice("role", _ROLES)
    if isinstance(message.cells.get("content"), list):
        return MessageRow(_ROLES[role], _joined_parts(message))
    return MessageRow(_ROLES[role], message.text("content"))


def _joined_parts(message: Fields) -> str:
    texts = []
    for part in message.nested_list("content"):
        if part.text("type", "text") != "text":
            raise LeftOut("a message with something else than text")
        texts.append(part.text("text"))
    return "\n".join(texts)


def read_conversation(row: Fields, field: str) -> Conversation:
    """Read a conversation in which each of the user's messages is replied to."""
    messages = read_messages(row, field)
    system = messages[0].content if messages[0].role == "system" else ""
    spoken = messages[1:] if messages[0].role == "system" else messages
    roles = [message.role for message in spoken]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        found = Finding(f"messages by {', '.join(roles) or 'system alone'}")
        raise row.refuse(field, found, "user and assistant in turn, beginning with user")
    turns = tuple(message.content for message in spoken[::2])
    refuse_blank(row, field, turns)
    return Conversation(system, turns, tuple(message.content for message in spoken[1::2]))


def refuse_blank(row: Fields, field: str, turns: Sequence[str]) -> None:
    """Raise FormatError where a user's turn says nothing."""
    for number, turn in enumerate(turns, start=1):
        if not turn.strip():
            raise row.refuse(field, Finding(f"turn {number} is blank"), "turns that say something")
