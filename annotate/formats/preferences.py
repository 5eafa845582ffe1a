"""Preference rows as trainers have them: a chosen and a rejected way to go on, without votes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from annotate.formats.arena import language_of
from annotate.formats.columns import Columns
from annotate.formats.conversations import read_messages
from annotate.formats.errors import MISSING, Finding
from annotate.formats.faults import Faults, LeftOut, made
from annotate.formats.fields import Fields
from annotate.formats.languages import guess_language
from annotate.formats.records import read_records
from annotate.formats.rows import MessageRow, PreferenceRow, Role
from annotate.formats.seen import digest_of

TABLE = Columns(
    required=("chosen", "rejected"),
    numbers=("margin", "score_chosen", "score_rejected"),
    json_values=("prompt", "chosen", "rejected"),
)

_SPEAKERS: dict[str, Role] = {"Human": "user", "Assistant": "assistant"}
_SPEAKER = re.compile(r"\n\n(Human|Assistant): ?")

Messages = tuple[MessageRow, ...]


def read_trl_rows(path: str, faults: Faults) -> Iterator[PreferenceRow]:
    """Read TRL's preference rows: conversational or standard, with the prompt or without."""
    return made(read_records(path, TABLE, faults), trl_pair_of, faults)


def read_dpo_rows(path: str, faults: Faults) -> Iterator[PreferenceRow]:
    """Read the pairs that Kurabe exports as `dpo`."""
    return made(read_records(path, TABLE, faults), dpo_pair_of, faults)


def read_ultrafeedback_rows(path: str, faults: Faults) -> Iterator[PreferenceRow]:
    """Read the rows of UltraFeedback-binarized, the difference of whose scores is the margin."""
    return made(read_records(path, TABLE, faults), ultrafeedback_pair_of, faults)


def read_hh_rows(path: str, faults: Faults) -> Iterator[PreferenceRow]:
    """Read the rows of HH-RLHF: two dialogues that differ in the last thing the assistant says."""
    return made(read_records(path, TABLE, faults), hh_pair_of, faults)


def trl_pair_of(row: Fields) -> PreferenceRow:
    """Make a pair of a row of TRL's, with `language`, `category` and `margin` where it has them."""
    return _pair(row, *_split(row), margin=row.maybe_number("margin"))


def dpo_pair_of(row: Fields) -> PreferenceRow:
    """Make a pair of a row of Kurabe's own."""
    prompt, chosen, rejected = (
        read_messages(row, field) for field in ("prompt", "chosen", "rejected")
    )
    return _pair(row, prompt, chosen, rejected, margin=row.maybe_number("margin"))


def ultrafeedback_pair_of(row: Fields) -> PreferenceRow:
    """Make a pair of a row of UltraFeedback-binarized."""
    better, worse = row.maybe_number("score_chosen"), row.maybe_number("score_rejected")
    margin = None if better is None or worse is None else better - worse
    return _pair(row, *_split(row), margin=margin)


def hh_pair_of(row: Fields) -> PreferenceRow:
    """Make a pair of two dialogues of Human and Assistant."""
    chosen, rejected = _dialogue(row, "chosen"), _dialogue(row, "rejected")
    if chosen[:-1] != rejected[:-1]:
        found = Finding("another history than in chosen")
        raise row.refuse("rejected", found, "the same dialogue up to the last reply")
    return _pair(row, chosen[:-1], chosen[-1:], rejected[-1:], margin=None)


def pair_of_texts(
    row: Fields, key: str, prompt: Messages, chosen: str, rejected: str, *, category: str = ""
) -> PreferenceRow:
    """Make a pair of a prompt and two replies."""
    return _checked_pair(
        row,
        key,
        prompt,
        (MessageRow("assistant", chosen),),
        (MessageRow("assistant", rejected),),
        margin=None,
        category=category,
    )


def _split(row: Fields) -> tuple[Messages, Messages, Messages]:
    """Tell the prompt from what follows it, whichever way the row holds them."""
    if _is_listed(row, "chosen") or _is_listed(row, "rejected"):
        chosen, rejected = read_messages(row, "chosen"), read_messages(row, "rejected")
        if _is_listed(row, "prompt"):
            return read_messages(row, "prompt"), chosen, rejected
        history = _shared_history(chosen, rejected)
        prompt = chosen[:history]
        if row.has("prompt") and (not prompt or prompt[-1].content != row.text("prompt")):
            found = Finding("a prompt that is not the last shared message of the user")
            raise row.refuse("prompt", found, "the prompt as in chosen and rejected")
        return prompt, chosen[history:], rejected[history:]
    if not row.has("prompt"):
        raise row.refuse("prompt", MISSING, "a prompt, or lists of messages that begin with it")
    prompt = (
        read_messages(row, "prompt")
        if _is_listed(row, "prompt")
        else (MessageRow("user", row.spoken("prompt")),)
    )
    chosen, rejected = (
        (MessageRow("assistant", row.text(field)),) for field in ("chosen", "rejected")
    )
    return prompt, chosen, rejected


def _is_listed(row: Fields, field: str) -> bool:
    return isinstance(row.cells.get(field), list)


def _shared_history(chosen: Messages, rejected: Messages) -> int:
    """Count the messages that both begin with, up to the last one of a user."""
    history = 0
    for number, (one, other) in enumerate(zip(chosen, rejected, strict=False), start=1):
        if one != other:
            break
        if one.role == "user":
            history = number
    return history


def _dialogue(row: Fields, field: str) -> Messages:
    """Read "\\n\\nHuman: ... \\n\\nAssistant: ..." as messages, the assistant's the last."""
    parts = _SPEAKER.split(row.text(field))
    if len(parts) < 3 or parts[0].strip():
        raise row.fail(field, "a dialogue that begins with two line breaks and Human:")
    messages = tuple(
        MessageRow(_SPEAKERS[speaker], said)
        for speaker, said in zip(parts[1::2], parts[2::2], strict=True)
    )
    if messages[-1].role != "assistant":
        raise row.refuse(field, Finding("Human has the last word"), "Assistant to have it")
    return messages


def _pair(
    row: Fields, prompt: Messages, chosen: Messages, rejected: Messages, *, margin: float | None
) -> PreferenceRow:
    texts = digest_of(prompt, chosen, rejected)
    if row.has("key"):
        key = row.name("key")
    elif row.has("prompt_id") and not row.has("prompt_set"):
        # It names the prompt; with other replies, the prompt may come again.
        key = f"{row.name('prompt_id', max_chars=150)}-{texts[:16]}"
    else:
        key = texts
    return _checked_pair(
        row, key, prompt, chosen, rejected, margin=margin, category=row.label("category")
    )


def _checked_pair(
    row: Fields,
    key: str,
    prompt: Messages,
    chosen: Messages,
    rejected: Messages,
    *,
    margin: float | None,
    category: str,
) -> PreferenceRow:
    if not prompt or prompt[-1].role != "user":
        found = Finding("no message of the user at the end")
        raise row.refuse("prompt", found, "a conversation that ends with the user's message")
    asked = [message.content for message in prompt if message.role == "user"]
    if not all(content.strip() for content in asked):
        raise row.refuse("prompt", Finding("a blank message"), "messages that say something")
    for field, messages in (("chosen", chosen), ("rejected", rejected)):
        if not messages or messages[0].role != "assistant":
            found = Finding("no reply of the assistant after the prompt")
            raise row.refuse(field, found, "messages that begin with the assistant's")
    if chosen == rejected:
        raise LeftOut("chosen and rejected alike")
    return PreferenceRow(
        key=key,
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        language=language_of(row) or guess_language(asked),
        category=category,
        margin=margin,
        location=row.location,
    )
