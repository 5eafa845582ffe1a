"""Runs by the API: made, read, steered."""

import hashlib
import json
from functools import partial
from typing import Any

import pytest
from django.utils import timezone, translation

from annotate.models import GenerationShard, RunDecision, SelectionRun
from annotate.services import launching
from annotate.services.canonical import hash_content
from tests import factories as make
from tests.api.conftest import Program
from tests.views.pages import cast_votes, count_queries


def test_plan_is_kept_as_a_draft(admin: Program, plan: dict[str, Any]) -> None:
    answer = admin.send("/runs", plan)
    assert (answer.status_code, answer["Location"]) == (201, "/api/v1/runs/shisa")
    told = answer.json()
    assert (told["slug"], told["state"], told["plan"]["sha256"]) == ("shisa", "draft", "")
    assert told["plan"]["config"]["models"][0]["model"] == "models/tiny"
    assert SelectionRun.objects.get().created_by == admin.user


def test_plan_is_launched_at_once(admin: Program, plan: dict[str, Any]) -> None:
    told = admin.send("/runs?launch=true", plan).json()
    assert told["state"] == "generating"
    assert (
        told["plan"]["sha256"]
        == launching.read_plan(plan | {"slug": "x"}).model_copy(update={"slug": "shisa"}).sha256()
    )
    assert told["plan"]["launched_by"] == admin.user.username
    assert [each["candidates"] for each in told["rounds"]] == [
        ["tiny · temperature 0.1", "tiny · temperature 1"]
    ]


def test_plan_that_is_refused_comes_back_with_all_faults(
    admin: Program, plan: dict[str, Any]
) -> None:
    answer = admin.send("/runs", plan | {"titel": "x", "grid": {"temperature": [11]}})
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    told = answer.json()
    assert (told["type"], told["status"]) == ("urn:kurabe:problem:plan-refused", 422)
    assert [fault["path"] for fault in told["faults"]] == [
        "titel", "grid.temperature.0", "models",
    ]  # fmt: skip
    assert not SelectionRun.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"[]", 422),
        (b"\xff", 400),
        (b'{"slug": "\\ud800"}', 422),
    ],
)
def test_body_that_is_no_plan_is_refused(admin: Program, body: bytes, status: int) -> None:
    answer = admin.post("/api/v1/runs", body, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("depth", [60, 400])
def test_plan_that_is_nested_too_deep_is_refused(
    reader: Program, plan: dict[str, Any], depth: int
) -> None:
    plan["models"][0]["engine_options"] = {"extra_body": {"x": "HERE"}}
    body = json.dumps(plan).replace('"HERE"', "[" * depth + "]" * depth)
    answer = reader.send("/forecast", body)
    fault = {"path": "models.0.engine_options.extra_body.x", "message": "It is nested too deep.",
             "kind": "too_deep"}  # fmt: skip
    assert (answer.status_code, answer.json()["faults"]) == (422, [fault])


def test_draft_is_changed_launched_and_never_again(admin: Program, plan: dict[str, Any]) -> None:
    admin.send("/runs", plan)
    changed = admin.send("/runs/shisa", plan | {"title": "Shisa 7B"}, method="put")
    assert changed.json()["title"] == "Shisa 7B"
    assert admin.send("/runs/shisa/launch").json()["state"] == "generating"
    for answer in (
        admin.send("/runs/shisa/launch"),
        admin.send("/runs/shisa", plan, method="put"),
        admin.delete("/api/v1/runs/shisa"),
    ):
        assert answer.status_code == 409
        assert answer.json()["reason"] == "WrongState"


def test_draft_is_deleted(admin: Program, plan: dict[str, Any]) -> None:
    admin.send("/runs", plan)
    assert admin.delete("/api/v1/runs/shisa").status_code == 204
    assert admin.get("/api/v1/runs/shisa").status_code == 404


def test_run_is_paused_resumed_and_cancelled_in_the_accounts_name(
    admin: Program, plan: dict[str, Any]
) -> None:
    admin.send("/runs?launch=true", plan)
    assert admin.send("/runs/shisa/pause").json()["paused_at"] is not None
    assert admin.send("/runs/shisa/resume").json()["paused_at"] is None
    told = admin.send("/runs/shisa/cancel").json()
    assert (told["state"], told["cancelled_at"] is None) == ("closed", False)
    log = admin.read("/runs/shisa/events", limit=1000)["items"]
    steered = [(each["kind"], each["by"]) for each in log]
    for kind in ("paused", "resumed", "cancelled", "launched", "created"):
        assert (kind, admin.user.username) in steered
    assert [each["id"] for each in log] == sorted((each["id"] for each in log), reverse=True)


def test_progress_is_told_by_candidate_and_failures_are_tried_again(
    admin: Program, plan: dict[str, Any]
) -> None:
    admin.send("/runs?launch=true", plan | {"generation": {"shards": 2}})
    shard = GenerationShard.objects.order_by("pk").first()
    now = timezone.now()
    GenerationShard.objects.filter(pk=shard.pk).update(
        state="failed", failure="no room", n_stored=1, attempt=1, started_at=now, finished_at=now
    )
    progress = admin.read("/runs/shisa")["progress"]
    assert [(each["candidate"], each["stored"], each["wanted"]) for each in progress] == [
        ("tiny · temperature 0.1", 1, 3), ("tiny · temperature 1", 0, 3),
    ]  # fmt: skip
    failed = progress[0]["shards"][0]
    assert (failed["id"], failed["state"], failed["failure"]) == (shard.pk, "failed", "no room")
    told = admin.send(f"/runs/shisa/shards/{shard.pk}/retry").json()
    assert told["progress"][0]["shards"][0]["state"] == "waiting"
    assert admin.send(f"/runs/shisa/shards/{shard.pk}/retry").status_code == 409
    other = make.make_run()
    assert admin.send(f"/runs/{other.slug}/shards/{shard.pk}/retry").status_code == 404


def test_votes_of_each_round_are_counted(reader: Program) -> None:
    round_ = make.make_open_round(votes_wanted=50)
    cast_votes(round_, make.make_annotator(), 2)
    cast_votes(round_, make.make_annotator(kind="judge"), 1)
    told = reader.read(f"/runs/{round_.run.slug}")["rounds"]
    names = ("number", "votes", "judge_votes", "votes_wanted")
    assert [[each[name] for name in names] for each in told] == [[1, 2, 1, 50]]


def test_decision_is_the_file_whose_hash_is_stored(reader: Program) -> None:
    run = make.make_run(state="voting")
    address = f"/runs/{run.slug}/decision"
    assert reader.get(f"/api/v1{address}").status_code == 404
    for number, content in enumerate([{"schema": 1, "b": "あ"}, {"schema": 1, "b": "い"}], start=1):
        RunDecision.objects.create(
            run=run, number=number, cutoff=1, content=content, sha256=hash_content(content)
        )
    newest = reader.get(f"/api/v1{address}")
    told = reader.read(f"/runs/{run.slug}")["decision"]
    assert hashlib.sha256(newest.content).hexdigest() == told["sha256"]
    assert reader.read(address, number=1) == {"schema": 1, "b": "あ"}
    assert reader.get(f"/api/v1{address}", {"number": 3}).status_code == 404


def test_plan_is_foretold_before_and_after_it_is_stored(
    admin: Program, reader: Program, plan: dict[str, Any]
) -> None:
    told = reader.send("/forecast", plan).json()
    assert (told["candidates"], told["completions"]) == (2, 6)
    assert told["gpu_minutes"]["reason"] == "size_unknown"
    assert not SelectionRun.objects.exists()
    admin.send("/runs", plan)
    assert reader.read("/runs/shisa/forecast") == told
    assert reader.get(f"/api/v1/runs/{make.make_run().slug}/forecast").status_code == 404


def test_lists_and_runs_take_no_more_queries_with_more_rows(
    admin: Program, plan: dict[str, Any]
) -> None:
    admin.send("/runs?launch=true", plan)
    few = [count_queries(partial(admin.read, each)) for each in ("/runs", "/runs/shisa")]
    admin.send("/runs?launch=true", plan | {"slug": "b", "grid": {"temperature": [1, 2, 3, 4]}})
    assert few == [count_queries(partial(admin.read, each)) for each in ("/runs", "/runs/b")]


def test_refusals_are_said_in_the_readers_language(reader: Program) -> None:
    with translation.override("en"):  # what a request chose stays chosen in its thread
        answer = reader.get("/api/v1/runs/nowhere", headers={"Accept-Language": "ja"})
    assert (answer.status_code, answer["Content-Language"]) == (404, "ja")
