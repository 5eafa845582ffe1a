"""Why a job failed, kept beside it; and failed jobs tried again.

The queue itself keeps no error. What a job said last is in the database's cache for a month: who
reads it there needs no log of a machine that may be gone.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate import App
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.job_context import JobContext

from annotate.logs import JOB_ID, without_secrets
from annotate.services.errors import WrongState

KEPT_S = 30 * 24 * 3600
MAX_CHARS = 500


def watch_jobs(app: App) -> None:
    """Have every worker keep why its jobs fail, and write their numbers into its log's lines."""
    # Innermost: what closes connections stays around it.
    around = app.worker_defaults.get("task_middleware") or []
    app.worker_defaults["task_middleware"] = [*around, _keep_failure]


def failure_of(job: int) -> str:
    """Give what a failed job said, or an empty text where nothing is kept."""
    return str(cache.get(_key(job), ""))


def run_again(*, job: int) -> None:
    """Put a failed job back into its queue.

    Raises:
        WrongState: it has not failed, or another of its kind waits already.
    """
    if not ProcrastinateJob.objects.filter(pk=job, status="failed").exists():
        raise WrongState(_("This job has not failed, or somebody has already run it again."))
    try:
        with transaction.atomic():
            app.job_manager.retry_job_by_id(job, retry_at=timezone.now())
    except UniqueViolation as error:
        raise WrongState(
            _("Another job of the same kind waits already; it does the same.")
        ) from error
    except ConnectorException as error:  # it was taken between our look and our wish
        raise WrongState(
            _("This job has not failed, or somebody has already run it again.")
        ) from error


def _keep_failure(call_next: Callable[[], Any], context: JobContext, _worker: object) -> Any:
    mark = JOB_ID.set(str(context.job.id))
    try:
        return call_next()
    except Exception as error:
        # The database may be what failed; the log has the error in any case.
        with suppress(DatabaseError, InterfaceError):
            cache.set(_key(context.job.id), say_failure(error), KEPT_S)
        raise
    finally:
        JOB_ID.reset(mark)


def say_failure(error: BaseException) -> str:
    """Say an error in one line that gives no secret away."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    return without_secrets(f"{name}: {text}" if text else name)[:MAX_CHARS]


def _key(job: int | None) -> str:
    return f"job-failure:{job}"
