"""`manage.py serve`: the production server and a worker, until SIGTERM or Ctrl-C."""

import logging
import signal
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from annotate.management.base import KurabeCommand, number_from
from annotate.services.operating import list_unapplied
from annotate.services.serving import keep_running, programs_of_site


class Command(KurabeCommand):
    """Serve the site."""

    help = (
        "Run the web server and a worker in one command. A program that dies is started again; on"
        " SIGTERM or Ctrl-C both end in their own time, and with them the embedded PostgreSQL if"
        " there is one. How many processes and threads: WEB_WORKERS, WEB_THREADS, WORKER_QUEUES"
        " and WORKER_CONCURRENCY. Lines go to standard error, as JSON with LOG_FORMAT=json."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--host", default=settings.WEB_HOST, help="default WEB_HOST")
        parser.add_argument("--port", type=number_from(1), default=settings.WEB_PORT,
                            help="default WEB_PORT")  # fmt: skip
        parser.add_argument("--no-worker", action="store_true", help="a worker runs elsewhere")

    def run(self, **options: Any) -> None:
        """Serve until told to stop."""
        # This first use of the database also has an embedded one end with this process.
        if unapplied := list_unapplied():
            raise CommandError(
                f"migrations are not applied, from {unapplied[0]} on; back up,"
                " then run: manage.py migrate"
            )
        host, port = options["host"], options["port"]
        programs = programs_of_site(host=host, port=port, has_worker=not options["no_worker"])
        logging.getLogger("annotate").setLevel(logging.INFO)
        shown = f"[{host}]" if ":" in host else host
        self.stdout.write(f"Kurabe serves http://{shown}:{port}; Ctrl-C or SIGTERM stops it.")
        self.stdout.flush()
        keep_running(programs, stopping=_stopping_by_signal())
        self.stdout.write("Stopped.")


def _stopping_by_signal() -> threading.Event:
    """Give an event that SIGTERM and Ctrl-C set."""
    stopping = threading.Event()

    def heed(signum: int, frame: FrameType | None) -> None:
        stopping.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, heed)
    return stopping
