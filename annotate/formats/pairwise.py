"""Pairwise tasks of annotation tools: a prompt, two texts, and what annotators chose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from annotate.formats.arena import language_of
from annotate.formats.battles import battle_between, vote_on
from annotate.formats.conversations import Conversation, read_messages
from annotate.formats.errors import MISSING, Finding
from annotate.formats.faults import LeftOut
from annotate.formats.fields import MAX_LABEL_CHARS, Fields
from annotate.formats.preferences import pair_of_texts
from annotate.formats.rows import (
    BattleRow,
    CandidateRow,
    MessageRow,
    Outcome,
    PreferenceRow,
    Side,
)

UNANSWERED = "a task that nobody has answered"
UNDECIDED = "a pair of which neither is preferred"

# Names that prompts go by; the first that is there is the prompt.
_PROMPTS = ("prompt", "instruction", "question", "query", "input", "context")
_NUMBERED = re.compile(r"(?P<stem>.+?)[-_ ]?(?P<mark>[12abAB])")
_MARKS = (("1", "2"), ("a", "b"))
_NO_TEXTS = frozenset({"model", "id"})
_TIES = frozenset({"tie", "equal", "same", "draw", "equallygood", "bothgood", "nopreference"})
_BOTH_BAD = frozenset({"bothbad", "tiebothbad", "neither", "equallybad"})
_BETTER = re.compile(r"(is)?(slightly|much)?(better|preferred|wins)$")


class Judgment(NamedTuple):
    """What one annotator chose; without a name where the file has a label alone."""

    outcome: Outcome
    annotator: str | None
    id: str | None = None
    created_at: datetime | None = None
    side_a: Side | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A pairwise task: the row it stands on, its texts, and the names of the two compared."""

    row: Fields
    key: str
    texts: Fields
    compared: tuple[str, str]
    judgments: tuple[Judgment, ...]


def battle_of(task: Task) -> BattleRow:
    """Make a battle of a task: a vote of each annotator who answered."""
    if not task.judgments:
        raise LeftOut(UNANSWERED)
    system, turns, history = _asked(task.texts)
    replies = tuple(task.texts.text(field) for field in task.compared)
    battle = battle_between(
        task.texts,
        key=task.key,
        candidates=_candidates(task),
        conversations=(
            Conversation(system, turns, (*history, replies[0])),
            Conversation(system, turns, (*history, replies[1])),
        ),
        fields=task.compared,
        language=language_of(task.texts),
        category=task.texts.name("category", "", MAX_LABEL_CHARS),
    )
    votes = tuple(
        vote_on(
            battle,
            said.outcome,
            _named(task, said),
            id=said.id,
            side_a=said.side_a,
            created_at=said.created_at,
            turn=len(turns) if history else 0,
        )
        for said in task.judgments
    )
    return replace(battle, votes=votes)


def preference_of(task: Task) -> PreferenceRow:
    """Make a preference of a task that holds one label, not the votes of several annotators."""
    if not task.judgments:
        raise LeftOut(UNANSWERED)
    if len(task.judgments) > 1:
        found = Finding(f"answers of {len(task.judgments)} annotators")
        raise task.row.refuse("", found, "one label; import votes of annotators as battles")
    outcome = task.judgments[0].outcome
    if outcome not in ("a", "b"):
        raise LeftOut(UNDECIDED)
    better, worse = task.compared if outcome == "a" else task.compared[::-1]
    system, turns, history = _asked(task.texts)
    messages = [MessageRow("system", system)] if system else []
    for number, turn in enumerate(turns):
        messages.append(MessageRow("user", turn))
        messages.extend(MessageRow("assistant", reply) for reply in history[number : number + 1])
    return pair_of_texts(
        task.texts, task.key, tuple(messages), task.texts.text(better), task.texts.text(worse)
    )


def compared_fields(texts: Fields) -> tuple[str, str]:
    """Find the two texts that are compared: `response1` and `response2`, `answer_a` and `answer_b`.

    Raises FormatError where there are none, or several such pairs.
    """
    named = {name for name, value in texts.cells.items() if isinstance(value, str)}
    found = pairs_of_names(named)
    if len(found) != 1:
        told = ", ".join(f"{one} and {other}" for one, other in found) or MISSING
        expected = "two texts to compare, such as response1 and response2"
        raise texts.refuse("", Finding(told if found else "no pair of texts"), expected)
    return found[0]


def pairs_of_names(names: Iterable[str]) -> list[tuple[str, str]]:
    """Find names that differ in a 1 and a 2, or an a and a b, at their ends."""
    by_stem: dict[str, dict[str, str]] = {}
    for name in sorted(names):
        match = _NUMBERED.fullmatch(name)
        if match and match["stem"].lower() not in _NO_TEXTS:
            by_stem.setdefault(match["stem"], {})[match["mark"].lower()] = name
    return [
        (marked[first], marked[second])
        for marked in by_stem.values()
        for first, second in _MARKS
        if first in marked and second in marked
    ]


def outcome_of_label(label: str, compared: tuple[str, str]) -> Outcome | None:
    """Say what a label means for the two texts; None is not understood."""
    plain = _BETTER.sub("", _plain(label))
    for outcome, name, marks in (
        ("a", compared[0], ("1", "a", "left", "first", "model1", "modela", "response1")),
        ("b", compared[1], ("2", "b", "right", "second", "model2", "modelb", "response2")),
    ):
        if plain == _plain(name) or plain in marks:
            return "a" if outcome == "a" else "b"
    if _plain(label) in _TIES:
        return "tie"
    return "both_bad" if _plain(label) in _BOTH_BAD else None


def expected_label(compared: tuple[str, str]) -> str:
    """Tell what labels are understood."""
    return f"{compared[0]}, {compared[1]}, left, right, tie or both bad"


def outcome_of_numbers(first: float, second: float) -> Outcome:
    """Say which is better of two, the higher one being so."""
    return "tie" if first == second else "a" if first > second else "b"


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _asked(texts: Fields) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Read (system prompt, user turns, the replies to all but the last)."""
    field = next((name for name in _PROMPTS if texts.has(name)), None)
    if field is None:
        raise texts.refuse("prompt", MISSING, f"one of {', '.join(_PROMPTS)}")
    system = texts.text("system_prompt", texts.text("system", ""))
    if not isinstance(texts.cells[field], list):
        return system, (texts.spoken(field),), ()
    messages = read_messages(texts, field)
    if messages[0].role == "system":
        system, messages = messages[0].content, messages[1:]
    roles = [message.role for message in messages]
    if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
        found = Finding(f"messages by {', '.join(roles) or 'system alone'}")
        raise texts.refuse(field, found, "user and assistant in turn, user first and last")
    contents = tuple(message.content for message in messages)
    return system, contents[::2], contents[1::2]


def _candidates(task: Task) -> tuple[CandidateRow, CandidateRow]:
    """Name the candidates by their models where the task tells those, else by the fields."""
    first, second = task.compared
    for one, other in (
        ("model_a", "model_b"),
        ("model_1", "model_2"),
        ("model1", "model2"),
        (f"{first}_model", f"{second}_model"),
        (f"{first}-model", f"{second}-model"),
    ):
        if task.texts.has(one) and task.texts.has(other):
            names = task.texts.name(one), task.texts.name(other)
            if names[0] == names[1]:
                raise task.texts.fail(other, f"another model than {one}")
            return (
                CandidateRow(name=names[0], model=names[0], location=task.row.location),
                CandidateRow(name=names[1], model=names[1], location=task.row.location),
            )
    return (
        CandidateRow(name=first, location=task.row.location),
        CandidateRow(name=second, location=task.row.location),
    )


def _named(task: Task, said: Judgment) -> str:
    if said.annotator is None:
        raise task.row.refuse(
            "annotator", MISSING, "who chose; import labels without annotators as preferences"
        )
    return said.annotator


def joined(*parts: Mapping[str, object]) -> dict[str, object]:
    """Join objects of a row into one, the first to name a column having the say."""
    cells: dict[str, object] = {}
    for part in parts:
        cells = {**part, **cells}
    return cells
