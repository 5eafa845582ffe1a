"""Workers and their shards: one that is told to end hands its shard on, one engine that dies is
started again, and what an engine refuses is not tried twice."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.models import Completion, GenerationShard
from tests.echoing import stand_in
from tests.services.making import begin_round
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

StartWorker = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def echoing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KURABE_PYTHON_TRANSFORMERS", stand_in(home))


def job() -> ProcrastinateJob:
    """Give the shard's newest job; the queue keeps those of other tests."""
    return ProcrastinateJob.objects.filter(
        task_name="annotate.tasks.generate_shard", args__shard_id=GenerationShard.objects.get().pk
    ).latest("id")


def test_worker_that_is_told_to_end_hands_its_shard_on(start_worker: StartWorker) -> None:
    round_ = begin_round(models=["/models/echo?delay_s=0.05"], n_prompts=200)
    shards = GenerationShard.objects.all()
    worker = start_worker(one_shot=False)
    wait_until(lambda: Completion.objects.exists())
    worker.terminate()
    assert worker.wait(timeout=30) == 0
    assert (shards.get().state, job().status) == ("waiting", "todo")
    assert 0 < shards.get().n_stored == Completion.objects.count() < 200
    assert start_worker().wait(timeout=120) == 0
    round_.refresh_from_db()
    assert (round_.is_open, shards.get().attempt) == (True, 2)
    assert Completion.objects.count() == 200


def test_engine_that_is_killed_is_started_three_times(
    home: Path, start_worker: StartWorker
) -> None:
    begin_round(models=["/models/echo?die_after=2"], n_prompts=20)
    worker = start_worker(one_shot=False)
    wait_until(lambda: GenerationShard.objects.get().state == "failed", seconds=120)
    worker.kill()
    worker.wait()
    shard = GenerationShard.objects.get()
    assert shard.failure.endswith("annotate.generation was killed by SIGKILL")
    assert (shard.attempt, shard.n_stored) == (3, 6)


def test_what_an_engine_refuses_is_tried_once(start_worker: StartWorker) -> None:
    begin_round(models=["/models/echo?fail_after=2"], n_prompts=20)
    assert start_worker().wait(timeout=120) == 0
    shard = GenerationShard.objects.get()
    assert (shard.state, shard.attempt, shard.failure) == ("failed", 1, "the model broke")
    assert job().status == "failed"
