"""Battle logs of LMArena, with the columns of every year."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from annotate.formats.battles import battle_between, model_row, other_model, vote_on
from annotate.formats.columns import Columns
from annotate.formats.conversations import Conversation, read_conversation, refuse_blank
from annotate.formats.errors import Finding
from annotate.formats.faults import Faults, LeftOut, made
from annotate.formats.fields import Fields
from annotate.formats.jsontext import parse_cell
from annotate.formats.languages import tag_of_name
from annotate.formats.records import read_records
from annotate.formats.rows import BattleRow, Outcome

TABLE = Columns(
    required=("model_a", "model_b"),
    whole_numbers=("turn", "winner_model_a", "winner_model_b", "winner_tie"),
    numbers=("tstamp",),
    flags=("anony",),
    json_values=("prompt", "response_a", "response_b", "conversation_a", "conversation_b"),
)
NOBODY = "unknown"

_WINNERS: dict[str, Outcome] = {
    "model_a": "a",
    "model_b": "b",
    "tie": "tie",
    "tie (bothbad)": "both_bad",
    "both_bad": "both_bad",
}
_ONE_HOT: dict[str, Outcome] = {"winner_model_a": "a", "winner_model_b": "b", "winner_tie": "tie"}
# Who voted, in the order in which a log's columns tell most of it.
_VOTERS = ("judge", "judge_hash", "evaluation_session_id")


def read_battle_rows(path: str, faults: Faults) -> Iterator[BattleRow]:
    """Read one battle a row; each is on a prompt of its own, which has the battle's id as key."""
    return made(read_records(path, TABLE, faults), battle_of, faults)


def battle_of(row: Fields) -> BattleRow:
    """Make a battle of a row.

    Raises:
        LeftOut: the voter was told which models these are, or a message is no text.
    """
    if row.cells.get("anony") is False:
        raise LeftOut("a vote by somebody who knew the models")
    key = row.name_or_number("question_id" if row.has("question_id") else "id")
    model_a = row.name("model_a")
    model_b = other_model(row, "model_b", model_a, "model_a")
    fields = ("conversation_a", "conversation_b")
    if row.has("conversation_a"):
        conversations = (read_conversation(row, fields[0]), read_conversation(row, fields[1]))
    else:
        fields = ("response_a", "response_b")
        conversations = (_answered(row, fields[0]), _answered(row, fields[1]))
    battle = battle_between(
        row,
        key=key,
        candidates=(model_row(model_a, row.location), model_row(model_b, row.location)),
        conversations=conversations,
        fields=fields,
        language=language_of(row),
    )
    voter = next((column for column in _VOTERS if row.has(column)), None)
    vote = vote_on(
        battle,
        _outcome(row),
        row.name_or_number(voter) if voter else NOBODY,
        id=key,
        side_a="left",
        created_at=row.instant("tstamp" if row.has("tstamp") else "timestamp"),
    )
    return replace(battle, votes=(vote,))


def _outcome(row: Fields) -> Outcome:
    if row.has("winner") or not row.has("winner_model_a"):
        return _WINNERS[row.choice("winner", _WINNERS)]
    won = [column for column in _ONE_HOT if row.whole_number(column, maximum=1)]
    if len(won) != 1:
        found = Finding(f"{len(won)} of {', '.join(_ONE_HOT)} are 1")
        raise row.refuse("winner_model_a", found, "exactly one of them")
    return _ONE_HOT[won[0]]


def language_of(row: Fields) -> str:
    """Read a language's tag or English name; "" where it is not given, or not known there."""
    if not row.has("language"):
        return ""
    tag = tag_of_name(row.text("language"))
    return row.language("language") if tag is None else tag


def _answered(row: Fields, field: str) -> Conversation:
    """Put a list of prompts and one of replies together; both may be JSON in a text."""
    turns = _spoken(row, "prompt")
    refuse_blank(row, "prompt", turns)
    replies = _spoken(row, field)
    if len(replies) != len(turns):
        found = Finding(f"{len(replies)} replies to {len(turns)} turn(s)")
        raise row.refuse(field, found, "one for each turn of the prompt")
    return Conversation("", turns, replies)


def _spoken(row: Fields, field: str) -> tuple[str, ...]:
    value = row.cells.get(field)
    listed = parse_cell(value) if isinstance(value, str) else value
    if isinstance(listed, list):
        # An answer that never came is null in these logs.
        texts = ["" if text is None else text for text in listed]
        return Fields(row.location, {field: texts}, row.prefix).texts(field)
    return (row.text(field),)
