"""Trainings over the API: planned, watched, steered, refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from annotate.models import Candidate, TrainingRun
from annotate.services.training_states import begin_attempt
from tests.api.conftest import Program
from tests.api.test_documented import PAGE
from tests.services.trainings import export, make_base, vote_on
from tests.views.pages import add_steps, count_queries

pytestmark = pytest.mark.django_db
(TRAINING,) = re.findall(r"^```json training\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any) -> Path:
    settings.KURABE_HOME = tmp_path
    return tmp_path


@pytest.fixture
def base(home: Path) -> Candidate:
    return make_base(vote_on({}, {}, {"is_held_out": True}))


def ask(program: Program, base: Candidate, **body: Any) -> Any:
    return program.send(f"/runs/{base.run.slug}/trainings", {"candidate": "base", **body})


def test_plan_on_the_documents_page_is_taken(admin: Program, base: Candidate) -> None:
    plan = json.loads(TRAINING) | {"candidate": "base"}
    answer = ask(admin, base, **plan)
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert answer["Location"] == f"/api/v1/trainings/{told['id']}"
    assert (told["state"], told["candidate"], told["child"]) == ("queued", "base", "base dpo1")
    assert told["settings"]["loss_weights"] == [1.0, 0.5]
    assert (told["settings"]["lora_rank"], told["gate_alpha"]) == (16, 0.05)
    assert TrainingRun.objects.get().created_by == admin.user


def test_dataset_is_trained_on_or_the_votes_of_now(admin: Program, base: Candidate) -> None:
    dataset = export(base.run)
    assert ask(admin, base, dataset=dataset.pk).json()["dataset"] == dataset.pk
    assert ask(admin, base).json()["dataset"] != dataset.pk


def test_training_asked_for_three_times_with_a_key_is_planned_once(
    admin: Program, base: Candidate
) -> None:
    address = f"/api/v1/runs/{base.run.slug}/trainings"
    answers = [
        admin.post(
            address, {"candidate": "base"}, content_type="application/json",
            headers={"Idempotency-Key": "t"},
        )
        for _time in range(3)
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.content for answer in answers}) == 1
    assert TrainingRun.objects.count() == base.run.datasets.count() == 1


def test_training_is_watched(admin: Program, reader: Program, base: Candidate) -> None:
    pk = ask(admin, base).json()["id"]
    training_run = TrainingRun.objects.get()
    begin_attempt(training_run=training_run)
    add_steps(training_run, 1, 3)
    TrainingRun.objects.update(forecast={"pairs": 2})
    told = reader.read(f"/trainings/{pk}")
    assert (told["state"], told["last"]["step"], told["forecast"]) == ("running", 3, {"pairs": 2})
    first = reader.read(f"/trainings/{pk}/metrics", limit=1)
    cursor = first["next"].split("cursor=")[1].split("&")[0]
    rest = reader.read(f"/trainings/{pk}/metrics", cursor=cursor)
    assert [row["step"] for row in first["items"] + rest["items"]] == [1, 2, 3]
    (line,) = reader.read(f"/runs/{base.run.slug}/trainings")["items"]
    assert (line["id"], line["state"]) == (pk, "running")


def test_training_is_steered(admin: Program, base: Candidate) -> None:
    pk = ask(admin, base).json()["id"]
    assert admin.send(f"/trainings/{pk}/stop").json()["state"] == "stopped"
    assert admin.send(f"/trainings/{pk}/resume").json()["state"] == "queued"
    begin_attempt(training_run=TrainingRun.objects.get())
    assert admin.send(f"/trainings/{pk}/keep").json()["wish"] == "keep"
    refused = admin.send(f"/trainings/{pk}/resume")
    assert (refused.status_code, refused.json()["reason"]) == (409, "WrongState")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"candidate": "bass"}, 409, "candidate"),
        ({"dataset": 99}, 409, "dataset"),
        ({"preset": "none-such"}, 409, "preset"),
        ({"settings": {"beta": 0}}, 409, "beta"),
        ({"settings": {"output_dir": "/etc"}}, 409, "output_dir"),
        ({"settings": {"created_by": 1}}, 409, "created_by"),
        ({"gate_alpha": 2.0}, 409, "gate_alpha"),
        ({"settings": [1]}, 422, ""),
        ({"setting": {}}, 422, ""),
    ],
)
def test_what_is_wrong_is_said(
    body: Any, status: int, field: str, admin: Program, base: Candidate
) -> None:
    answer = ask(admin, base, **body)
    assert (answer.status_code, answer.json().get("field", "")) == (status, field)
    assert not TrainingRun.objects.exists()


def test_body_that_is_no_json_is_not_read(admin: Program, base: Candidate) -> None:
    answer = admin.send(f"/runs/{base.run.slug}/trainings", "{no")
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:kurabe:problem:not-read")


def test_readers_change_nothing(admin: Program, reader: Program, base: Candidate) -> None:
    assert ask(reader, base).status_code == 403
    pk = ask(admin, base).json()["id"]
    assert reader.send(f"/trainings/{pk}/stop").status_code == 403
    assert admin.get("/api/v1/trainings/999").status_code == 404


def test_list_asks_as_much_for_many_as_for_one(admin: Program, base: Candidate) -> None:
    counts = []
    for _training in range(2):
        ask(admin, base)
        address = f"/api/v1/runs/{base.run.slug}/trainings"
        counts.append(count_queries(lambda: admin.get(address)))  # noqa: B023  called at once
    assert counts[0] == counts[1]
