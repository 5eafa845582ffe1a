"""Programs that send each request three times, with a key: the same answer, and one effect."""

import json
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.api.once import KEY_HEADER
from annotate.models import (
    Candidate,
    Completion,
    Export,
    Prompt,
    PromptSet,
    Round,
    RunPlan,
    SelectionRun,
    Vote,
)
from annotate.services.tokens import revoke_token
from tests import factories as make
from tests.api.conftest import Program
from tests.services.threads import at_once
from tests.views.pages import cast_votes

pytestmark = pytest.mark.django_db

TIMES = 3


def send(
    program: Program,
    address: str,
    body: Any,
    key: str | None = None,
    *,
    kind: str = "application/json",
) -> list[tuple[int, Any, str]]:
    """Send a request three times; give status, content and `Location` of each answer."""
    text = body if isinstance(body, str) else json.dumps(body)
    answers = [
        program.post(
            f"/api/v1{address}", text, content_type=kind, headers={KEY_HEADER: key} if key else {}
        )
        for _ in range(TIMES)
    ]
    return [
        (answer.status_code, answer.json(), answer.headers.get("Location", ""))
        for answer in answers
    ]


def rows_of_completions(n: int) -> str:
    rows = [
        {"prompt": f"p{number}", "candidate": name, "reply": f"{name} {number}", "turns": ["Q?"]}
        for number in range(n)
        for name in ("x", "y")
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_imports_by_the_api_come_in_once_with_the_same_answer(admin: Program) -> None:
    run = make.make_run()
    lines = "application/x-ndjson"
    address = f"/runs/{run.slug}/completions"
    told = send(admin, address, rows_of_completions(5), "a", kind=lines)
    assert told[0][0] == 200
    assert told[0][1]["completions"] == {"new": 10, "equal": 0}
    assert told == [told[0]] * TIMES
    assert Completion.objects.of_run(run).count() == 10
    # Without a key the rows are known by what they are.
    again = send(admin, address, rows_of_completions(5), kind=lines)
    assert [each[1]["completions"] for each in again] == [{"new": 0, "equal": 10}] * TIMES
    assert Completion.objects.of_run(run).count() == 10


def test_votes_by_the_api_come_in_once_with_the_same_answer(admin: Program) -> None:
    run = make.make_run()
    send(admin, f"/runs/{run.slug}/completions", rows_of_completions(2),
         kind="application/x-ndjson")  # fmt: skip
    vote = {"prompt": "p0", "candidate_a": "x", "candidate_b": "y", "outcome": "a",
            "annotator": "j", "annotator_kind": "judge", "id": "1"}  # fmt: skip
    told = send(admin, f"/runs/{run.slug}/votes", [vote], "v")
    assert (told[0][0], told[0][1]["new"]) == (200, 1)
    assert told == [told[0]] * TIMES
    assert Vote.objects.count() == 1


def test_launch_by_the_api_is_one_run_with_the_same_answer(
    admin: Program, plan: dict[str, Any]
) -> None:
    told = send(admin, "/runs?launch=true", plan, "launch-1")
    assert told[0][0] == 201
    assert told == [told[0]] * TIMES
    run = SelectionRun.objects.get()
    assert told[0][2] == f"/api/v1/runs/{run.slug}"
    assert run.rounds.count() == 1
    assert Candidate.objects.filter(run=run).count() == 2
    assert RunPlan.objects.get().launched_at is not None


def test_launch_without_a_key_is_refused_again_and_launches_once(
    admin: Program, plan: dict[str, Any]
) -> None:
    assert [told[0] for told in send(admin, "/runs?launch=true", plan)] == [201, 422, 422]
    assert Round.objects.count() == 1


def jobs(task: str) -> int:
    return ProcrastinateJob.objects.filter(task_name=f"annotate.tasks.{task}").count()


def test_export_asked_for_three_times_is_made_once(admin: Program) -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 1)
    recipe = {"sources": [{"run": round_.run.slug}]}
    told = send(admin, "/exports", recipe, "e")
    assert told[0][0] == 202
    assert told == [told[0]] * TIMES
    assert Export.objects.count() == 1
    assert jobs("run_export") == 1


def test_key_is_the_tokens_own_and_belongs_to_one_request(
    admin: Program, plan: dict[str, Any]
) -> None:
    first = send(admin, "/runs", plan, "k")[0]
    assert first[0] == 201
    other = Program("admin", "admin")
    assert send(other, "/runs", plan, "k")[0][0] == 422  # the slug is taken
    status, said, _location = send(admin, "/runs?launch=true", plan, "k")[0]
    assert (status, said["detail"]) == (
        422, "This “Idempotency-Key” came with another request; take a new one for each.",
    )  # fmt: skip
    status, said, _location = send(admin, "/runs", plan, "k" * 201)[0]
    assert (status, said["detail"]) == (400, "An “Idempotency-Key” has 200 characters at most.")
    revoke_token(token=admin.token)
    assert send(admin, "/runs", plan, "k")[0][0] == 401


@pytest.mark.django_db(transaction=True)
def test_requests_with_one_key_at_one_moment_do_their_work_once() -> None:
    admin = Program("admin", "write")
    body = json.dumps([{"key": "a", "prompt": "Q?"}])

    def ask() -> tuple[int, Any]:
        answer = admin.post(
            "/api/v1/prompt-sets/s/prompts", body, content_type="application/json",
            headers={KEY_HEADER: "same"},
        )  # fmt: skip
        return answer.status_code, answer.json()

    answers = at_once(*[ask] * 4)
    assert answers == [(200, {"new": 1, "equal": 0})] * 4
    assert (PromptSet.objects.count(), Prompt.objects.count()) == (1, 1)
