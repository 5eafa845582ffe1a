"""Votes leave under pseudonyms, and another Kurabe can read them."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pyarrow import parquet

from annotate.formats import MarkRow, read_votes
from annotate.models import Annotator, Candidate, Comparison, Completion, SelectionRun, Vote
from annotate.ranking import RankingSettings
from annotate.services import voting
from annotate.services.annotators import annotator_of
from annotate.services.exporting import path_of
from annotate.services.importing import Counts, import_completions, import_votes
from annotate.services.rankings import store_rankings
from tests import factories as make
from tests.services.exports import export_votes
from tests.services.rows import completion_row, prompt_row, vote_row

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: LazySettings, tmp_path: Path) -> None:
    """Keep what is exported among the files of the test."""
    settings.KURABE_HOME = tmp_path / "home"
    settings.KURABE_HOME.mkdir()


def begin_run(slug: str, *, names: str = "xyz") -> SelectionRun:
    """Make a run in which the candidates' ids follow `names`."""
    rows: list[Any] = [prompt_row("p1"), prompt_row("p2", "One?", "Two?")]
    rows += [completion_row("p1", name, sample=sample) for name in names for sample in (0, 1)]
    rows += [completion_row("p2", name, "1", "2") for name in names]
    import_completions(rows=rows, run_slug=slug, set_slug=slug)
    return SelectionRun.objects.get(slug=slug)


VOTES = [
    vote_row("x", "y", "a", annotator="ann", side_a="left"),
    vote_row("x", "y", "b", annotator="bob", side_a="right", sample_b=1),
    vote_row("z", "y", "a", annotator="cid", annotator_kind="simulated"),
    vote_row("z", "x", "both_bad", annotator="judy", annotator_kind="judge", side_a="left"),
    vote_row("x", "z", "tie", annotator="ann", prompt="p2"),
    vote_row("x", "z", "b", annotator="ann", prompt="p2", turn=1),
    vote_row(
        "x", "z", "a", annotator="ann", prompt="p2", turn=2, degree="slightly",
        reasons_a=("more-helpful", "of-their-own"), reasons_b=("unsafe",), comment="Ça\nva.",
        marks=(MarkRow("a", 2, 0, 1, "wrong_fact"), MarkRow("b", 1, 0, 1, "unnatural")),
    ),
]  # fmt: skip


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_export_votes_writes_a_row_for_each_that_stands(tmp_path: Path) -> None:
    run = begin_run("r")
    import_votes(rows=VOTES[:3], run=run)
    voting.withdraw_vote(vote=Vote.objects.latest("id"), by=None)
    export = export_votes(run=run, out=tmp_path / "votes.jsonl")
    first, second = read_rows(path_of(export))
    vote = Vote.objects.earliest("id")
    assert first == {
        "id": str(vote.comparison.token),
        "prompt": "p1",
        "candidate_a": "x",
        "sample_a": 0,
        "candidate_b": "y",
        "sample_b": 0,
        "outcome": "a",
        "annotator": Annotator.objects.get(name="ann").pseudonym,
        "annotator_kind": "person",
        "side_a": "left",
        "turn": 0,
        "round": 1,
        "created_at": vote.created_at.isoformat(),
        "degree": "",
        "reasons_a": [],
        "reasons_b": [],
        "comment": "",
        "marks": [],
    }
    assert (second["sample_b"], second["side_a"]) == (1, "right")
    assert export.n_rows == 2


def test_export_votes_names_nobody(tmp_path: Path) -> None:
    round_ = make.make_open_round()
    user = make.make_user(username="hanako", email="hanako@example.org")
    annotator = annotator_of(user=user)
    comparison = voting.lease_comparison(round_=round_, annotator=annotator)
    voting.record_vote(token=comparison.token, annotator=annotator, choice="left")
    export = export_votes(run=round_.run, out=tmp_path / "votes.jsonl")
    text = path_of(export).read_text()
    assert "hanako" not in text
    assert read_rows(path_of(export))[0]["annotator"] == annotator.pseudonym
    assert annotator.pseudonym.startswith("annotator-")


@pytest.mark.parametrize("names", ["xyz", "zyx"])
def test_exported_votes_import_into_another_run_and_rank_alike(names: str, tmp_path: Path) -> None:
    """The second run may number its candidates otherwise, so that a and b change places."""
    first, second = begin_run("first"), begin_run("second", names=names)
    import_votes(rows=VOTES, run=first)
    path = tmp_path / "votes.jsonl"
    export_votes(run=first, out=path)
    rows = list(read_votes(path, format="jsonl"))
    assert import_votes(rows=rows, run=second) == Counts(new=len(VOTES))
    assert import_votes(rows=rows, run=second) == Counts(equal=len(VOTES))
    for by in (None, "turn"):
        ours, theirs = (
            store_rankings(run=run, settings=RankingSettings(), by=by) for run in (first, second)
        )
        assert [by_name(ranking) for ranking in ours] == [by_name(ranking) for ranking in theirs]
    kinds = Vote.objects.of_run(second).order_by("id")
    assert [vote.comparison.annotator.kind for vote in kinds] == [
        vote.annotator_kind for vote in VOTES
    ]


@pytest.mark.parametrize("names", ["xyz", "zyx"])
def test_exported_votes_come_out_of_another_run_as_they_went_in(names: str, tmp_path: Path) -> None:
    """Only the names of votes and annotators are the other run's own."""
    first, second = begin_run("first"), begin_run("second", names=names)
    import_votes(rows=VOTES, run=first)
    ours, theirs = tmp_path / "ours.jsonl", tmp_path / "theirs.jsonl"
    export_votes(run=first, out=ours)
    import_votes(rows=read_votes(ours, format="jsonl"), run=second)
    export_votes(run=second, out=theirs)
    told = [turned(row) if names == "zyx" else row for row in read_rows(theirs)]
    assert list(map(without_names, told)) == list(map(without_names, read_rows(ours)))
    assert read_rows(ours)[-1]["marks"] == [
        {"which": "a", "turn": 2, "start": 0, "end": 1, "tag": "wrong_fact"},
        {"which": "b", "turn": 1, "start": 0, "end": 1, "tag": "unnatural"},
    ]


def turned(row: dict[str, Any]) -> dict[str, Any]:
    """Say the same with a and b in each other's place."""
    other = {"a": "b", "b": "a", "left": "right", "right": "left"}
    ends = {"_a": "_b", "_b": "_a"}
    swapped = {
        name: row[name[:-2] + ends[name[-2:]] if name[-2:] in ends and name != "side_a" else name]
        for name in row
    }
    marks = [mark | {"which": other[mark["which"]]} for mark in row["marks"]]
    return swapped | {
        "outcome": other.get(row["outcome"], row["outcome"]),
        "side_a": other.get(row["side_a"]),
        "marks": sorted(marks, key=lambda mark: list(mark.values())),
    }


def without_names(row: dict[str, Any]) -> dict[str, Any]:
    return {name: cell for name, cell in row.items() if name not in ("id", "annotator")}


def test_export_votes_has_all_that_a_volunteer_said(tmp_path: Path) -> None:
    round_ = make.make_open_round()
    rules = make.make_rules(round_.run, asks_degree=True, offers_comment=True)
    rules.reasons.set([make.make_reason("more-correct"), make.make_reason("unsafe")])
    annotator = make.make_annotator(languages=["en"])
    comparison = voting.lease_comparison(round_=round_, annotator=annotator)
    voting.record_vote(
        token=comparison.token,
        annotator=annotator,
        choice="left_clearly",
        reasons_left=["more-correct"],
        reasons_right=["unsafe"],
        comment="右は危ない。",
        marks=[voting.Mark("right", 1, 0, 5, "unnatural")],
    )
    export_votes(run=round_.run, out=tmp_path / "votes.jsonl")
    (row,) = read_rows(tmp_path / "votes.jsonl")
    left, right = ("a", "b") if comparison.side_a == "left" else ("b", "a")
    assert (row["outcome"], row["degree"], row["comment"]) == (left, "clearly", "右は危ない。")
    assert (row[f"reasons_{left}"], row[f"reasons_{right}"]) == (["more-correct"], ["unsafe"])
    mark = {"which": right, "turn": 1, "start": 0, "end": 5, "tag": "unnatural"}
    assert row["marks"] == [mark]


def test_export_votes_asks_the_database_as_often_for_many_as_for_one(tmp_path: Path) -> None:
    run = begin_run("r")
    n_queries = []
    for rows in (VOTES[-1:], VOTES):
        import_votes(rows=rows, run=run)
        with CaptureQueriesContext(connection) as queries:
            export_votes(run=run, out=tmp_path / "votes.jsonl")
        n_queries.append(len(queries))
    assert n_queries[0] == n_queries[1]


def by_name(ranking: Any) -> dict[str, Any]:
    """Give the standings by name; P(best) is drawn, and other numbers draw otherwise."""
    near = {"strength": 1e-9, "low": 1e-9, "high": 1e-9, "p_best": 0.06}
    return {
        row["name"]: {field: row[field] for field in row if field not in ("name", "candidate_id")}
        | {field: pytest.approx(row[field], abs=within) for field, within in near.items()}
        for row in ranking.standings
    }


def test_exported_votes_keep_each_turn_apart(tmp_path: Path) -> None:
    """One comparison may have a vote on each turn, as a page that asks turn by turn makes it."""
    run = begin_run("r", names="xy")
    annotator = make.make_annotator()
    a, b = (
        Completion.objects.get(candidate__name=name, prompt__key="p2", sample=0) for name in "xy"
    )
    comparison = make.make_comparison(a, b, round_=run.rounds.get(), annotator=annotator)
    for turn, outcome in enumerate(("tie", "a", "b")):
        make.make_vote(comparison, outcome, turn=turn)
    path = tmp_path / "votes.jsonl"
    export_votes(run=run, out=path)
    other = begin_run("other", names="xy")
    assert import_votes(rows=read_votes(path, format="jsonl"), run=other) == Counts(new=3)
    assert uuid.UUID(read_rows(path)[0]["id"]) == comparison.token


def test_export_votes_to_parquet_has_the_rows_of_jsonl(tmp_path: Path) -> None:
    run = begin_run("r")
    import_votes(rows=VOTES, run=run)
    jsonl = export_votes(run=run, out=tmp_path / "votes.jsonl")
    packed = export_votes(run=run, out=tmp_path / "votes.parquet")
    assert parquet.read_table(path_of(packed)).to_pylist() == read_rows(path_of(jsonl))


def test_export_votes_gives_the_same_bytes_again(tmp_path: Path) -> None:
    run = begin_run("r")
    import_votes(rows=VOTES, run=run)
    first = export_votes(run=run, out=tmp_path / "1.jsonl")
    second = export_votes(run=run, out=tmp_path / "2.jsonl")
    assert path_of(first).read_bytes() == path_of(second).read_bytes()
    assert first.sha256 == second.sha256


def test_export_votes_leaves_other_runs_out(tmp_path: Path) -> None:
    first, second = begin_run("first"), begin_run("second")
    import_votes(rows=VOTES, run=first)
    import_votes(rows=VOTES[:1], run=second)
    assert export_votes(run=second, out=tmp_path / "votes.jsonl").n_rows == 1
    assert (Candidate.objects.count(), Comparison.objects.count()) == (6, len(VOTES) + 1)
