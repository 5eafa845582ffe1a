"""What is made on GPUs: completions, judges' readings, trainings."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet
from django.utils import timezone

from annotate.models import GenerationShard, JudgeSitting, TrainingRun

# Of a training that failed longer ago nobody needs to be told.
TRAININGS_SHOWN = timedelta(days=30)
_STATES = {"waiting": "waiting", "queued": "waiting", "running": "running", "failed": "failed"}


@dataclass(frozen=True)
class GpuWork:
    """How many pieces of one kind of work wait, run and have failed, in rounds that go on."""

    kind: str
    waiting: int
    running: int
    failed: int


@dataclass(frozen=True)
class FailedWork:
    """A piece of work that failed; whoever shows it knows the page on which it is tried again."""

    row: GenerationShard | JudgeSitting | TrainingRun
    failure: str
    at: datetime | None


def read_gpu_work() -> list[GpuWork]:
    """Count the work on GPUs by kind and state."""
    counted = {
        "generation": _shards().values_list("state").annotate(n=Count("pk")),
        "judging": _sittings().values_list("state").annotate(n=Count("pk")),
        "training": _trainings().values_list("state").annotate(n=Count("pk")),
    }
    work = []
    for kind, rows in counted.items():
        n = Counter[str]()
        for state, count in rows:
            n[_STATES.get(state, "ended")] += count
        work.append(GpuWork(kind, n["waiting"], n["running"], n["failed"]))
    return work


def list_failed_work(*, at_most: int) -> list[FailedWork]:
    """List what failed and waits for somebody, the newest first."""
    failed = [
        FailedWork(row, row.failure, row.finished_at) for row in _failed_rows(at_most=at_most)
    ]
    oldest = datetime.min.replace(tzinfo=timezone.get_current_timezone())
    return sorted(failed, key=lambda each: each.at or oldest, reverse=True)[:at_most]


def _failed_rows(*, at_most: int) -> Iterator[GenerationShard | JudgeSitting | TrainingRun]:
    shards = _shards().select_related("candidate", "round__run").defer("log")
    yield from shards.filter(state="failed").order_by("-pk")[:at_most]
    sittings = _sittings().select_related("judge", "round__run").defer("log")
    yield from sittings.filter(state="failed").order_by("-pk")[:at_most]
    yield from _trainings().filter(state="failed").order_by("-pk")[:at_most]


def _shards() -> QuerySet[GenerationShard]:
    return GenerationShard.objects.filter(round__closed_at=None, round__run__cancelled_at=None)


def _sittings() -> QuerySet[JudgeSitting]:
    return JudgeSitting.objects.filter(round__closed_at=None, round__run__cancelled_at=None)


def _trainings() -> QuerySet[TrainingRun]:
    since = timezone.now() - TRAININGS_SHOWN
    return TrainingRun.objects.exclude(state="failed", created_at__lt=since)
