"""Votes stream as rows of the ledger or as battles, memory flat, annotators by pseudonym."""

import json
from datetime import UTC, datetime
from typing import Any

import datasets
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotate.formats import write_rows
from annotate.models import Annotator, Comparison, Completion, Round, Vote
from annotate.services.exporting import rows_of_votes, stream_votes, votes
from annotate.services.exporting.votes import ARENA_COLUMNS, vote_schema
from annotate.services.ledger import take_cutoff
from tests import factories as make

pytestmark = pytest.mark.django_db
WHEN = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)


def make_round(**prompt: Any) -> tuple[Round, Completion, Completion]:
    round_ = make.make_open_round(n_candidates=2, n_prompts=0)
    asked = make.make_prompt(round_.run.prompt_sets.get(), **prompt)
    a, b = (make.make_completion(each, asked) for each in round_.candidates.order_by("id"))
    return round_, a, b


def vote(
    round_: Round, a: Completion, b: Completion, outcome: str, *, turn: int = 0, **fields: Any
) -> Comparison:
    annotator = fields.pop("annotator", None) or make.make_annotator()
    comparison = make.make_comparison(a, b, round_=round_, annotator=annotator, **fields)
    make.make_vote(comparison, outcome, turn=turn, created_at=WHEN)
    return comparison


def arena(round_: Round, **options: Any) -> list[dict[str, Any]]:
    counted = Vote.objects.of_run(round_.run).counting()
    return [row for _split, row in rows_of_votes(counted, "arena", **options)]


def test_battle_has_lmarenas_columns() -> None:
    round_, a, b = make_round(turns=["犬は?", "猫は?"], system="丁寧に。", language="ja")
    voter = make.make_annotator(name="hanako")
    comparison = vote(round_, a, b, "a", annotator=voter, side_a="left")
    (row,) = arena(round_)
    assert row == {
        "question_id": str(comparison.token),
        "model_a": a.candidate.name,
        "model_b": b.candidate.name,
        "winner": "model_a",
        "judge": voter.pseudonym,
        "conversation_a": [
            {"role": "system", "content": "丁寧に。"},
            {"role": "user", "content": "犬は?"},
            {"role": "assistant", "content": a.replies[0]},
            {"role": "user", "content": "猫は?"},
            {"role": "assistant", "content": a.replies[1]},
        ],
        "conversation_b": [
            {"role": "system", "content": "丁寧に。"},
            {"role": "user", "content": "犬は?"},
            {"role": "assistant", "content": b.replies[0]},
            {"role": "user", "content": "猫は?"},
            {"role": "assistant", "content": b.replies[1]},
        ],
        "turn": 2,
        "anony": True,
        "language": "Japanese",
        "tstamp": WHEN.timestamp(),
    }
    assert tuple(row) == ARENA_COLUMNS


@pytest.mark.parametrize(
    ("side_a", "outcome", "winner"),
    [
        ("left", "a", "model_a"),
        ("left", "b", "model_b"),
        ("right", "a", "model_b"),
        ("right", "b", "model_a"),
        ("left", "tie", "tie"),
        ("right", "both_bad", "tie (bothbad)"),
    ],
)
def test_model_a_is_the_one_on_the_left(side_a: str, outcome: str, winner: str) -> None:
    round_, a, b = make_round()
    vote(round_, a, b, outcome, side_a=side_a)
    (row,) = arena(round_)
    left, right = (a, b) if side_a == "left" else (b, a)
    assert (row["model_a"], row["model_b"]) == (left.candidate.name, right.candidate.name)
    assert row["conversation_a"][-1]["content"] == left.replies[0]
    assert row["winner"] == winner


def test_battles_of_turns_go_as_far_as_the_turn_and_have_ids_of_their_own() -> None:
    round_, a, b = make_round(turns=["1?", "2?"])
    comparison = vote(round_, a, b, "a", turn=1)
    make.make_vote(comparison, "b", turn=2, created_at=WHEN)
    rows = arena(round_)
    assert [(row["question_id"], row["turn"]) for row in rows] == [
        (f"{comparison.token}-1", 1),
        (f"{comparison.token}-2", 2),
    ]
    assert [len(row["conversation_a"]) for row in rows] == [2, 4]


@pytest.mark.parametrize(
    ("tag", "name"), [("en", "English"), ("fr-CA", "French"), ("tlh", "tlh"), ("ja", "Japanese")]
)
def test_language_has_its_english_name(tag: str, name: str) -> None:
    round_, a, b = make_round(language=tag)
    vote(round_, a, b, "a")
    assert arena(round_)[0]["language"] == name


@pytest.mark.parametrize("form", ["votes", "arena"])
def test_rows_have_the_columns_of_the_schema(form: str, tmp_path: Any) -> None:
    round_, a, b = make_round()
    for outcome in ("a", "b", "tie", "both_bad"):
        vote(round_, a, b, outcome)
    counted = Vote.objects.of_run(round_.run).counting()
    rows = [row for _split, row in rows_of_votes(counted, form)]
    path = write_rows(tmp_path / "x.parquet", rows, schema=vote_schema(form)).path
    loaded = datasets.load_dataset(
        "parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded.to_list() == rows


@pytest.mark.parametrize("form", ["votes", "arena"])
def test_stream_is_the_rows_as_lines_in_the_order_of_the_ledger(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where texts and votes are read in several batches."""
    monkeypatch.setattr(votes, "_TEXTS_A_TIME", 2)
    monkeypatch.setattr(votes, "_CHUNK", 3)
    round_, a, b = make_round()
    for outcome in ("a", "b", "tie", "both_bad", "a"):
        vote(round_, a, b, outcome)
    cutoff = take_cutoff(run=round_.run)
    vote(round_, a, b, "b")
    pieces = list(stream_votes(run=round_.run, cutoff=cutoff, form=form))
    assert pieces[0].count(b"\n") == 1
    rows = [json.loads(line) for line in b"".join(pieces).splitlines()]
    counted = Vote.objects.of_run(round_.run).counting_at(cutoff)
    assert rows == [row for _split, row in rows_of_votes(counted, form)]
    ids = [row["question_id" if form == "arena" else "id"] for row in rows]
    tokens = counted.order_by("id").values_list("comparison__token", flat=True)
    assert ids == list(map(str, tokens))
    assert b"".join(stream_votes(run=round_.run, cutoff=cutoff, form=form)) == b"".join(pieces)


@pytest.mark.parametrize("form", ["votes", "arena"])
def test_run_without_votes_streams_nothing(form: str) -> None:
    round_, _a, _b = make_round()
    assert list(stream_votes(run=round_.run, cutoff=take_cutoff(run=round_.run), form=form)) == []


@pytest.mark.parametrize("form", ["votes", "arena"])
def test_stream_that_is_left_early_ends_its_cursor(form: str) -> None:
    round_, a, b = make_round()
    for _ in range(3):
        vote(round_, a, b, "a")
    stream = stream_votes(run=round_.run, cutoff=take_cutoff(run=round_.run), form=form)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors WHERE name LIKE '_django%'")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("form", ["votes", "arena"])
def test_votes_go_where_the_split_says_and_held_out_prompts_never_train(form: str) -> None:
    round_, a, b = make_round()
    held_out = make.make_prompt(round_.run.prompt_sets.get(), is_held_out=True)
    c, d = (make.make_completion(each.candidate, held_out) for each in (a, b))
    tester, nobody = make.make_annotator(), make.make_annotator()
    for pair in ((a, b), (c, d)):
        for voter in (None, tester, nobody):
            vote(round_, *pair, "a", annotator=voter)

    def split_of(_prompt: int, annotator: int) -> Any:
        return {tester.pk: "test", nobody.pk: None}.get(annotator, "train")

    counted = Vote.objects.of_run(round_.run).counting()
    placed = [split for split, _row in rows_of_votes(counted, form, split_of)]
    assert placed == ["train", "test", "test"]
    assert len(list(rows_of_votes(counted, form))) == 6


def test_battles_ask_the_database_as_often_for_many_as_for_one() -> None:
    round_, a, b = make_round()
    n_queries = []
    for _ in range(2):
        for _vote in range(3):
            vote(round_, a, b, "a")
        with CaptureQueriesContext(connection) as queries:
            arena(round_)
        n_queries.append(len(queries))
    assert n_queries[0] == n_queries[1]


@pytest.mark.parametrize("form", ["votes", "arena"])
def test_streams_name_nobody(form: str) -> None:
    round_, a, b = make_round()
    user = make.make_user(username="hanako", email="hanako@example.org")
    voter = make.make_annotator(user=user, name="hanako", board_name="花子")
    vote(round_, a, b, "a", annotator=voter)
    told = b"".join(stream_votes(run=round_.run, cutoff=take_cutoff(run=round_.run), form=form))
    text = told.decode()
    assert Annotator.objects.get().pseudonym in text
    for secret in ("hanako", "花子", "example.org", "@"):
        assert secret not in text
