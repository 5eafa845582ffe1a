"""Quotas: of a token, and of an address from which tokens come that do not hold."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotate import quotas
from annotate.api import limits
from tests.api.conftest import Program

pytestmark = pytest.mark.django_db
PROBLEM = "application/problem+json"


@pytest.fixture
def small(settings: pytest.FixtureRequest) -> None:
    """Allow two blocks a minute, and three tokens that do not hold."""
    settings.API_REQUESTS_PER_MINUTE = 2 * limits.BLOCK
    settings.API_FAILURES_PER_MINUTE = 3


def begin_process() -> None:
    """Forget what only this process knows, as another one or a new one has never known it."""
    quotas.forget_blocks()


def left(answer: object) -> int:
    return int(answer["RateLimit"].split(";r=")[1].split(";")[0])


def test_token_is_told_what_is_left_and_stopped_when_it_is_used_up(
    reader: Program, small: None
) -> None:
    told = []
    for _request in range(2 * limits.BLOCK):
        answer = reader.get("/api/v1/runs")
        assert answer.status_code == 200
        assert answer["RateLimit-Policy"] == f'"token";q={2 * limits.BLOCK};w=60'
        told.append(left(answer))
    assert told == list(range(2 * limits.BLOCK - 1, -1, -1))
    answer = reader.get("/api/v1/runs", headers={"Accept-Language": "en"})
    assert (answer.status_code, answer["Content-Type"], left(answer)) == (429, PROBLEM, 0)
    assert 0 < int(answer["Retry-After"]) <= 60
    assert "has made its 40 requests of a minute" in answer.json()["detail"]


def test_processes_count_together_and_tokens_apart(reader: Program, small: None) -> None:
    for _process in range(2):
        begin_process()
        assert reader.get("/api/v1/runs").status_code == 200
    begin_process()
    assert reader.get("/api/v1/runs").status_code == 429
    assert Program("researcher", "read").get("/api/v1/runs").status_code == 200


def test_quota_comes_back_after_a_minute(
    reader: Program, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _request in range(2 * limits.BLOCK + 1):
        answer = reader.get("/api/v1/runs")
    assert answer.status_code == 429
    now = quotas.time.time
    monkeypatch.setattr(quotas.time, "time", lambda: now() + 61)
    assert reader.get("/api/v1/runs").status_code == 200


def test_most_requests_write_nothing(reader: Program) -> None:
    begin_process()
    reader.get("/api/v1/runs")
    written = []
    for _request in range(limits.BLOCK - 1):
        with CaptureQueriesContext(connection) as queries:
            reader.get("/api/v1/runs")
        written += [each["sql"] for each in queries if not each["sql"].startswith("SELECT")]
    assert written == []


def test_tokens_that_do_not_hold_are_counted_by_address(reader: Program, small: None) -> None:
    stranger = Client(headers={"Authorization": "Bearer kurabe_guess"})
    assert [left(stranger.get("/api/v1/runs")) for _guess in range(3)] == [2, 1, 0]
    refused = stranger.get("/api/v1/runs")
    assert (refused.status_code, refused["Content-Type"]) == (429, PROBLEM)
    assert int(refused["Retry-After"]) > 0
    assert refused["RateLimit-Policy"] == '"failures";q=3;w=60'
    elsewhere = Client(headers={"Authorization": "Bearer kurabe_x"}, REMOTE_ADDR="10.0.0.9")
    assert elsewhere.get("/api/v1/runs").status_code == 401
    # A token that holds is let in, whoever else guesses behind the same address.
    assert reader.get("/api/v1/runs").status_code == 200
    # Whoever sends none guesses nothing, and costs nothing.
    assert Client().get("/api/v1/runs").status_code == 401
