"""Whether this server can do its work now, for whoever sends it requests."""

import logging
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from annotate.services.operating.database import DatabaseAway, list_unapplied
from annotate.services.operating.queues import read_lags

WELL = "ok"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Readiness:
    """What was looked at, each with "ok" or what is wrong; it names nobody and nothing."""

    checks: dict[str, str]

    @property
    def is_ready(self) -> bool:
        """Tell whether all is well."""
        return all(said == WELL for said in self.checks.values())


def check_readiness() -> Readiness:
    """Look at the database, its migrations, and how long jobs of the queue `default` wait."""
    checks = {"database": WELL, "migrations": WELL, "queue": WELL}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery()")
            if cursor.fetchone()[0]:
                checks["database"] = "it takes no writes: it is a replica, or is being recovered"
        if unapplied := list_unapplied():
            checks["migrations"] = f"{len(unapplied)} not applied: run manage.py migrate"
            checks["queue"] = "not looked at"
        else:
            checks["queue"] = _check_queue()
    except DatabaseAway as error:
        logger.error("the database cannot be used: %s", error)
        checks = {
            "database": "it cannot be reached",
            "migrations": "not looked at",
            "queue": "not looked at",
        }
    return Readiness(checks)


def _check_queue() -> str:
    lag_s = next(lag.seconds for lag in read_lags() if lag.queue == "default")
    limit_s = settings.READY_MAX_QUEUE_LAG_S
    if limit_s and lag_s > limit_s:
        return (
            f"a job has waited for {lag_s:.0f} s, more than {limit_s} s:"
            " is there a worker for the queue default?"
        )
    return WELL
