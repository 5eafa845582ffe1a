"""What an operator asks of a site that runs: is it well, what waits, what failed, and why."""

from annotate.services.operating.database import (
    Database,
    DatabaseAway,
    list_unapplied,
    read_database,
)
from annotate.services.operating.doctor import Finding, Level, examine
from annotate.services.operating.exposition import write_exposition
from annotate.services.operating.failures import run_again, watch_jobs
from annotate.services.operating.gpu_work import (
    FailedWork,
    GpuWork,
    list_failed_work,
    read_gpu_work,
)
from annotate.services.operating.machine import Disk, read_disk, version_of_site
from annotate.services.operating.queues import (
    FailedJob,
    Lag,
    TaskJobs,
    Worker,
    count_jobs,
    forget_old_jobs,
    list_failed_jobs,
    read_lags,
    read_workers,
)
from annotate.services.operating.readiness import Readiness, check_readiness
from annotate.services.operating.standing import RankedRun, list_ranked_runs

__all__ = [
    "Database",
    "DatabaseAway",
    "Disk",
    "FailedJob",
    "FailedWork",
    "Finding",
    "GpuWork",
    "Lag",
    "Level",
    "RankedRun",
    "Readiness",
    "TaskJobs",
    "Worker",
    "check_readiness",
    "count_jobs",
    "examine",
    "forget_old_jobs",
    "list_failed_jobs",
    "list_failed_work",
    "list_ranked_runs",
    "list_unapplied",
    "read_database",
    "read_disk",
    "read_gpu_work",
    "read_lags",
    "read_workers",
    "run_again",
    "version_of_site",
    "watch_jobs",
    "write_exposition",
]
