"""Log lines hold what an operator needs, and nothing that is anybody's secret."""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.logs import JOB_ID, REQUEST_ID, JsonLines, PlainLines, WithTraceback, without_secrets
from annotate.services import queue

SECRETS = [
    "postgresql://me:p4ss-word@db.example/kurabe",
    "mail to somebody@school.example.jp failed",
    "GET /invitation/S3cr3t-T0ken/ was slow",
    "/rate/r/votes/6f1d6f0e-3f4b-4a6e-9a11-0123456789ab/withdraw/",
    "GET /sign-in/?next=/x&code=S3cr3t",
    "Authorization: Bearer kurabe_abcdefgh12345678",
    "hf_AbCdEfGhIjKlMnOp was refused",
    "password='hunter2 hunter3'",
    '{"token": "t0pS3cret"}',
    "Cookie: sessionid=abc123def; csrftoken=qwerty",
    'null value in column "x"\nDETAIL:  Failing row contains (17, a comment of mine, t).',
    "DETAIL:  Key (email)=(me, my words) already exists.",
    'invalid input syntax for type integer: "my words"',
]
WORDS = ("p4ss", "somebody", "S3cr3t", "6f1d6f0e", "abcdefgh1234", "AbCdEf", "hunter", "t0pS3cret",
         "abc123", "qwerty", "comment of mine", "my words")  # fmt: skip


@pytest.fixture
def ids() -> Iterator[None]:
    marks = REQUEST_ID.set("request-1"), JOB_ID.set("7")
    yield
    REQUEST_ID.reset(marks[0])
    JOB_ID.reset(marks[1])


def record(message: str, *args: object, level: int = logging.INFO, **extra: object) -> Any:
    made = logging.LogRecord("annotate.x", level, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


@pytest.mark.parametrize("text", SECRETS)
def test_secret_stands_in_no_line(text: str) -> None:
    assert any(word in text for word in WORDS)
    lines = [JsonLines().format(record("%s", text)), PlainLines().format(record("%s", text))]
    try:
        raise ValueError(text)
    except ValueError:
        failed = record("it failed", exc_info=sys.exc_info())
    lines += [JsonLines().format(failed), PlainLines().format(failed)]
    lines.append(JsonLines().format(record("x", path=text)))
    assert [word for line in lines for word in WORDS if word in line] == []


@pytest.mark.parametrize(
    "text",
    [
        "GET 200 rate 8.1 ms",
        "round 3 of run math-ja: 12 votes",
        "web ended with status -9",
        "10:30",
    ],
)
def test_line_without_a_secret_stays_as_it_is(text: str) -> None:
    assert without_secrets(text) == text


def test_json_line_carries_what_belongs_to_it(ids: None) -> None:
    line = json.loads(
        JsonLines().format(record("vote %s", "日本語", status=200, view="rate", cookie="no"))
    )
    assert line["message"] == "vote 日本語"
    assert (line["level"], line["logger"]) == ("INFO", "annotate.x")
    assert (line["request_id"], line["job_id"]) == ("request-1", "7")
    assert (line["status"], line["view"]) == (200, "rate")
    assert "cookie" not in line
    assert line["time"].endswith("+00:00")


def test_json_line_is_one_line_with_a_traceback() -> None:
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError:
        text = JsonLines().format(record("broke\nhere", exc_info=sys.exc_info()))
    assert "\n" not in text
    line = json.loads(text)
    assert "RuntimeError: first\nsecond" in line["exception"]
    assert "request_id" not in line


def test_plain_line_names_request_and_job_before_its_traceback(ids: None) -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        text = PlainLines().format(record("it failed", exc_info=sys.exc_info()))
    first, *rest = text.split("\n")
    assert first.endswith("INFO annotate.x: it failed [request request-1, job 7]")
    assert rest[-1] == "RuntimeError: broken"


def test_line_of_the_queue_names_its_jobs(ids: None) -> None:
    JOB_ID.set("")
    line = json.loads(JsonLines().format(record("Starting", job={"id": 9})))
    assert (line["job_id"], line["request_id"]) == ("9", "request-1")
    line = json.loads(JsonLines().format(record("Deferred", jobs=[{"id": 9}, {"id": 10}])))
    assert line["job_id"] == "9 10"


@pytest.mark.django_db
def test_request_that_queues_jobs_has_a_line_with_their_numbers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="procrastinate")
    queue.defer("advance_run", queue="default", run_id=1)
    queue.defer_once("refresh_estimate", queue="default", round_id=1)
    numbers = list(ProcrastinateJob.objects.order_by("id").values_list("pk", flat=True))
    said = [json.loads(JsonLines().format(r)).get("job_id") for r in caplog.records]
    assert said == [str(number) for number in numbers]
    assert len(numbers) == 2


def test_answer_without_a_traceback_is_not_said_twice() -> None:
    assert not WithTraceback().filter(record("Not Found: /x", level=logging.WARNING))
    assert WithTraceback().filter(record("Internal", exc_info=(ValueError, ValueError(), None)))
