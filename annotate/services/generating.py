"""Make the completions that a round lacks, shard by shard, and open it."""

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import BigIntegerField, Count, Exists, OuterRef
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.generation.jobs import GenerationJob, write_job, write_requests
from annotate.models import (
    Candidate,
    Completion,
    GenerationShard,
    Round,
    RunEvent,
    SelectionRun,
    User,
)
from annotate.services import errors, measuring, rounds
from annotate.services.changes import log_event
from annotate.services.model_paths import check_models
from annotate.services.processes import (
    STOPPED_STATUS,
    ProcessFailed,
    ProcessKilled,
    run_module,
)
from annotate.services.queue import defer_each
from annotate.services.shards import State, find_missing, make_requests, move_shard, plan_shards
from annotate.services.states import lock_run
from annotate.services.storing import ShardWork

TASK = "generate_shard"
UNFINISHED = (State.WAITING, State.STOPPED)


def ask_for_completions(*, round_: Round) -> None:
    """Plan and queue the making of all that the round lacks; it opens when everything is there.

    Asked again, what is planned stays, and what waits without a job gets one.
    """
    with transaction.atomic():
        lock_run(round_.run)
        plan_shards(round_=round_)
        requeue(round_=round_)


def requeue(*, round_: Round) -> None:
    """Let shards that wait or were stopped go on, as after a pause; with none left, open the round.

    While the run is paused or closed nothing changes.
    """
    with transaction.atomic():
        lock_run(round_.run)
        round_.refresh_from_db()
        if not _is_wanted(round_):
            return
        _queue(list(round_.shards.filter(state__in=UNFINISHED).exclude(_has_job("todo"))))
        _open_if_done(round_)


def retry(*, shard: GenerationShard, by: User | None = None) -> None:
    """Let a shard that failed be tried again; in a paused run, as soon as that goes on.

    Raises:
        WrongState: the shard has not failed, or nobody waits for it any more.
    """
    with transaction.atomic():
        round_ = shard.round
        lock_run(round_.run)
        shard.refresh_from_db()
        if shard.state != State.FAILED:
            message = _("This part of the generation is in state “%(state)s”: it has not failed.")
            raise errors.WrongState(message % {"state": shard.get_state_display()})
        if round_.closed_at is not None:
            raise errors.WrongState(_("The round has closed: nothing more is made for it."))
        log_event(run=round_.run, kind=RunEvent.Kind.RETRIED, by=by, **_name(shard))
        # What waits has a job; where there is none yet, what goes on with the run has stopped.
        move_shard(shard=shard, to=State.STOPPED)
        if round_.run.is_active:
            _queue([shard])


def retry_failed(*, round_: Round, by: User | None = None) -> int:
    """Let every shard of the round that failed be tried again; say how many there were.

    Raises:
        WrongState: nobody waits for them any more.
    """
    with transaction.atomic():
        lock_run(round_.run)
        failed = list(round_.shards.filter(state=State.FAILED))
        for shard in failed:
            shard.round = round_
            retry(shard=shard, by=by)
    return len(failed)


def leave_out(*, shard: GenerationShard, by: User | None = None) -> None:
    """Let the round go on without a candidate whose shard failed; what it made is kept.

    Raises:
        WrongState: the shard has not failed, the round waits for nothing any more, or fewer than
            two candidates would stay.
    """
    with transaction.atomic():
        round_, candidate = shard.round, shard.candidate
        lock_run(round_.run)
        shard.refresh_from_db()
        round_.refresh_from_db()
        if shard.state != State.FAILED or not _is_wanted(round_):
            raise errors.WrongState(_("This round does not wait for that candidate."))
        if round_.candidates.count() < 3:
            raise errors.WrongState(_("Two candidates have to stay: there is nothing to compare."))
        failure = shard.failure
        round_.candidates.remove(candidate)
        round_.shards.filter(candidate=candidate).delete()
        log_event(
            run=round_.run, kind=RunEvent.Kind.CUT, by=by,
            round=round_.number, left=[candidate.name], failure=failure,
        )  # fmt: skip
        _open_if_done(round_)


def count_completions(*, round_: Round) -> dict[int, tuple[int, int]]:
    """Count, for each candidate's id, the completions that are there and those that are wanted."""
    wanted = round_.prompts().count() * round_.run.samples_per_prompt
    made = dict(
        Completion.objects.filter(
            candidate__rounds=round_,
            prompt__in=round_.prompts(),
            sample__lt=round_.run.samples_per_prompt,
        )
        .values_list("candidate")
        .annotate(n=Count("id"))
    )
    return {
        candidate.pk: (made.get(candidate.pk, 0), wanted) for candidate in round_.candidates.all()
    }


def generate_shard(
    *, shard: GenerationShard, should_stop: Callable[[], bool] = lambda: False
) -> None:
    """Make what a shard lacks in a process of its own, store it as it comes, and open the round.

    A call that was killed leaves what it made; the next one, on whatever machine, makes the rest,
    and no completion twice. Where the run is paused or closed nothing is made.

    Args:
        should_stop: asked every second; when it says yes, the rest is left to another call.

    Raises:
        GenerationFailed: the engine ended with an error, which the shard says too.
        GenerationInterrupted: the engine was killed, or stopped because of `should_stop`.
    """
    if not _begin(shard):
        return
    attempt = shard.attempt
    try:
        work = _prepare(shard)
        status = _run_engine(work, should_stop) if work.missing else 0
        _conclude(work, status, should_stop)
    except (ProcessKilled, OSError) as error:
        move_shard(shard=shard, to=State.WAITING, of_attempt=attempt)
        raise errors.GenerationInterrupted(f"{shard}: {error}") from error
    except (ProcessFailed, ValueError, errors.ModelRefused) as error:
        fail_shard(shard=shard, attempt=attempt, failure=str(error))
        raise errors.GenerationFailed(f"{shard}: {error}") from error


def fail_shard(*, shard: GenerationShard, attempt: int, failure: str) -> None:
    """Say in the shard's row and in the run's log that it failed, and why."""
    failure = failure.removeprefix("error: ")
    with transaction.atomic():
        if move_shard(shard=shard, to=State.FAILED, of_attempt=attempt, failure=failure):
            kind = RunEvent.Kind.FAILED
            log_event(run=shard.round.run, kind=kind, **_name(shard), failure=shard.failure)


def fail_stranded() -> int:
    """Say of shards that are to be made, and have lost their job, that they failed; say how many.

    A job is lost where it ended by an error that nobody foresaw.
    """
    stranded = (
        GenerationShard.objects.filter(state__in=(State.WAITING, State.RUNNING))
        .filter(round__closed_at=None, round__run__paused_at=None)
        .exclude(round__run__state=SelectionRun.State.CLOSED)
        .exclude(_has_job("todo", "doing"))
    )
    n_failed = 0
    for shard in stranded:
        with transaction.atomic():
            lock_run(shard.round.run)
            if stranded.filter(pk=shard.pk, attempt=shard.attempt).exists():
                failure = "its job ended without a word; the worker's own log says why"
                fail_shard(shard=shard, attempt=shard.attempt, failure=failure)
                n_failed += 1
    return n_failed


def _begin(shard: GenerationShard) -> bool:
    """Take the shard for this process, from whoever had it; say whether there is work."""
    with transaction.atomic():
        lock_run(shard.round.run)
        if not GenerationShard.objects.filter(pk=shard.pk).exists():
            return False  # its candidate was left out
        shard.refresh_from_db()
        if shard.state in (State.DONE, State.FAILED):
            return False
        if not _is_wanted(shard.round):
            move_shard(shard=shard, to=State.STOPPED)
            return False
        now = timezone.now()
        return move_shard(
            shard=shard,
            to=State.RUNNING,
            attempt=shard.attempt + 1,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            n_made=0,
            tokens_made=0,
            log="",
            started_at=now,
            ready_at=None,
            seen_at=now,
        )


def _prepare(shard: GenerationShard) -> ShardWork:
    """Find what the shard lacks, and write the job that makes it."""
    folder = settings.KURABE_HOME / "generation" / f"shard-{shard.pk}"
    folder.mkdir(parents=True, exist_ok=True)
    job = _job(shard.candidate, folder)
    work = ShardWork(shard=shard, job=job, missing=find_missing(shard))
    work.store_left_behind()
    write_requests(make_requests(shard, work.missing), job.requests)
    write_job(job, folder / "job.json")
    return work


def _job(candidate: Candidate, folder: Path) -> GenerationJob:
    """Describe the work of one process.

    Raises:
        ValueError: the candidate's settings fail.
        ModelRefused: its model lies where none may be loaded from.
    """
    check_models(
        engine=candidate.engine, model=candidate.model, engine_options=candidate.engine_options
    )
    return GenerationJob.from_dict(
        {
            "engine": candidate.engine,
            "model": candidate.model,
            "revision": candidate.revision,
            "prompt_format": candidate.prompt_format,
            "sampling": {**candidate.sampling, "stop": candidate.stop},
            "tokenizer": candidate.tokenizer,
            "engine_options": candidate.engine_options,
            "requests": "requests.jsonl",
            "completions": "completions.jsonl",
        },
        folder=folder,
    )


def _run_engine(work: ShardWork, should_stop: Callable[[], bool]) -> int:
    """Run the job to its end, storing what it makes; return the exit status of its process."""
    try:
        return run_module(
            module="annotate.generation",
            config=work.folder / "job.json",
            on_tick=work.tick,
            may_go_on=lambda: work.is_wanted and not should_stop(),
            python=settings.ENGINE_PYTHON.get(work.shard.candidate.engine),
        )
    finally:
        work.store_rest()


def _conclude(work: ShardWork, status: int, should_stop: Callable[[], bool]) -> None:
    """Say how the attempt ended; raises ProcessKilled where another may do better."""
    if not work.missing:
        _finish(work)
    elif not work.is_wanted:
        _stop(work)
    elif should_stop():
        raise ProcessKilled("its worker is about to end")
    elif status == STOPPED_STATUS:
        raise ProcessKilled("the engine was stopped from outside")
    else:
        message = f"the engine ended, and {len(work.missing)} completions are missing"
        raise ProcessFailed(message)


def _finish(work: ShardWork) -> None:
    """Mark the shard as done; whoever marks a round's last one opens it."""
    shard, run = work.shard, work.shard.round.run
    with transaction.atomic():
        lock_run(run)
        if move_shard(shard=shard, to=State.DONE, of_attempt=work.attempt, **work.facts()):
            _open_if_done(shard.round)
        # Within: a worker killed after the last shard would leave completions unmeasured.
        measuring.request_measures(run=run)


def _stop(work: ShardWork) -> None:
    """Put the shard away until the run goes on; if it does already, queue it at once."""
    shard = work.shard
    with transaction.atomic():
        lock_run(shard.round.run)
        has_stopped = move_shard(
            shard=shard, to=State.STOPPED, of_attempt=work.attempt, **work.facts()
        )
        if has_stopped and _is_wanted(shard.round):
            _queue([shard])


def _open_if_done(round_: Round) -> None:
    """Open the round where none of its shards is left to do; the caller holds the run."""
    is_done = not round_.shards.exclude(state=State.DONE).exists()
    if is_done and _is_wanted(round_) and not round_.has_opened:
        rounds.open_round(round_=round_)


def _is_wanted(round_: Round) -> bool:
    """Tell whether anybody waits for the round's completions now."""
    return round_.closed_at is None and round_.run.is_active


def _queue(shards: Sequence[GenerationShard]) -> None:
    for shard in shards:
        if shard.state != State.WAITING:
            move_shard(shard=shard, to=State.WAITING)
    defer_each(TASK, queue="gpu", arguments=[{"shard_id": shard.pk} for shard in shards])


def _has_job(*statuses: str) -> Exists:
    """Say in SQL whether a shard has a job in one of these states."""
    jobs = ProcrastinateJob.objects.filter(task_name=f"annotate.tasks.{TASK}", status__in=statuses)
    of_shard = jobs.alias(shard=Cast(KT("args__shard_id"), BigIntegerField()))
    return Exists(of_shard.filter(shard=OuterRef("pk")))


def _name(shard: GenerationShard) -> dict[str, Any]:
    return {
        "round": shard.round.number,
        "candidate": shard.candidate.name,
        "shard": shard.number + 1,
        "of": shard.n_shards,
    }
