"""Votes as they were cast, one a row: for another Kurabe, or as LMArena's battles with texts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf.locale import LANG_INFO
from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import FloatField, Model, OuterRef
from django.db.models.functions import Cast, Extract, JSONObject

from annotate.formats import MarkRow, write_jsonl
from annotate.models import Completion, PassageMark, Prompt, SelectionRun, Vote
from annotate.models.comparisons import Side
from annotate.models.votes import VoteQuerySet
from annotate.services.exporting.rows import Message, Split

if TYPE_CHECKING:
    import pyarrow as pa

VOTE_COLUMNS = ("id", "prompt", "candidate_a", "sample_a", "candidate_b", "sample_b", "outcome",
                "annotator", "annotator_kind", "side_a", "turn", "round", "created_at", "degree",
                "reasons_a", "reasons_b", "comment", "marks")  # fmt: skip
ARENA_COLUMNS = ("question_id", "model_a", "model_b", "winner", "judge", "conversation_a",
                 "conversation_b", "turn", "anony", "language", "tstamp")  # fmt: skip
Row = dict[str, Any]
SplitOf = Callable[[int, int], Split | None]
"""Of a prompt and an annotator, by their ids; None: their votes go into no file."""

_CHUNK = 2_000
# So many votes have their texts in memory at a time.
_TEXTS_A_TIME = 1_000
_AT = "comparison__"


def stream_votes(*, run: SelectionRun, cutoff: int, form: str) -> Iterator[bytes]:
    """Yield the run's votes that counted at the cut-off as JSONL, for an answer that streams.

    The first vote comes as soon as the database has put them in order; memory stays flat.
    """
    votes = Vote.objects.of_run(run).counting_at(cutoff)
    return write_jsonl(row for _split, row in rows_of_votes(votes, form))


def rows_of_votes(
    votes: VoteQuerySet, form: str, split_of: SplitOf | None = None
) -> Iterator[tuple[Split, Row]]:
    """Yield a row for each vote in the order of the ledger, and the file that it goes into.

    Annotators go by their pseudonyms. Votes on held-out prompts are in no row to train on.

    Args:
        form: `votes` or `arena`.
        split_of: says which file; None: all, in one.
    """
    make = {"votes": _ledger_rows, "arena": _arena_rows}[form]
    return make(votes.order_by("id"), split_of or _as_one)


def vote_schema(form: str) -> "pa.Schema":
    """Give the columns of a form of votes, as Parquet and CSV need them."""
    import pyarrow as pa  # noqa: PLC0415  54 MB that a process without Parquet does without

    mark = pa.struct(
        [("which", pa.string()), *((name, pa.int64()) for name in ("turn", "start", "end")),
         ("tag", pa.string())]
    )  # fmt: skip
    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    types = dict.fromkeys(("sample_a", "sample_b", "turn", "round"), pa.int64())
    types |= dict.fromkeys(("reasons_a", "reasons_b"), pa.list_(pa.string()))
    types |= dict.fromkeys(("conversation_a", "conversation_b"), pa.list_(message))
    types |= {"marks": pa.list_(mark), "anony": pa.bool_(), "tstamp": pa.float64()}
    columns = {"votes": VOTE_COLUMNS, "arena": ARENA_COLUMNS}[form]
    return pa.schema([(name, types.get(name, pa.string())) for name in columns])


def _as_one(prompt: int, annotator: int) -> Split:
    return "train"


_OF_SPLIT = (f"{_AT}prompt_id", f"{_AT}annotator_id", f"{_AT}prompt__is_held_out")


def _place(split_of: SplitOf, prompt: int, annotator: int, is_held_out: bool) -> Split | None:
    """Say where a vote goes: a held-out prompt is never trained on where rows are split at all."""
    split = split_of(prompt, annotator)
    never = is_held_out and split == "train" and split_of is not _as_one
    return None if never else split


def _ledger_rows(votes: VoteQuerySet, split_of: SplitOf) -> Iterator[tuple[Split, Row]]:
    rows = votes.values_list(
        *_OF_SPLIT,
        f"{_AT}token",
        f"{_AT}prompt__key",
        f"{_AT}candidate_a__name",
        f"{_AT}completion_a__sample",
        f"{_AT}candidate_b__name",
        f"{_AT}completion_b__sample",
        "outcome",
        f"{_AT}annotator__pseudonym",
        f"{_AT}annotator__kind",
        f"{_AT}side_a",
        "turn",
        f"{_AT}round__number",
        "created_at",
        "degree",
        "reasons_a",
        "reasons_b",
        "comment",
        _marks_of_vote(),
    )
    for prompt, annotator, is_held_out, *values in rows.iterator(chunk_size=_CHUNK):
        split = _place(split_of, prompt, annotator, is_held_out)
        if split is not None:
            row = dict(zip(VOTE_COLUMNS, values, strict=True))
            row["id"], row["created_at"] = str(row["id"]), row["created_at"].isoformat()
            row["marks"] = _in_order(row["marks"])
            yield split, row


def _marks_of_vote() -> ArraySubquery:
    """Select a vote's marked passages along with it."""
    marks = PassageMark.objects.filter(vote=OuterRef("pk")).order_by()
    return ArraySubquery(marks.values(mark=JSONObject(**{name: name for name in MarkRow._fields})))


def _in_order(marks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put marks in the order of the text, and their columns in that of the file."""
    return [mark._asdict() for mark in sorted(MarkRow(**mark) for mark in marks)]


class _Battle(NamedTuple):
    """A vote as the database gives it, its texts by their ids."""

    prompt: int
    annotator: int
    is_held_out: bool
    token: Any
    turn: int
    outcome: str
    name_a: str
    name_b: str
    completion_a: int
    completion_b: int
    side_a: str | None
    pseudonym: str
    language: str
    seconds: float


def _arena_rows(votes: VoteQuerySet, split_of: SplitOf) -> Iterator[tuple[Split, Row]]:
    found = votes.values_list(
        *_OF_SPLIT,
        f"{_AT}token",
        "turn",
        "outcome",
        f"{_AT}candidate_a__name",
        f"{_AT}candidate_b__name",
        f"{_AT}completion_a_id",
        f"{_AT}completion_b_id",
        f"{_AT}side_a",
        f"{_AT}annotator__pseudonym",
        f"{_AT}prompt__language",
        Cast(Extract("created_at", "epoch"), FloatField()),
    )
    battles = (_Battle(*values) for values in found.iterator(chunk_size=_CHUNK))
    while batch := list(islice(battles, _TEXTS_A_TIME)):
        texts = _Texts(batch)
        for each in batch:
            split = _place(split_of, each.prompt, each.annotator, each.is_held_out)
            if split is not None:
                yield split, _arena_row(each, texts)


class _Texts:
    """The prompts and replies of some votes, read by id."""

    def __init__(self, battles: Iterable[_Battle]) -> None:
        prompts = {each.prompt for each in battles}
        replies = {each.completion_a for each in battles} | {each.completion_b for each in battles}
        self._prompts: dict[int, tuple[str, list[str]]] = {
            pk: (system, turns) for pk, system, turns in _read(Prompt, ("system", "turns"), prompts)
        }
        self._replies: dict[int, list[str]] = dict(_read(Completion, ("replies",), replies))

    def conversation(self, prompt: int, completion: int, turn: int) -> list[Message]:
        """Give the messages as far as a turn; 0: to the end."""
        system, turns = self._prompts[prompt]
        messages = [{"role": "system", "content": system}] if system else []
        depth = turn or len(turns)
        for asked, reply in zip(turns[:depth], self._replies[completion], strict=False):
            messages.append({"role": "user", "content": asked})
            messages.append({"role": "assistant", "content": reply})
        return messages


def _read(model: type[Model], columns: Sequence[str], ids: Iterable[int]) -> list[Any]:
    """Read columns behind the ids, which go as one parameter: a third of the time of an `IN`."""
    named = ", ".join(("id", *columns))
    # Names of columns and of a table are the house's own.
    statement = f"SELECT {named} FROM {model._meta.db_table} WHERE id = ANY(%s)"  # noqa: S608 - see above
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(ids)])
        rows: list[Any] = cursor.fetchall()
        return rows


_WINNERS = {"a": "model_a", "b": "model_b", "tie": "tie", "both_bad": "tie (bothbad)"}


def _arena_row(battle: _Battle, texts: _Texts) -> Row:
    """Give a vote as a battle, in which model_a is the one that stood on the left, if one is known.

    `question_id` is the vote's id, with the turn where a comparison has a vote on each.
    """
    sides = [
        (battle.name_a, battle.completion_a, "a"),
        (battle.name_b, battle.completion_b, "b"),
    ]
    if battle.side_a == Side.RIGHT:
        sides.reverse()
    (model_a, left, letter), (model_b, right, _other) = sides
    outcome = battle.outcome
    if outcome in ("a", "b"):
        outcome = "a" if outcome == letter else "b"
    conversations = [
        texts.conversation(battle.prompt, completion, battle.turn) for completion in (left, right)
    ]
    return {
        "question_id": f"{battle.token}-{battle.turn}" if battle.turn else str(battle.token),
        "model_a": model_a,
        "model_b": model_b,
        "winner": _WINNERS[outcome],
        "judge": battle.pseudonym,
        "conversation_a": conversations[0],
        "conversation_b": conversations[1],
        "turn": sum(message["role"] == "user" for message in conversations[0]),
        "anony": True,
        "language": _name_of_language(battle.language),
        "tstamp": battle.seconds,
    }


@cache
def _name_of_language(tag: str) -> str:
    """Give the English name, as LMArena does; the tag itself where none is known."""
    for known in (tag.lower(), tag.lower().partition("-")[0]):
        name = LANG_INFO.get(known, {}).get("name")
        if name:
            return str(name)
    return tag
