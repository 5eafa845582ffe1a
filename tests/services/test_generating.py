"""Shards: dealt, made by processes, taken over, failed and tried again, each completion once."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate import tasks
from annotate.generation.seeds import completion_seed
from annotate.models import Completion, GenerationShard, Round, RunEvent, SelectionRun
from annotate.services import errors, generating, rounds, states
from annotate.services.generating import (
    ask_for_completions,
    generate_shard,
    leave_out,
    requeue,
    retry,
    retry_failed,
)
from annotate.services.shards import find_missing, make_requests
from tests import factories as make
from tests.echoing import answer, stand_in
from tests.services.making import begin_round, generate_all
from tests.services.threads import at_once
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> Path:
    settings.ENGINE_PYTHON = {"transformers": stand_in(tmp_path)}
    settings.KURABE_HOME = tmp_path / "home"
    return tmp_path / "home"


def jobs(round_: Round, status: str = "todo") -> list[int]:
    """List the shards that have a job, by job."""
    waiting = ProcrastinateJob.objects.filter(
        task_name="annotate.tasks.generate_shard", queue_name="gpu", status=status
    )
    shards = [job.args["shard_id"] for job in waiting.order_by("id")]
    return [shard for shard in shards if round_.shards.filter(pk=shard).exists()]


def test_round_is_made_in_shards_and_the_last_one_opens_it() -> None:
    round_ = begin_round(models=["echo", "/models/echo?"], n_prompts=7, n_samples=2, n_shards=3)
    shards = list(round_.shards.all())
    assert [shard.number for shard in shards] == [0, 1, 2, 0, 1, 2]
    assert sorted(shard.n_wanted for shard in shards[:3]) == [4, 4, 6]
    assert jobs(round_) == [shard.pk for shard in shards]
    for shard in reversed(shards):
        round_.refresh_from_db()
        assert not round_.has_opened
        generate_shard(shard=shard)
        assert (shard.state, shard.n_stored) == ("done", shard.n_wanted)
    round_.refresh_from_db()
    assert round_.is_open
    assert Completion.objects.of_run(round_.run).count() == 2 * 7 * 2


def test_completion_says_how_it_was_made() -> None:
    round_ = begin_round(n_prompts=1, sampling={"temperature": 0.5, "max_tokens": 9}, stop=["\n\n"])
    generate_all(round_)
    made = Completion.objects.get()
    seed = completion_seed(
        run_seed=5,
        candidate=made.candidate.name,
        prompt=f"{made.prompt.prompt_set.slug}/{made.prompt.key}",
        sample=0,
    )
    assert (made.seed, made.finish_reason, made.completion_tokens) == (seed, "stop", 7)
    assert (made.engine_version, made.seconds) == ("transformers echo 1", 0.25)
    assert made.rendered_prompt_sha256 == "0" * 64
    assert (made.sampling["temperature"], made.sampling["stop"]) == (0.5, ["\n\n"])
    assert made.sampling["top_p"] == 1.0


def test_prompt_without_a_system_text_gets_the_candidates_for_its_language() -> None:
    prompts = [
        {"language": "ja-JP", "turns": ["1"]},
        {"language": "ja-Latn", "turns": ["2"]},
        {"language": "en", "turns": ["3"]},
        {"language": "ja", "turns": ["4"], "system": "own"},
    ]
    round_ = begin_round(prompts=prompts, system_prompts={"ja": "plain", "ja-Latn": "roman"})
    generate_all(round_)
    texts = Completion.objects.order_by("prompt").values_list("replies__0", flat=True)
    assert [text.rpartition(" ")[0] for text in texts] == [
        "plain | 1", "roman | 2", "- | 3", "own | 4",
    ]  # fmt: skip


def test_asked_twice_it_is_planned_and_queued_once() -> None:
    round_ = begin_round(n_shards=2)
    ask_for_completions(round_=round_)
    assert round_.shards.count() == len(jobs(round_)) == 2


def test_what_stands_is_not_made_again() -> None:
    """A candidate that goes on to the next round has done shards; with nobody else it opens."""
    first = begin_round(models=["echo", "/models/echo?"], n_shards=2)
    generate_all(first)
    made = set(Completion.objects.values_list("pk", flat=True))
    second = rounds.create_round(run=first.run, candidates=list(first.candidates.all()))
    ask_for_completions(round_=second)
    second.refresh_from_db()
    assert second.is_open
    assert list(second.shards.values_list("state", "attempt")) == [("done", 0)] * 4
    assert jobs(second) == []
    assert set(Completion.objects.values_list("pk", flat=True)) == made


def test_round_of_imported_completions_opens_at_once() -> None:
    run = make.make_run()
    round_ = rounds.create_round(run=run, candidates=[make.make_candidate(run)])
    ask_for_completions(round_=round_)
    round_.refresh_from_db()
    assert round_.is_open
    assert not round_.shards.exists()


def test_another_machine_makes_only_what_the_database_lacks(home: Path, settings: Any) -> None:
    round_ = begin_round(n_prompts=8, models=["/models/echo?die_after=3"])
    shard = round_.shards.get()
    with pytest.raises(errors.GenerationInterrupted, match="killed by SIGKILL"):
        generate_shard(shard=shard)
    assert (shard.state, shard.n_stored, shard.attempt) == ("waiting", 3, 1)
    kept = dict(Completion.objects.values_list("prompt", "seed"))
    settings.KURABE_HOME = home.with_name("another-machine")
    wanted = [request.to_dict() for request in make_requests(shard, find_missing(shard))]
    with pytest.raises(errors.GenerationInterrupted):
        generate_shard(shard=shard)
    folder = settings.KURABE_HOME / "generation" / f"shard-{shard.pk}"
    lines = (folder / "requests.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == wanted
    assert len(wanted) == 5
    generate_shard(shard=shard)
    assert (shard.state, shard.attempt) == ("done", 3)
    assert kept.items() <= dict(Completion.objects.values_list("prompt", "seed")).items()
    assert Completion.objects.count() == 8


def test_what_a_killed_worker_left_in_its_folder_is_stored(home: Path) -> None:
    """Whole lines stand; the line that was torn, and what a power cut made of others, is made."""
    round_ = begin_round(n_prompts=4)
    shard = round_.shards.get()
    requests = make_requests(shard, find_missing(shard))
    lines = [json.dumps(request.to_dict()) for request in requests]
    rows = [json.dumps(row).encode() for row in answer(lines, "transformers")]
    rows[0] = rows[0].replace(b"echo 1", b"echo before")
    folder = home / "generation" / f"shard-{shard.pk}"
    folder.mkdir(parents=True)
    (folder / "completions.jsonl").write_bytes(
        rows[0] + b"\n" + b"\0" * 40 + b"\n" + rows[1] + b"\n" + rows[2][:30]
    )
    generate_shard(shard=shard)
    versions = Completion.objects.order_by("prompt").values_list("engine_version", flat=True)
    assert list(versions) == ["transformers echo before"] + ["transformers echo 1"] * 3
    seeds = [json.loads(line)["seed"] for line in lines]
    assert list(Completion.objects.order_by("prompt").values_list("seed", flat=True)) == seeds


def test_failure_says_why_keeps_the_others_going_and_can_be_tried_again() -> None:
    round_ = begin_round(models=["/models/echo?fail_after=3", "echo"], n_prompts=4)
    broken, whole = round_.shards.all()
    with pytest.raises(errors.GenerationFailed, match="the model broke"):
        generate_shard(shard=broken)
    assert (broken.state, broken.failure, broken.n_stored) == ("failed", "the model broke", 3)
    assert broken.log == "4 requests\nerror: the model broke"
    assert broken.finished_at is not None
    failed = RunEvent.objects.get(kind="failed")
    assert failed.detail["failure"] == "the model broke"
    assert failed.detail["candidate"] == broken.candidate.name
    generate_shard(shard=whole)
    round_.refresh_from_db()
    assert not round_.has_opened

    admin = make.make_user("admin")
    retry(shard=broken, by=admin)
    assert (broken.state, broken.failure, broken.finished_at) == ("waiting", "", None)
    assert RunEvent.objects.get(kind="retried").by == admin
    generate_shard(shard=broken)
    round_.refresh_from_db()
    assert (broken.state, round_.is_open) == ("done", True)
    with pytest.raises(errors.WrongState, match="it has not failed"):
        retry(shard=broken, by=admin)


def test_round_goes_on_without_a_candidate_that_cannot_be_made() -> None:
    round_ = begin_round(
        models=["/models/echo?fail_after=3", "echo", "echo"], n_prompts=4, n_shards=2
    )
    broken = list(round_.shards.filter(candidate__model="/models/echo?fail_after=3"))
    for shard in round_.shards.exclude(candidate__model="/models/echo?fail_after=3"):
        generate_shard(shard=shard)
    with pytest.raises(errors.WrongState, match="does not wait for that candidate"):
        leave_out(shard=broken[0])
    GenerationShard.objects.filter(pk=broken[0].pk).update(state="failed", failure="it broke")
    admin = make.make_user("admin")
    leave_out(shard=broken[0], by=admin)
    round_.refresh_from_db()
    assert (round_.is_open, round_.candidates.count(), round_.shards.count()) == (True, 2, 4)
    event = RunEvent.objects.get(kind="cut")
    assert event.by == admin
    name = broken[0].candidate.name
    assert (event.detail["left"], event.detail["failure"]) == ([name], "it broke")
    generate_shard(shard=broken[1])  # a job that was queued before finds nothing to do
    assert not broken[1].candidate.completions.exists()


def test_two_candidates_have_to_stay() -> None:
    round_ = begin_round(models=["/models/echo?fail_after=1", "echo"])
    shard = round_.shards.get(candidate__model="/models/echo?fail_after=1")
    with pytest.raises(errors.GenerationFailed):
        generate_shard(shard=shard)
    with pytest.raises(errors.WrongState, match="Two candidates have to stay"):
        leave_out(shard=shard)
    assert round_.candidates.count() == 2


def test_all_that_failed_is_tried_again_at_once() -> None:
    round_ = begin_round(
        models=["/models/echo?fail_after=1", "/models/echo?fail_after=1"], n_shards=2
    )
    for shard in round_.shards.all():
        with pytest.raises(errors.GenerationFailed):
            generate_shard(shard=shard)
    assert retry_failed(round_=round_, by=None) == 4
    assert set(round_.shards.values_list("state", flat=True)) == {"waiting"}
    assert retry_failed(round_=round_, by=None) == 0


@pytest.mark.parametrize(
    ("candidate", "failure"),
    [
        ({"sampling": {"temperature": -1}}, "sampling temperature is -1"),
        ({"tokenizer": {"fast": True}}, "tokenizer has an unknown key 'fast'"),
        ({"engine": "vllm"}, "/no/such/python cannot be run: No such file or directory"),
    ],
)
def test_settings_that_cannot_be_used_fail_with_their_name(
    candidate: dict[str, Any], failure: str, settings: Any
) -> None:
    settings.ENGINE_PYTHON["vllm"] = "/no/such/python"
    shard = begin_round(**candidate).shards.get()
    with pytest.raises(errors.GenerationFailed):
        generate_shard(shard=shard)
    assert shard.failure.startswith(failure)


def test_engine_that_ends_too_early_has_failed() -> None:
    shard = begin_round(models=["/models/echo?stop_after=2"], n_prompts=3).shards.get()
    with pytest.raises(errors.GenerationFailed):
        generate_shard(shard=shard)
    assert shard.failure == "the engine ended, and 1 completions are missing"


def test_pause_stops_the_engine_and_keeps_what_was_made() -> None:
    round_ = begin_round(models=["/models/echo?delay_s=0.2"], n_prompts=12, n_shards=1)
    shard, run = round_.shards.get(), round_.run

    def pause() -> bool:
        states.pause_run(run=run)
        return False

    generate_shard(shard=shard, should_stop=pause)
    n_made = Completion.objects.count()
    assert 0 < n_made < 12
    assert (shard.state, shard.n_stored) == ("stopped", n_made)
    requeue(round_=round_)
    generate_shard(shard=shard)  # a job that was queued before
    assert (shard.state, shard.attempt) == ("stopped", 1)

    ProcrastinateJob.objects.all().delete()
    states.resume_run(run=run)
    requeue(round_=round_)
    shard.refresh_from_db()
    assert (shard.state, jobs(round_)) == ("waiting", [shard.pk])
    generate_shard(shard=shard)
    round_.refresh_from_db()
    assert (Completion.objects.count(), round_.is_open) == (12, True)


@pytest.mark.django_db(transaction=True)
def test_run_that_goes_on_while_its_engine_stops_is_queued_at_once(home: Path) -> None:
    round_ = begin_round(models=["/models/echo?delay_s=0.1&slow_to_stop_s=1.5"], n_prompts=60)
    shard = round_.shards.get()
    ProcrastinateJob.objects.all().delete()
    log = home / "generation" / f"shard-{shard.pk}" / "job.log"

    def pause_and_resume() -> None:
        wait_until(lambda: Completion.objects.exists())
        states.pause_run(run=SelectionRun.objects.get())
        wait_until(lambda: "stopping" in log.read_text())
        states.resume_run(run=SelectionRun.objects.get())
        requeue(round_=Round.objects.get())

    at_once(lambda: generate_shard(shard=GenerationShard.objects.get()), pause_and_resume)
    shard.refresh_from_db()
    assert (shard.state, jobs(round_)) == ("waiting", [shard.pk])
    assert 0 < shard.n_stored == Completion.objects.count() < 60


def test_cancelled_run_makes_nothing_more() -> None:
    round_ = begin_round(models=["/models/echo?delay_s=0.2"], n_prompts=12)
    shard = round_.shards.get()

    def cancel() -> bool:
        if round_.run.cancelled_at is None:
            states.cancel_run(run=round_.run)
        return False

    generate_shard(shard=shard, should_stop=cancel)
    assert shard.state == "stopped"
    requeue(round_=round_)
    assert jobs(round_) == [shard.pk]  # the first one, which does nothing
    GenerationShard.objects.update(state="failed", failure="x")
    with pytest.raises(errors.WrongState, match="nothing more is made"):
        retry(shard=shard)


def test_what_is_tried_again_in_a_paused_run_is_not_taken_for_stranded() -> None:
    """It has no job until a worker takes the resumed run up, which may be a minute later."""
    round_ = begin_round(n_prompts=2)
    shard = round_.shards.get()
    generating.fail_shard(shard=shard, attempt=shard.attempt, failure="no more memory")
    ProcrastinateJob.objects.all().delete()
    states.pause_run(run=round_.run)
    retry(shard=shard)
    states.resume_run(run=round_.run)
    assert generating.fail_stranded() == 0
    requeue(round_=round_)
    assert jobs(round_) == [shard.pk]
    shard.refresh_from_db()
    assert shard.state == "waiting"


def test_shard_that_ends_while_the_run_is_paused_opens_the_round_after_it() -> None:
    """The engine is done before the tick in which it would be asked to stop."""
    round_ = begin_round(models=["/models/echo?delay_s=0.6"], n_prompts=2)

    def pause() -> bool:
        states.pause_run(run=round_.run)
        return False

    generate_shard(shard=round_.shards.get(), should_stop=pause)
    round_.refresh_from_db()
    assert (round_.shards.get().state, round_.has_opened) == ("done", False)
    states.resume_run(run=round_.run)
    requeue(round_=round_)
    round_.refresh_from_db()
    assert round_.is_open


@pytest.mark.django_db(transaction=True)
def test_round_whose_last_shards_end_together_opens_once() -> None:
    round_ = begin_round(n_prompts=8, n_shards=4)

    def make_one(pk: int) -> None:
        generate_shard(shard=GenerationShard.objects.get(pk=pk))

    at_once(*(partial(make_one, shard.pk) for shard in round_.shards.all()))
    round_.refresh_from_db()
    assert round_.is_open
    assert RunEvent.objects.filter(kind="round_opened").count() == 1
    assert Completion.objects.count() == 8


@pytest.mark.django_db(transaction=True)
def test_shard_that_two_workers_make_is_made_once() -> None:
    """As where a worker that was silent for a minute still runs: the later one has it."""
    round_ = begin_round(models=["/models/echo?delay_s=0.1"], n_prompts=30)

    def take_over() -> None:
        wait_until(lambda: Completion.objects.exists())
        settings.KURABE_HOME = settings.KURABE_HOME.with_name("another-machine")
        generate_shard(shard=GenerationShard.objects.get())

    at_once(lambda: generate_shard(shard=GenerationShard.objects.get()), take_over)
    round_.refresh_from_db()
    assert round_.is_open
    assert (round_.shards.get().state, round_.shards.get().attempt) == ("done", 2)
    assert Completion.objects.count() == 30


def test_worker_that_ends_leaves_the_rest_to_another() -> None:
    shard = begin_round(models=["/models/echo?delay_s=0.2"], n_prompts=12).shards.get()
    with pytest.raises(errors.GenerationInterrupted, match="its worker is about to end"):
        generate_shard(shard=shard, should_stop=lambda: True)
    assert shard.state == "waiting"
    assert 0 < shard.n_stored == Completion.objects.count() < 12


def test_speed_is_counted_from_the_first_batch() -> None:
    shard = begin_round(models=["/models/echo?delay_s=0.1"], n_prompts=25).shards.get()
    generate_shard(shard=shard)
    assert 0 < shard.n_made < 25
    assert shard.tokens_made == 7 * shard.n_made
    assert shard.started_at < shard.ready_at < shard.seen_at
    assert ":" in shard.worker


def test_jobs_of_an_older_version_are_cut_into_shards() -> None:
    round_ = begin_round(n_shards=2)
    round_.shards.all().delete()
    tasks.generate(round_id=round_.pk)
    assert round_.shards.count() == 2


def test_shard_whose_job_is_lost_has_failed() -> None:
    round_ = begin_round(n_shards=2)
    assert generating.fail_stranded() == 0
    lost = round_.shards.first()
    ProcrastinateJob.objects.filter(args={"shard_id": lost.pk}).delete()
    assert generating.fail_stranded() == 1
    lost.refresh_from_db()
    assert (lost.state, lost.failure[:24]) == ("failed", "its job ended without a ")
    states.pause_run(run=round_.run)
    ProcrastinateJob.objects.all().delete()
    assert generating.fail_stranded() == 0


def test_round_that_closed_is_left_alone() -> None:
    round_ = begin_round()
    Round.objects.filter(pk=round_.pk).update(opened_at=timezone.now(), closed_at=timezone.now())
    generate_shard(shard=round_.shards.get())
    assert not Completion.objects.exists()
    assert round_.shards.get().state == "stopped"
