"""The operator's page: for admins alone, whole when empty, and with what failed."""

import re

import pytest
from django.core.cache import cache
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.models import GenerationShard, TrainingRun
from tests import factories as make
from tests.services.operating.jobs import put_job, put_worker
from tests.views.pages import browser_as, count_queries, make_training

pytestmark = pytest.mark.django_db
ADDRESS = "/operations/"


def page_of(browser: Client) -> str:
    answer = browser.get(ADDRESS)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    return answer.content.decode()


@pytest.mark.parametrize("role", ["volunteer", "researcher"])
def test_page_is_for_admins_alone(role: str) -> None:
    number = put_job(status="failed")
    assert browser_as(role).get(ADDRESS).status_code == 403
    assert browser_as(role).post(f"{ADDRESS}jobs/{number}/again/").status_code == 403
    assert ProcrastinateJob.objects.get(pk=number).status == "failed"
    assert Client().get(ADDRESS).status_code == 302


def test_empty_site_says_what_is_missing() -> None:
    page = page_of(browser_as("admin"))
    assert "No worker is heard" in page
    assert "The queue is empty" in page
    assert "No job has failed." in page
    assert "No run takes votes right now." in page
    assert "all applied" in page
    assert re.search(r"PostgreSQL \d+\.\d+", page)


def test_worker_that_is_heard_and_one_that_is_not() -> None:
    put_worker()
    assert "No worker is heard" not in page_of(browser_as("admin"))
    job = put_job("train", queue="gpu", status="doing")
    put_worker(heard_s=900, job=job)
    assert "not heard any more" in page_of(browser_as("admin"))


def test_failed_job_is_run_again_by_its_button() -> None:
    number = put_job(status="failed")
    cache.set(f"job-failure:{number}", "ValueError: <b>no such round</b>")
    browser = browser_as("admin", enforce_csrf_checks=True)
    page = page_of(browser)
    assert "ValueError: &lt;b&gt;no such round&lt;/b&gt;" in page
    (token,) = re.findall(
        rf'action="/operations/jobs/{number}/again/"><input[^>]*value="(\w+)"', page
    )
    assert browser.post(f"{ADDRESS}jobs/{number}/again/").status_code == 403
    answer = browser.post(f"{ADDRESS}jobs/{number}/again/", {"csrfmiddlewaretoken": token})
    assert (answer.status_code, answer["Location"]) == (302, ADDRESS)
    assert ProcrastinateJob.objects.get(pk=number).status == "todo"
    assert f"Job {number} waits again." in page_of(browser)
    browser.post(f"{ADDRESS}jobs/{number}/again/", {"csrfmiddlewaretoken": token})
    assert "has not failed" in page_of(browser)


def test_job_with_a_page_of_its_own_is_run_again_there() -> None:
    round_ = make.make_open_round()
    shard = GenerationShard.objects.create(
        round=round_, candidate=round_.candidates.first(), n_wanted=4,
        state="failed", failure="model <x> is not there",
    )  # fmt: skip
    training = make_training(
        round_.run, state=TrainingRun.State.FAILED, failure="out of memory", steps=0
    )
    put_job("generate_shard", queue="gpu", status="failed",
            arguments=f'{{"shard_id": {shard.pk}}}')  # fmt: skip
    put_job("train", queue="gpu", status="failed",
            arguments=f'{{"training_run_id": {training.pk}}}')  # fmt: skip
    lost = put_job("run_export", status="failed", arguments='{"export_id": 987654}')
    page = page_of(browser_as("admin"))
    assert re.findall(r"jobs/(\d+)/again/", page) == [str(lost)]
    assert page.count(f'href="/runs/{round_.run.slug}/jobs/{shard.pk}/"') == 2
    assert page.count(f'href="/training/{training.pk}/"') == 2
    assert "model &lt;x&gt; is not there" in page
    assert "out of memory" in page


def test_many_failed_jobs_are_shown_in_part_and_counted() -> None:
    for _job in range(30):
        put_job(status="failed")
    page = page_of(browser_as("admin"))
    assert page.count("/again/") == 25
    assert "The newest 25 are shown." in page


def test_page_costs_the_same_for_one_run_and_for_many() -> None:
    browser = browser_as("admin")
    make.make_open_round()
    few = count_queries(lambda: browser.get(ADDRESS))
    for _run in range(3):
        make.make_open_round()
    assert count_queries(lambda: browser.get(ADDRESS)) == few


def test_page_speaks_japanese() -> None:
    page = browser_as("admin").get(ADDRESS, headers={"Accept-Language": "ja"}).content.decode()
    assert '<html lang="ja">' in page
