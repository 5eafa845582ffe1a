"""A worker that is killed in the middle loses nothing, and its job goes on by itself."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction

from annotate.models import Completion, PreferenceDataset, TrainingRun
from annotate.services import generating, states, voting
from annotate.services.exporting import export_dataset, request_export, votes_of
from annotate.services.ledger import hold_ledger
from annotate.services.training import start_training
from tests import factories as make
from tests.loop.test_loop import begin_run
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

REVIVAL_S = 300  # a minute without a heartbeat, up to a minute to the next look, and the work


def kill(worker: subprocess.Popen[str]) -> None:
    """Kill the worker alone; what it started is to end by itself."""
    worker.send_signal(signal.SIGKILL)
    worker.wait()


def test_killed_generation_goes_on(
    tiny_model: Path, home: Path, start_worker: Callable[..., subprocess.Popen[str]]
) -> None:
    run = begin_run(tiny_model)
    run.samples_per_prompt = 60
    run.save()
    made = Completion.objects.of_run(run)
    worker = start_worker(name="first", one_shot=False)
    wait_until(lambda: made.count() > 0, seconds=120)
    kill(worker)
    before = set(made.values_list("id", flat=True))
    assert 0 < len(before) < 2 * 4 * 60
    worker = start_worker(name="second", one_shot=False)
    wait_until(lambda: run.rounds.get().is_open, seconds=REVIVAL_S)
    kill(worker)
    assert made.count() == 2 * 4 * 60
    assert before <= set(made.values_list("id", flat=True))


def test_killed_training_goes_on(
    tiny_model: Path, home: Path, start_worker: Callable[..., subprocess.Popen[str]]
) -> None:
    round_ = make.make_open_round(n_prompts=40)
    voter = make.make_annotator()
    for _vote in range(40):
        comparison = voting.lease_comparison(round_=round_, annotator=voter)
        voting.record_vote(token=comparison.token, annotator=voter, choice="left")
    parent = make.make_candidate(
        round_.run, engine="transformers", prompt_format="chat_template", model=str(tiny_model)
    )
    training_run = start_training(
        dataset=export_dataset(votes_of(round_.run.slug)),
        base=parent,
        opens_round=False,
        epochs=30,
        batch_size=4,
        max_length=256,
        checkpoint_every=10,
    )
    worker = start_worker(name="first", one_shot=False)
    wait_until(lambda: training_run.metrics.filter(step__gte=20).exists(), seconds=180)
    kill(worker)
    training_run.refresh_from_db()
    assert training_run.state == TrainingRun.State.RUNNING
    worker = start_worker(name="second", one_shot=False)

    def is_over() -> bool:
        training_run.refresh_from_db()
        return training_run.is_over

    wait_until(is_over, seconds=REVIVAL_S)
    kill(worker)
    assert (training_run.state, training_run.failure) == ("finished", "")
    assert training_run.candidates.count() == 1
    assert list(training_run.metrics.values_list("step", flat=True)) == list(range(1, 301))


def test_killed_export_is_made_by_another_worker(
    home: Path, start_worker: Callable[..., subprocess.Popen[str]]
) -> None:
    """It is killed while it waits for an import to end, and leaves no dataset behind."""
    round_ = make.make_open_round(n_prompts=3)
    voter = make.make_annotator()
    for _vote in range(3):
        comparison = voting.lease_comparison(round_=round_, annotator=voter)
        voting.record_vote(token=comparison.token, annotator=voter, choice="left")
    export = request_export(votes_of(round_.run.slug), ".zip")

    def is_in(state: str) -> bool:
        export.refresh_from_db()
        return export.state == state

    with transaction.atomic():
        hold_ledger(run_id=round_.run.pk)
        worker = start_worker(name="first", one_shot=False)
        wait_until(lambda: is_in("running"), seconds=60)
        kill(worker)
    assert not PreferenceDataset.objects.exists()
    worker = start_worker(name="second", one_shot=False)
    wait_until(lambda: is_in("finished"), seconds=REVIVAL_S)
    kill(worker)
    dataset = PreferenceDataset.objects.get()
    assert (export.dataset, dataset.n_pairs, export.n_done) == (dataset, 3, 3)
    left = [path.name for path in (home / "datasets").iterdir() if path.name.startswith(".")]
    assert left == []


def test_round_that_was_killed_twice_is_made_once(
    tiny_model: Path, home: Path, start_worker: Callable[..., subprocess.Popen[str]]
) -> None:
    """Whoever calls the service again, whenever, adds only what is missing."""
    run = begin_run(tiny_model)
    run.samples_per_prompt = 60
    run.save()
    for name in ("first", "second"):
        there = Completion.objects.of_run(run).count()
        worker = start_worker(name=name, one_shot=False)
        if name == "first":
            wait_until(lambda: Completion.objects.of_run(run).count() > there, seconds=120)  # noqa: B023  waited for at once
        kill(worker)
    for shard in run.rounds.get().shards.all():
        generating.generate_shard(shard=shard)
    assert Completion.objects.of_run(run).count() == 2 * 4 * 60
    states.close_round(round_=run.rounds.get())
