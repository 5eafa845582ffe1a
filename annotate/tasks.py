"""Background work: each task takes ids and calls one service."""

from contextlib import suppress
from datetime import timedelta

from django.db import InterfaceError, OperationalError
from procrastinate.contrib.django import app
from procrastinate.exceptions import JobAborted, UniqueViolation
from procrastinate.job_context import JobContext
from procrastinate.jobs import Status

from annotate.models import Export, GenerationShard, JudgeSitting, Round, SelectionRun, TrainingRun
from annotate.services import (
    advancing,
    estimating,
    gating,
    generating,
    judging,
    measuring,
    operating,
    training,
    training_states,
)
from annotate.services.errors import (
    ExportInterrupted,
    GenerationInterrupted,
    LedgerBusy,
    NothingToDecide,
    TrainingInterrupted,
)
from annotate.services.exporting import work as exports
from annotate.services.queue import AnotherTry

# A worker that was killed sends no heartbeat; its jobs go back to the queue after this long.
STALLED_AFTER = timedelta(seconds=60)
# After which a look is tried again that gave way to an import.
LOOK_AGAIN_S = 10


@app.task(queue="gpu", name="annotate.tasks.train", retry=AnotherTry(), pass_context=True)
def train(context: JobContext, *, training_run_id: int) -> None:
    """Train, enrol the checkpoint, and open the next round."""
    training_run = TrainingRun.objects.get(pk=training_run_id)
    try:
        training.train(training_run=training_run, should_stop=context.should_abort)
    except TrainingInterrupted as error:
        if context.should_abort():
            raise JobAborted from error
        if AnotherTry().is_last(context.job):
            training.fail_training(
                training_run=training_run, attempt=training_run.attempt, failure=str(error)
            )
        raise


@app.task(queue="gpu", name="annotate.tasks.generate")
def generate(*, round_id: int) -> None:
    """Cut a round's generation into shards: for jobs that were queued before there were any."""
    generating.ask_for_completions(round_=Round.objects.get(pk=round_id))


@app.task(queue="gpu", name="annotate.tasks.generate_shard", retry=AnotherTry(), pass_context=True)
def generate_shard(context: JobContext, *, shard_id: int) -> None:
    """Make a part of what a round lacks; the last one opens the round."""
    shard = GenerationShard.objects.filter(pk=shard_id).first()
    if shard is None:  # its candidate was left out of the round
        return
    try:
        generating.generate_shard(shard=shard, should_stop=context.should_abort)
    except GenerationInterrupted as error:
        if context.should_abort():
            raise JobAborted from error
        if AnotherTry().is_last(context.job):
            generating.fail_shard(shard=shard, attempt=shard.attempt, failure=str(error))
        raise


@app.task(queue="gpu", name="annotate.tasks.judge_round", retry=AnotherTry(), pass_context=True)
def judge_round(context: JobContext, *, sitting_id: int) -> None:
    """Have an LLM judge read what it lacks in a round, and cast its votes."""
    sitting = JudgeSitting.objects.get(pk=sitting_id)
    try:
        judging.judge_sitting(sitting=sitting, should_stop=context.should_abort)
    except GenerationInterrupted as error:
        if context.should_abort():
            raise JobAborted from error
        if AnotherTry().is_last(context.job):
            judging.fail_sitting(sitting=sitting, failure=str(error))
        raise


@app.task(queue="default", name="annotate.tasks.run_export", retry=AnotherTry(), pass_context=True)
def run_export(context: JobContext, *, export_id: int) -> None:
    """Make the dataset that somebody asked for."""
    export = Export.objects.get(pk=export_id)
    try:
        exports.run_export(export, should_stop=context.should_abort)
    except (ExportInterrupted, OperationalError, InterfaceError) as error:
        if context.should_abort():
            raise JobAborted from error
        if AnotherTry().is_last(context.job):
            exports.fail_export(export, str(error))
        raise


@app.periodic(cron="* * * * *")
@app.task(queue="default", queueing_lock="fail_stranded_shards")
def fail_stranded_shards(*, timestamp: int) -> None:
    """Let nobody wait for shards whose job is lost."""
    generating.fail_stranded()


@app.periodic(cron="* * * * *")
@app.task(queue="default", queueing_lock="fail_lost_trainings")
def fail_lost_trainings(*, timestamp: int) -> None:
    """Let nobody wait for trainings whose worker is gone for good."""
    training_states.fail_lost()


@app.task(queue="default", name="annotate.tasks.settle_gates")
def settle_gates(*, round_id: int) -> None:
    """Say of the children that a closed round was to try whether they won over their parents."""
    round_ = Round.objects.get(pk=round_id)
    try:
        gating.settle_gates(round_=round_)
    except LedgerBusy:
        gating.request_settling(round_=round_, in_s=LOOK_AGAIN_S)


@app.task(queue="default", name="annotate.tasks.refresh_estimate")
def refresh_estimate(*, round_id: int) -> None:
    """Look at a round's votes, for the pairs that come next and for its page."""
    round_ = Round.objects.get(pk=round_id)
    try:
        estimating.refresh_estimate(round_=round_)
    except LedgerBusy:
        estimating.request_refresh(round_=round_, in_s=LOOK_AGAIN_S)


@app.task(queue="default", name="annotate.tasks.advance_run")
def advance_run(*, run_id: int) -> None:
    """End a run's round where it is time, and go on with the next or the decision."""
    run = SelectionRun.objects.get(pk=run_id)
    with suppress(LedgerBusy, NothingToDecide):  # asked for again every minute
        advancing.advance_run(run=run)


@app.task(queue="default", name="annotate.tasks.take_up_run")
def take_up_run(*, run_id: int) -> None:
    """Let engines and judges go on after a pause."""
    advancing.take_up(run=SelectionRun.objects.get(pk=run_id))


@app.task(queue="default", name="annotate.tasks.measure_missing")
def measure_missing(*, run_id: int) -> None:
    """Count what can be counted in a run's new completions."""
    measuring.measure_missing(run=SelectionRun.objects.get(pk=run_id))


@app.periodic(cron="* * * * *")
@app.task(queue="default", queueing_lock="refresh_estimates")
def refresh_estimates(*, timestamp: int) -> None:
    """Ask for a look at each round with votes since the last one, be they fewer than ten."""
    for round_ in estimating.list_outdated():
        estimating.request_refresh(round_=round_)


@app.periodic(cron="* * * * *")
@app.task(queue="default", queueing_lock="advance_runs")
def advance_runs(*, timestamp: int) -> None:
    """Carry on every launched run whose round has ended, such as one whose budget is spent."""
    for run in advancing.list_ready():
        advancing.request_advance(run=run)


@app.periodic(cron="17 3 * * *")
@app.task(queue="default", queueing_lock="forget_old_jobs")
def forget_old_jobs(*, timestamp: int) -> None:
    """Remove jobs that were over long ago."""
    operating.forget_old_jobs()


@app.periodic(cron="* * * * *")
@app.task(queue="default", queueing_lock="revive_stalled_jobs", pass_context=True)
async def revive_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Give the jobs of killed workers to living ones."""
    manager = app.job_manager
    for job in await manager.get_stalled_jobs(
        seconds_since_heartbeat=STALLED_AFTER.total_seconds()
    ):
        try:
            await manager.retry_job(job)
        except UniqueViolation:
            # Another of its kind waits already, for ever if this one kept its lock.
            await manager.finish_job(job, status=Status.FAILED, delete_job=False)
