"""What waits, for how long, who works it off, and what failed."""

import pytest
from django.core.cache import cache
from django.db import connections
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.logs import JOB_ID
from annotate.services.errors import WrongState
from annotate.services.operating import (
    count_jobs,
    forget_old_jobs,
    list_failed_jobs,
    read_lags,
    read_workers,
    run_again,
)
from annotate.services.operating.failures import failure_of, say_failure
from tests.services.operating.jobs import put_job, put_worker

pytestmark = pytest.mark.django_db


def lag_of(queue: str) -> float:
    return next(lag.seconds for lag in read_lags() if lag.queue == queue)


def test_jobs_are_counted_by_task_and_state() -> None:
    for status in ("todo", "todo", "doing", "failed", "succeeded"):
        put_job("advance_run", status=status)
    put_job("train", queue="gpu", status="failed")
    counts = [(e.task, e.queue, e.waiting, e.running, e.failed) for e in count_jobs()]
    assert counts == [("advance_run", "default", 2, 1, 1), ("train", "gpu", 0, 0, 1)]


def test_empty_queues_lag_by_nothing() -> None:
    assert [(lag.queue, lag.seconds) for lag in read_lags()] == [("default", 0), ("gpu", 0)]
    assert count_jobs() == []


def test_lag_is_that_of_the_oldest_job_that_is_due() -> None:
    put_job(waits_s=500, due_in_s=3600)  # not due
    put_job(waits_s=500, due_in_s=-40)  # due for 40 s
    put_job(waits_s=100)
    put_job("train", queue="gpu", waits_s=9000)
    assert lag_of("default") == pytest.approx(100, abs=30)
    assert lag_of("gpu") == pytest.approx(9000, abs=30)


def test_job_that_waits_for_another_of_its_lock_is_no_lag() -> None:
    put_job(status="doing", lock="round 1", waits_s=900)
    put_job(lock="round 1", waits_s=800)
    assert lag_of("default") == 0


def test_many_jobs_of_one_queue_do_not_hide_another() -> None:
    for _job in range(120):
        put_job("train", queue="gpu", waits_s=10)
    put_job(waits_s=700)
    assert lag_of("default") == pytest.approx(700, abs=30)


def test_worker_is_alive_while_it_is_heard() -> None:
    job = put_job("train", queue="gpu", status="doing")
    gone, here = put_worker(heard_s=300, job=job), put_worker()
    workers = [(w.number, w.is_alive, w.jobs) for w in read_workers()]
    assert workers == [(here, True, ()), (gone, False, ("train",))]


def test_failed_jobs_come_newest_first_with_what_they_said() -> None:
    first, second = put_job(status="failed"), put_job("train", queue="gpu", status="failed")
    cache.set(f"job-failure:{first}", "ValueError: no such round")
    jobs = list_failed_jobs(at_most=5)
    assert [(j.number, j.task, j.failure) for j in jobs] == [
        (second, "train", ""),
        (first, "refresh_estimate", "ValueError: no such round"),
    ]
    assert all(job.failed_at is not None for job in jobs)
    assert [job.number for job in list_failed_jobs(at_most=1)] == [second]


def test_failed_job_waits_again() -> None:
    number = put_job(status="failed", waits_s=900)
    run_again(job=number)
    job = ProcrastinateJob.objects.get(pk=number)
    assert (job.status, job.attempts) == ("todo", 1)
    assert lag_of("default") < 60


@pytest.mark.parametrize("status", ["todo", "doing", "succeeded"])
def test_job_that_has_not_failed_is_not_run_again(status: str) -> None:
    with pytest.raises(WrongState, match="has not failed"):
        run_again(job=put_job(status=status))
    with pytest.raises(WrongState, match="has not failed"):
        run_again(job=10**9)


def test_job_of_which_another_waits_is_not_run_again() -> None:
    number = put_job(status="failed", queueing_lock="one")
    put_job(queueing_lock="one")
    with pytest.raises(WrongState, match="waits already"):
        run_again(job=number)
    assert ProcrastinateJob.objects.get(pk=number).status == "failed"


def test_error_is_said_in_one_line_without_secrets() -> None:
    error = ValueError("connection to\n postgresql://me:p4ss@db failed")
    assert say_failure(error) == "ValueError: connection to postgresql://…@db failed"
    assert say_failure(KeyError()) == "KeyError"
    assert len(say_failure(ValueError("x" * 9000))) == 500


def test_jobs_that_were_over_long_ago_are_forgotten() -> None:
    day = 24 * 3600
    old = [put_job(status="succeeded", waits_s=8 * day) for _job in range(5)]
    old.append(put_job(status="failed", waits_s=91 * day))
    kept = [
        put_job(status="succeeded", waits_s=6 * day),
        put_job(status="failed", waits_s=89 * day),
        put_job(status="doing", waits_s=100 * day),
        put_job(waits_s=100 * day),
    ]
    assert forget_old_jobs(at_once=2) == len(old)
    assert list(ProcrastinateJob.objects.order_by("id").values_list("pk", flat=True)) == kept
    assert forget_old_jobs() == 0


@pytest.mark.django_db(transaction=True)
def test_worker_keeps_why_a_job_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real worker runs a real task that fails; its lines know the job's number meanwhile."""
    # The connection of the worker's thread must not outlive the test's database.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    seen: list[str] = []

    def fail() -> None:
        seen.append(JOB_ID.get())
        raise RuntimeError("the model is not there")

    app.task(name="tests.fail", queue="for-this-test")(fail)
    try:
        number = app.configure_task("tests.fail", queue="for-this-test").defer()
        with app.replace_connector(app.connector.get_worker_connector()):
            app.run_worker(queues=["for-this-test"], wait=False, install_signal_handlers=False)
    finally:
        app.tasks.pop("tests.fail")
    assert failure_of(number) == "RuntimeError: the model is not there"
    assert (seen, JOB_ID.get()) == ([str(number)], "")
    newest = list_failed_jobs(at_most=5)[0]  # others may be of tests that came before
    assert (newest.number, newest.task) == (number, "tests.fail")


def test_every_worker_watches_its_jobs_and_closes_its_connections() -> None:
    names = [getattr(each, "__name__", "") for each in app.worker_defaults["task_middleware"]]
    assert names[-1] == "_keep_failure"
    assert "close_db_connections" in names
