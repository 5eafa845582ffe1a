"""Rows that programs send: prompts, completions and votes, all of a body or nothing of it."""

import json
from typing import Any

import pytest
from django.http import HttpResponse

from annotate.models import Annotator, Completion, Prompt, PromptSet, SelectionRun, Vote
from tests import factories as make
from tests.api.conftest import Program

pytestmark = pytest.mark.django_db
PROMPTS = [
    {"key": "tea", "prompt": "What is tea?", "language": "en"},
    {"key": "お茶", "turns": ["お茶とは?", "紅茶は?"], "category": "知識"},
]


@pytest.fixture
def writer() -> Program:
    return Program("admin", "write")


@pytest.fixture
def run(writer: Program) -> SelectionRun:
    """Make a run of two candidates on two prompts, by the API alone."""
    run = make.make_run(slug="r")
    slug = run.prompt_sets.get().slug
    assert send(writer, f"/prompt-sets/{slug}/prompts", PROMPTS).status_code == 200
    assert send(writer, "/runs/r/completions", completions("base", "tuned")).status_code == 200
    return run


def completions(*names: str) -> list[dict[str, Any]]:
    return [
        {"prompt": prompt, "candidate": name, "replies": [f"{name} on {prompt}, {turn}"
         for turn in range(n_turns)], "model": f"models/{name}"}
        for name in names for prompt, n_turns in (("tea", 1), ("お茶", 2))
    ]  # fmt: skip


def vote(**fields: Any) -> dict[str, Any]:
    plain = {"prompt": "tea", "candidate_a": "tuned", "candidate_b": "base", "outcome": "a",
             "annotator": "gpt-judge", "annotator_kind": "judge", "id": "1"}  # fmt: skip
    return plain | fields


def send(program: Program, address: str, rows: Any, *, lines: bool = False) -> HttpResponse:
    """Send rows as a JSON array, or as one a line."""
    if lines:
        body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        kind = "application/x-ndjson"
    else:
        body, kind = json.dumps(rows, ensure_ascii=False), "application/json"
    return program.post(f"/api/v1{address}", body.encode(), content_type=kind)


@pytest.mark.parametrize("lines", [False, True])
def test_rows_come_in_as_an_array_or_as_lines_and_add_nothing_again(
    writer: Program, lines: bool
) -> None:
    first = send(writer, "/prompt-sets/asked/prompts", PROMPTS, lines=lines)
    again = send(writer, "/prompt-sets/asked/prompts", PROMPTS, lines=not lines)
    assert [answer.json() for answer in (first, again)] == [
        {"new": 2, "equal": 0}, {"new": 0, "equal": 2},
    ]  # fmt: skip
    stored = Prompt.objects.filter(prompt_set__slug="asked").order_by("pk")
    assert list(stored.values_list("key", "turns", "language", "category")) == [
        ("tea", ["What is tea?"], "en", ""),
        ("お茶", ["お茶とは?", "紅茶は?"], "ja", "知識"),
    ]


def test_completions_bring_their_candidates_and_open_the_round(
    writer: Program, run: SelectionRun
) -> None:
    assert Completion.objects.of_run(run).count() == 4
    round_ = run.rounds.get()
    assert round_.is_open
    assert [each.model for each in round_.candidates.order_by("pk")] == [
        "models/base", "models/tuned",
    ]  # fmt: skip
    answer = send(writer, "/runs/r/completions", completions("tuned", "third"), lines=True)
    assert answer.json() == {
        "completions": {"new": 2, "equal": 2},
        "candidates": {"new": 1, "equal": 1},
        "prompts": {"new": 0, "equal": 0},
        "naming_makers": 0,
    }


def test_set_of_completions_has_to_be_named_where_the_run_has_several(
    writer: Program, run: SelectionRun
) -> None:
    first = run.prompt_sets.get()
    run.prompt_sets.add(PromptSet.objects.create(slug="zz"))
    refused = send(writer, "/runs/r/completions", completions("third"))
    assert refused.status_code == 422
    assert f"{first.slug}, zz" in refused.json()["faults"][0]["message"]
    address = f"/runs/r/completions?prompts={first.slug}"
    assert send(writer, address, completions("third")).json()["completions"]["new"] == 2
    assert send(writer, "/runs/none/completions", completions("third")).status_code == 404


def test_votes_of_judges_and_people_come_in_once(writer: Program, run: SelectionRun) -> None:
    votes = [
        vote(), vote(prompt="お茶", outcome="tie"),
        vote(annotator="mika", annotator_kind="person", outcome="b"),
    ]  # fmt: skip
    votes[1]["id"] = "2"
    assert send(writer, "/runs/r/votes", votes).json() == {"new": 3, "equal": 0}
    assert send(writer, "/runs/r/votes", votes, lines=True).json() == {"new": 0, "equal": 3}
    stored = Vote.objects.order_by("pk").values_list(
        "comparison__annotator__name", "comparison__annotator__kind", "outcome"
    )
    # base has the lower id, so that it is a in the database
    assert list(stored) == [
        ("gpt-judge", "judge", "b"), ("gpt-judge", "judge", "tie"), ("mika", "person", "a"),
    ]  # fmt: skip


def test_annotators_of_two_tools_stay_apart(writer: Program, run: SelectionRun) -> None:
    for source in ("argilla", "labelstudio", "argilla"):
        answer = send(writer, f"/runs/r/votes?source={source}", [vote(annotator="1")])
    assert answer.json() == {"new": 0, "equal": 1}
    assert sorted(Annotator.objects.filter(source="r").values_list("name", flat=True)) == [
        "argilla/1", "labelstudio/1",
    ]  # fmt: skip


def test_rehearsal_counts_and_keeps_nothing(writer: Program, run: SelectionRun) -> None:
    assert send(writer, "/runs/r/votes?dry_run=true", [vote()]).json() == {"new": 1, "equal": 0}
    address = "/prompt-sets/new/prompts?dry_run=true"
    assert send(writer, address, PROMPTS).json() == {"new": 2, "equal": 0}
    told = send(writer, "/runs/r/completions?dry_run=true", completions("third")).json()
    assert told["completions"]["new"] == 2
    assert not Vote.objects.exists()
    assert not PromptSet.objects.filter(slug="new").exists()
    assert run.candidates.count() == 2


@pytest.mark.parametrize("lines", [False, True])
def test_every_fault_is_told_and_nothing_is_kept(
    writer: Program, run: SelectionRun, lines: bool
) -> None:
    votes = [
        vote(), vote(outcome="left"), vote(candidate_b="bass", id="3"),
        vote(annotator_kind="simulated", id="4"), vote(turn="x", id="5"),
    ]  # fmt: skip
    answer = send(writer, "/runs/r/votes", votes, lines=lines)
    told = answer.json()
    assert (answer.status_code, told["type"]) == (422, "urn:kurabe:problem:rows-refused")
    assert told["n_faults"] == 4
    assert sorted((each["line"], each["field"]) for each in told["faults"]) == [
        (2, "outcome"), (3, "candidate_b"), (4, "annotator_kind"), (5, "turn"),
    ]  # fmt: skip
    left = next(each for each in told["faults"] if each["line"] == 2)
    assert (left["value"], left["expected"]) == ("left", "one of a, b, tie, both_bad")
    assert left["message"] == 'body, row 2, outcome: "left" is not one of a, b, tie, both_bad'
    assert "/tmp" not in answer.content.decode()
    assert not Vote.objects.exists()


def test_row_that_contradicts_what_is_there_is_a_fault(writer: Program, run: SelectionRun) -> None:
    send(writer, "/runs/r/votes", [vote()])
    told = send(writer, "/runs/r/votes", [vote(outcome="tie")]).json()
    assert (told["status"], told["n_faults"], told["faults"][0]["field"]) == (422, 1, "outcome")
    changed = completions("base")
    changed[0]["replies"] = ["another text"]
    told = send(writer, "/runs/r/completions", changed).json()
    assert (told["status"], told["faults"][0]["line"]) == (422, 1)
    assert told["counts"]["completions"]["conflict"] == 1
    assert Vote.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b" \n", 400), (b"[", 422), (b"[]", 422), (b"[1]", 422), (b"{", 422),
        (b"\xff", 422), (b'{"key": "a", "prompt": "b"}]', 422), (b"null", 422),
        (b'[{"key": "a", "prompt": "b"}', 422), (b'{"key": "a", "prompt": "\\ud800"}', 422),
        (b'[{"key": "a", "prompt": "b\\u0000"}]', 422), (b"[" * 100_000, 422),
        (b'\xef\xbb\xbf[{"key": "a", "prompt": "b"}]', 200),
    ],
)  # fmt: skip
def test_body_that_holds_no_rows_is_refused(writer: Program, body: bytes, status: int) -> None:
    answer = writer.post("/api/v1/prompt-sets/s/prompts", body, content_type="application/json")
    assert answer.status_code == status, answer.content
    assert Prompt.objects.exists() == (status == 200)


def test_only_the_first_faults_are_listed_and_all_are_counted(writer: Program) -> None:
    rows = [{"key": f"k{n}", "turns": []} for n in range(150)]
    told = send(writer, "/prompt-sets/s/prompts", rows).json()
    assert (told["n_faults"], len(told["faults"])) == (150, 100)


def test_body_beyond_the_limit_is_refused_unread(writer: Program, settings: Any) -> None:
    settings.API_MAX_BODY_MIB = 1
    answer = send(writer, "/prompt-sets/s/prompts", [{"key": "k", "prompt": "x" * 2**20}])
    assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")
    assert "larger than 1 MiB; send it in parts" in answer.json()["detail"]
    assert not PromptSet.objects.filter(slug="s").exists()
    # A body of many megabytes is no plan's, and is taken all the same.
    settings.API_MAX_BODY_MIB, settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 8, 1000
    rows = [{"key": f"k{n}", "prompt": "x" * 100_000} for n in range(30)]
    assert send(writer, "/prompt-sets/s/prompts", rows, lines=True).json()["new"] == 30


def test_closed_run_takes_no_rows(writer: Program, run: SelectionRun) -> None:
    SelectionRun.objects.update(state="closed")
    for address, rows in (("votes", [vote()]), ("completions", completions("third"))):
        answer = send(writer, f"/runs/r/{address}", rows)
        assert (answer.status_code, answer.json()["reason"]) == (409, "WrongState")
