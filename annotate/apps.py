"""The one Django app."""

from typing import Any

from django.apps import AppConfig
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


class AnnotateConfig(AppConfig):
    """Kurabe."""

    name = "annotate"
    verbose_name = "Kurabe"

    def ready(self) -> None:
        """Tell every connection to the database, from now on, how to plan."""
        connection_created.connect(plan_once, dispatch_uid="plan_once")


def plan_once(connection: BaseDatabaseWrapper, **_signal: Any) -> None:
    """Have a connection plan its prepared statements once, for whatever values (`joined.ask`).

    PostgreSQL would plan some anew each time, where values promise a little less to read.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan")
