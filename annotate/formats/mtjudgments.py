"""Judgments of MT-bench: a judge's games on pairs of answers, and votes of people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from annotate.formats.battles import battle_between, model_row, other_model, vote_on
from annotate.formats.columns import Columns
from annotate.formats.conversations import read_conversation
from annotate.formats.errors import Finding
from annotate.formats.faults import Faults, made
from annotate.formats.fields import MAX_NAME_CHARS, MAX_SMALL_INTEGER, Fields
from annotate.formats.jsontext import read_json_lines
from annotate.formats.records import read_records
from annotate.formats.rows import AnnotatorKind, BattleRow, Outcome, Side, VoteRow

NO_VERDICT = "a game without a verdict of the judge (error)"
HUMAN_TABLE = Columns(
    required=("question_id", "model_a", "model_b", "winner", "judge"),
    whole_numbers=("question_id", "turn"),
    json_values=("judge", "conversation_a", "conversation_b"),
)

_WINNERS: dict[str, Outcome | None] = {"model_1": "a", "model_2": "b", "tie": "tie", "error": None}
_HUMAN_WINNERS: dict[str, Outcome] = {"model_a": "a", "model_b": "b", "tie": "tie"}
# In the first game model 1 stands first, in the second model 2.
_GAMES: tuple[tuple[str, Side], ...] = (("g1", "left"), ("g2", "right"))


def read_vote_rows(path: str, faults: Faults) -> Iterator[VoteRow]:
    """Read pair judgments: the two games on a row are two votes of the judge."""

    def games(row: Fields) -> list[VoteRow]:
        votes = _games(row)
        for _game in range(len(_GAMES) - len(votes)):
            faults.leave_out(NO_VERDICT)
        return votes

    for votes in made(read_json_lines(path, faults), games, faults):
        yield from votes


def _games(row: Fields) -> list[VoteRow]:
    question = row.name_or_number("question_id")
    model_1 = row.name("model_1")
    model_2 = other_model(row, "model_2", model_1, "model_1")
    judge = judge_of(row)
    outcomes = [_WINNERS[row.choice(f"{game}_winner", _WINNERS)] for game, _side in _GAMES]
    turn = row.whole_number("turn", 0, maximum=MAX_SMALL_INTEGER)
    created_at = row.instant("tstamp")
    return [
        VoteRow(
            prompt=question,
            candidate_a=model_1,
            candidate_b=model_2,
            outcome=outcome,
            annotator=judge,
            annotator_kind="judge",
            side_a=side,
            turn=turn,
            created_at=created_at,
            id=_game_id(row, f"{question}-{game}-{model_1}-{model_2}"),
            location=row.location,
        )
        for (game, side), outcome in zip(_GAMES, outcomes, strict=True)
        if outcome is not None
    ]


def _game_id(row: Fields, id: str) -> str:
    if len(id) > MAX_NAME_CHARS:
        found = Finding(f"{len(id)} characters with game and models")
        raise row.refuse("question_id", found, f"{MAX_NAME_CHARS} at most")
    return id


def judge_of(row: Fields) -> str:
    """Read a judge: a name, or a list of the model's name and what it was asked with."""
    value = row.cells.get("judge")
    if isinstance(value, list) and value:
        return Fields(row.location, {"judge": value[0]}, row.prefix).name("judge")
    return row.name("judge")


def read_battle_rows(path: str, faults: Faults) -> Iterator[BattleRow]:
    """Read one judgment on two conversations a row."""
    return made(read_records(path, HUMAN_TABLE, faults), battle_of, faults)


def battle_of(row: Fields) -> BattleRow:
    """Make a battle of a judgment; its prompt is the question, and its turn the one judged."""
    model_a = row.name("model_a")
    model_b = other_model(row, "model_b", model_a, "model_a")
    fields = ("conversation_a", "conversation_b")
    battle = battle_between(
        row,
        key=row.name_or_number("question_id"),
        candidates=(model_row(model_a, row.location), model_row(model_b, row.location)),
        conversations=(read_conversation(row, fields[0]), read_conversation(row, fields[1])),
        fields=fields,
    )
    judge = judge_of(row)
    vote = vote_on(
        battle,
        _HUMAN_WINNERS[row.choice("winner", _HUMAN_WINNERS)],
        judge,
        kind=_kind(judge),
        turn=row.whole_number("turn", 0, maximum=len(battle.prompt.turns)),
        created_at=row.instant("tstamp"),
    )
    return replace(battle, votes=(vote,))


def _kind(judge: str) -> AnnotatorKind:
    """Tell GPT-4, whose judgments have a split of their own, from people."""
    return "judge" if judge.lower().startswith("gpt") else "person"
