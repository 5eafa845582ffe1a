"""Background work: each task takes ids and calls one service."""

from datetime import timedelta

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.job_context import JobContext

from annotate.models import Round, TrainingRun
from annotate.services import generating, training

# A worker that was killed sends no heartbeat; its jobs go back to the queue after this long.
STALLED_AFTER = timedelta(seconds=60)


@app.task(queue="gpu", name="annotate.tasks.train")
def train(*, training_run_id: int) -> None:
    """Train, enrol the checkpoint, and open the next round."""
    training.train(training_run=TrainingRun.objects.get(pk=training_run_id))


@app.task(queue="gpu", name="annotate.tasks.generate", retry=RetryStrategy(max_attempts=3, wait=5))
def generate(*, round_id: int) -> None:
    """Make what a round lacks, and open it."""
    generating.generate_round(round_=Round.objects.get(pk=round_id))


@app.periodic(cron="* * * * *")
@app.task(queue="default", queueing_lock="revive_stalled_jobs", pass_context=True)
async def revive_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Give the jobs of killed workers to living ones."""
    manager = app.job_manager
    for job in await manager.get_stalled_jobs(
        seconds_since_heartbeat=STALLED_AFTER.total_seconds()
    ):
        await manager.retry_job(job)
