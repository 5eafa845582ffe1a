"""Every request gets an id, one line, and is counted, at no cost to the database."""

import json
import logging
import re
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from annotate.logs import REQUEST_ID, JsonLines
from annotate.middleware import RequestMiddleware
from annotate.services import request_counts
from annotate.services.request_counts import read_request_counts
from tests import factories as make


@pytest.fixture(autouse=True)
def _counts_from_nothing(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings, tmp_path: Path
) -> None:
    """Have no counts of other tests, which ask for more pages than a process tells apart."""
    settings.KURABE_HOME = tmp_path
    monkeypatch.setattr(request_counts, "_counter", None)


def counted(view: str, status: int) -> int:
    rows = read_request_counts()
    return sum(sum(row.counts) for row in rows if (row.view, row.status) == (view, status))


@pytest.mark.parametrize("told", ["trace-12345678", "00f067aa0ba902b7", "a" * 64])
def test_id_of_a_proxy_is_kept(told: str) -> None:
    assert Client().get("/healthz", headers={"X-Request-ID": told})["X-Request-ID"] == told


@pytest.mark.parametrize("told", ["", "short", "a" * 65, "has space 123", "<b>12345678", "-1234567",
                                  "日本語日本語日本語", "me@mail.example"])  # fmt: skip
def test_id_that_is_not_well_formed_is_replaced(told: str) -> None:
    answer = Client().get("/healthz", headers={"X-Request-ID": told})
    assert re.fullmatch(r"[0-9a-f]{16}", answer["X-Request-ID"])


def test_two_requests_have_two_ids() -> None:
    assert Client().get("/healthz")["X-Request-ID"] != Client().get("/healthz")["X-Request-ID"]


@pytest.mark.django_db
def test_request_is_one_line_that_tells_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="annotate.requests")
    seen: list[str] = []
    caplog.handler.addFilter(lambda record: seen.append(REQUEST_ID.get()) or True)
    answer = Client().get("/invitation/S3cr3t-T0ken/?code=S3cr3t")
    (record,) = [r for r in caplog.records if r.name == "annotate.requests"]
    assert seen[-1] == answer["X-Request-ID"]
    line = json.loads(JsonLines().format(record))
    assert (line["view"], line["status"], line["path"]) == ("invitation", 404, "/invitation/…/")
    assert "S3cr3t" not in json.dumps(line)
    assert REQUEST_ID.get() == ""


@pytest.mark.django_db  # the end of an answer looks at connections that other tests opened
@pytest.mark.parametrize("address", ["/healthz", "/static/kurabe/kurabe.css"])
def test_probe_and_static_file_write_no_line(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="annotate.requests")
    Client().get(address).close()
    assert [r for r in caplog.records if r.name == "annotate.requests"] == []


@pytest.mark.django_db
def test_requests_are_counted_by_view_and_status_never_by_address() -> None:
    run = make.make_run(slug="a-secret-name")
    before = counted("rate", 302), counted("none", 404), counted("static", 200)
    Client().get(f"/rate/{run.slug}/")
    Client().get("/a-secret-name/")
    Client().get("/static/kurabe/kurabe.css").close()
    after = counted("rate", 302), counted("none", 404), counted("static", 200)
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 1]
    assert not any("secret" in row.view for row in read_request_counts())


@pytest.mark.django_db
def test_middleware_asks_the_database_nothing() -> None:
    middleware = RequestMiddleware(lambda _request: HttpResponse("x"))
    request: HttpRequest = RequestFactory().get("/")
    with CaptureQueriesContext(connection) as queries:
        assert middleware(request).status_code == 200
    assert list(queries) == []


def test_error_is_counted_and_said_with_its_id(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(status=500)

    before = counted("none", 500)
    RequestMiddleware(fail)(RequestFactory().get("/x/"))
    assert counted("none", 500) - before == 1
    assert [r.levelname for r in caplog.records if r.name == "annotate.requests"] == ["ERROR"]
