"""What machines ask: alive, ready, and figures; and who is told."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import OperationalError
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotate.models import GenerationShard, Vote
from tests import factories as make
from tests.services.operating.jobs import put_job, put_worker
from tests.views.pages import cast_votes, make_ranking

SAMPLE = re.compile(r'([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)+\})? (\S+)')


def read(text: str) -> dict[str, float]:
    """Read an exposition strictly; give each sample by its name with its labels."""
    assert text.endswith("\n")
    samples: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _hash, _type, name, kind = line.split()
            assert name not in kinds
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert kinds.get(name) or kinds.get(base) == "histogram", line
            assert name + (labels or "") not in samples
            samples[name + (labels or "")] = float(value)
    return samples


def test_healthz_asks_no_database() -> None:
    """Without the mark for a database, any statement would fail this test."""
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_readyz_is_well_where_all_is() -> None:
    put_job(waits_s=20)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ready", "checks": dict.fromkeys(("database", "migrations", "queue"), "ok")},
    )


@pytest.mark.django_db
def test_readyz_says_which_migrations_wait() -> None:
    row = MigrationRecorder(connection).migration_qs.filter(app="annotate").order_by("-name")
    row.filter(name=row.values_list("name", flat=True)[0]).delete()
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"] == "1 not applied: run manage.py migrate"


@pytest.mark.django_db
def test_readyz_says_that_jobs_wait_too_long(settings: LazySettings) -> None:
    put_job(waits_s=400)
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert re.fullmatch(r"a job has waited for 4\d\d s, more than 300 s: is there a worker .*",
                        answer.json()["checks"]["queue"])  # fmt: skip
    settings.READY_MAX_QUEUE_LAG_S = 0
    assert Client().get("/readyz").status_code == 200


@pytest.mark.django_db
def test_readyz_does_not_mind_a_long_queue_of_gpu_work() -> None:
    put_job("train", queue="gpu", waits_s=90_000)
    assert Client().get("/readyz").status_code == 200


@pytest.fixture
def database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every statement fail as those do whose server is gone; it names host and account."""

    def refuse(*_args: object, **_kwargs: object) -> Any:
        raise OperationalError("connection to postgresql://me:p4ss@db.example failed")

    monkeypatch.setattr(BaseDatabaseWrapper, "cursor", refuse)


def test_readyz_says_that_the_database_is_away_and_no_more(database_is_away: None) -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": "it cannot be reached",
        "migrations": "not looked at",
        "queue": "not looked at",
    }
    assert b"example" not in answer.content


def test_metrics_without_a_database_say_so(database_is_away: None) -> None:
    samples = read(Client().get("/metrics").content.decode())
    assert samples["kurabe_database_up"] == 0
    assert samples["kurabe_disk_free_bytes"] > 0


@pytest.mark.django_db
def test_metrics_hold_every_figure_and_no_name() -> None:
    round_ = make.make_open_round(n_prompts=3)
    run = round_.run
    run.title = "A title that is hush-hush"
    run.save()
    annotator = make.make_annotator(name="hush-hush-annotator")
    cast_votes(round_, annotator, 2)
    make_ranking(run)
    put_job("advance_run", status="failed")
    put_job(waits_s=30)
    put_worker()
    GenerationShard.objects.create(
        round=round_, candidate=round_.candidates.first(), n_wanted=9, state="running"
    )
    Client().get("/sign-in/")
    answer = Client().get("/metrics")
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.content.decode()
    samples = read(text)
    assert samples["kurabe_database_up"] == 1
    assert samples["kurabe_migrations_unapplied"] == 0
    assert samples["kurabe_workers"] == 1
    assert samples['kurabe_jobs{queue="default",task="advance_run",state="failed"}'] == 1
    assert samples['kurabe_queue_lag_seconds{queue="default"}'] == pytest.approx(30, abs=20)
    assert samples['kurabe_gpu_jobs{kind="generation",state="running"}'] == 1
    assert 0 <= samples["kurabe_oldest_ranking_age_seconds"] < 60
    assert samples["kurabe_runs_voting"] == 1
    assert samples["kurabe_database_bytes"] > 1e6
    assert "kurabe_votes_total" in samples
    assert not [word for word in (run.slug, "hush", annotator.name) if f'"{word}' in text]
    assert "hush" not in text


@pytest.mark.django_db
def test_histogram_grows_to_its_count() -> None:
    before = read(Client().get("/metrics").content.decode())
    for _request in range(3):
        Client().get("/sign-in/")
    samples = read(Client().get("/metrics").content.decode())
    name = "kurabe_http_request_duration_seconds"
    labels = 'view="login",method="GET",status="200"'
    ends = [value for key, value in samples.items()
            if key.startswith(f"{name}_bucket") and labels in key]  # fmt: skip
    assert ends == sorted(ends)
    count = samples[f"{name}_count{{{labels}}}"]
    assert ends[-1] == count == samples[f'{name}_bucket{{{labels},le="+Inf"}}']
    assert count - before.get(f"{name}_count{{{labels}}}", 0) == 3
    assert samples[f"{name}_sum{{{labels}}}"] > 0


@pytest.mark.django_db
def test_metrics_cost_the_same_for_one_run_and_for_many() -> None:
    make.make_open_round()
    with CaptureQueriesContext(connection) as few:
        Client().get("/metrics")
    for _run in range(3):
        make.make_open_round()
    with CaptureQueriesContext(connection) as many:
        Client().get("/metrics")
    assert len(few) == len(many) <= 14
    assert not any(f'FROM "{Vote._meta.db_table}"' in q["sql"] for q in many)


@pytest.mark.parametrize(
    "forwarded", ["HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP",
                  "HTTP_X_FORWARDED_PROTO"]
)  # fmt: skip
def test_metrics_are_not_for_whom_a_proxy_brings(forwarded: str) -> None:
    assert Client().get("/metrics", **{forwarded: "127.0.0.1"}).status_code == 403


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "::2", "", "localhost"])
def test_metrics_are_not_for_other_machines(address: str) -> None:
    answer = Client(REMOTE_ADDR=address).get("/metrics")
    assert answer.status_code == 403
    assert b"METRICS_TOKEN" in answer.content
    assert b"kurabe_" not in answer.content


@pytest.mark.parametrize("told", [None, "Bearer wrong", "t0ken-of-metrics", "Bearer "])
def test_metrics_want_their_token_where_one_is_set(
    told: str | None, settings: LazySettings, database_is_away: None
) -> None:
    settings.METRICS_TOKEN = "t0ken-of-metrics"
    headers = {} if told is None else {"Authorization": told}
    answer = Client().get("/metrics", headers=headers)
    assert (answer.status_code, "Bearer" in answer["WWW-Authenticate"]) == (401, True)
    right = {"Authorization": "Bearer t0ken-of-metrics"}
    assert Client(REMOTE_ADDR="192.0.2.7").get("/metrics", headers=right).status_code == 200


@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/metrics"])
def test_probe_is_read_only(address: str) -> None:
    assert Client().post(address).status_code == 405


def test_probe_is_answered_without_https(settings: LazySettings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/healthz").status_code == 200
    assert Client().get("/").status_code == 301
