"""`manage.py worker`: work off queues, here or on another machine, until SIGTERM or Ctrl-C."""

import logging
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from annotate.management.base import KurabeCommand, number_from
from annotate.services import working
from annotate.services.operating import list_unapplied

QUEUES = ("default", "gpu")


class Command(KurabeCommand):
    """Work off queues."""

    help = (
        "Run the site's background work: `default` measures, ranks, exports and gives the jobs of"
        " killed workers to living ones; `gpu` generates, judges and trains. Any number of workers"
        " on any machines share one database. On SIGTERM a job has five seconds to end; then its"
        " engine is stopped, what it made is stored, and the job goes back into the queue."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--queues", default=",".join(settings.WORKER_QUEUES),
                            help="between commas; default WORKER_QUEUES")  # fmt: skip
        parser.add_argument("--concurrency", type=number_from(1),
                            default=settings.WORKER_CONCURRENCY,
                            help="jobs at once; default WORKER_CONCURRENCY")  # fmt: skip
        parser.add_argument("--one-shot", action="store_true",
                            help="end when nothing waits, as under Slurm")  # fmt: skip

    def run(self, **options: Any) -> None:
        """Work until told to stop."""
        queues = [word.strip() for word in options["queues"].split(",") if word.strip()]
        if not queues or set(queues) - set(QUEUES):
            raise CommandError(f"--queues takes {' and '.join(QUEUES)}, not {options['queues']!r}")
        if not options["one_shot"]:
            working.wait_for_database()
        if unapplied := list_unapplied():
            raise CommandError(
                f"migrations are not applied, from {unapplied[0]} on; run manage.py migrate first"
            )
        if settings.LOG_LEVEL == "WARNING":
            for name in ("annotate", "procrastinate"):
                logging.getLogger(name).setLevel(logging.INFO)
        work = working.work_off if options["one_shot"] else working.work_until_stopped
        work(queues=queues, concurrency=options["concurrency"])
