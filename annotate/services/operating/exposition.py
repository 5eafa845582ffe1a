"""The site's figures in the text format of Prometheus (version 0.0.4).

Written here and not by prometheus_client: all but the requests' figures are read from the
database when they are asked for, so nothing is left for its registries to keep, and its mode for
several processes holds a file for each kind of figure and process. No name and no number of a run,
candidate or person is in it.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from django.utils import timezone

from annotate.services.operating.database import (
    Database,
    DatabaseAway,
    list_unapplied,
    read_database,
)
from annotate.services.operating.gpu_work import read_gpu_work
from annotate.services.operating.machine import read_disk, version_of_site
from annotate.services.operating.queues import count_jobs, read_lags, read_workers
from annotate.services.operating.standing import list_ranked_runs
from annotate.services.request_counts import BUCKETS_S, RequestCount, read_request_counts

Labels = Mapping[str, str | int]
Sample = tuple[Labels, float]


def write_exposition() -> str:
    """Write all figures; where the database is away, those that need none."""
    lines = [
        *_figure(
            "build_info", "gauge", "The version that runs.", [({"version": version_of_site()}, 1)]
        ),
        *_requests(read_request_counts()),
        *_disk(),
    ]
    try:
        lines += _of_database()
        is_up = 1
    except DatabaseAway:
        is_up = 0
    lines += _figure("database_up", "gauge", "Whether the database answers.", [({}, is_up)])
    return "\n".join(lines) + "\n"


def _of_database() -> list[str]:
    database = read_database()
    lines = [*_database(database)]
    unapplied = list_unapplied()
    lines += _figure(
        "migrations_unapplied", "gauge", "Migrations that wait.", [({}, len(unapplied))]
    )
    if not unapplied:  # the tables below may not be there
        lines += [*_queues(), *_gpu_work(), *_rankings()]
    return lines


def _database(database: Database) -> Iterator[str]:
    yield from _figure(
        "votes_total", "counter", "Votes written to the ledger since the database's statistics"
        " began, by people, judges and imports.", [({}, database.n_votes_written)],
    )  # fmt: skip
    yield from _figure("database_bytes", "gauge", "Its size.", [({}, database.n_bytes)])
    yield from _figure(
        "database_connections", "gauge", "Clients connected.", [({}, database.n_connections)]
    )
    yield from _figure(
        "database_max_connections", "gauge", "Connections allowed.",
        [({}, database.max_connections)],
    )  # fmt: skip


def _queues() -> Iterator[str]:
    tasks = count_jobs()
    yield from _figure(
        "jobs", "gauge", "Jobs in the queue by task and state.",
        [({"queue": each.queue, "task": each.task, "state": state}, n) for each in tasks
         for state, n in (("waiting", each.waiting), ("running", each.running),
                          ("failed", each.failed))],
    )  # fmt: skip
    yield from _figure(
        "queue_lag_seconds", "gauge", "How long the oldest job that is due has waited.",
        [({"queue": lag.queue}, lag.seconds) for lag in read_lags()],
    )  # fmt: skip
    n_alive = sum(worker.is_alive for worker in read_workers())
    yield from _figure("workers", "gauge", "Workers heard within 45 s.", [({}, n_alive)])


def _gpu_work() -> Iterator[str]:
    yield from _figure(
        "gpu_jobs", "gauge", "Generation, judging and training, in rounds that go on.",
        [({"kind": each.kind, "state": state}, n) for each in read_gpu_work()
         for state, n in (("waiting", each.waiting), ("running", each.running),
                          ("failed", each.failed))],
    )  # fmt: skip


def _rankings() -> Iterator[str]:
    runs, now = list_ranked_runs(), timezone.now()
    yield from _figure("runs_voting", "gauge", "Runs that take votes.", [({}, len(runs))])
    for name, words, times in (
        ("ranking", "Since the run was ranked that was longest ago.", [r.ranked_at for r in runs]),
        ("estimate", "Since the votes were looked at of the run that was longest ago.",
         [r.looked_at for r in runs]),
    ):  # fmt: skip
        ages = [_age_s(now, at) for at in times if at is not None]
        samples: list[Sample] = [({}, max(ages))] if ages else []
        yield from _figure(f"oldest_{name}_age_seconds", "gauge", words, samples)


def _disk() -> Iterator[str]:
    disk = read_disk()
    yield from _figure("disk_free_bytes", "gauge", "Under KURABE_HOME.", [({}, disk.free_bytes)])
    yield from _figure("disk_bytes", "gauge", "Under KURABE_HOME.", [({}, disk.total_bytes)])


def _requests(counts: Iterable[RequestCount]) -> Iterator[str]:
    """Write the requests as a histogram, whose `_count` is their number."""
    name = "kurabe_http_request_duration_seconds"
    yield f"# HELP {name} Time to answer, by view, method and status."
    yield f"# TYPE {name} histogram"
    for each in counts:
        labels: Labels = {"view": each.view, "method": each.method, "status": each.status}
        so_far = 0
        for end, n in zip((*map(str, BUCKETS_S), "+Inf"), each.counts, strict=True):
            so_far += n
            yield _sample(f"{name}_bucket", {**labels, "le": end}, so_far)
        yield _sample(f"{name}_sum", labels, each.seconds)
        yield _sample(f"{name}_count", labels, so_far)


def _figure(name: str, kind: str, words: str, samples: Iterable[Sample]) -> Iterator[str]:
    name = f"kurabe_{name}"
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} {kind}"
    yield from (_sample(name, labels, value) for labels, value in samples)


def _sample(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{key}="{_escape(str(word))}"' for key, word in labels.items())
    return f"{name}{{{inside}}} {value!r}" if inside else f"{name} {value!r}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _age_s(now: datetime, at: datetime) -> float:
    return max(0.0, (now - at).total_seconds())
