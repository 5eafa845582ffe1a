"""`manage.py clean_demo`: remove what the demo made."""

import shutil
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import connection

from annotate.management.base import KurabeCommand
from annotate.models import SelectionRun
from annotate.postgres import server
from annotate.services import demo


class Command(KurabeCommand):
    """Remove the demo."""

    help = (
        "Remove the demo: the whole of KURABE_HOME with its embedded database. Refused where"
        " other runs lie there too, unless --force is given."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--force", action="store_true", help="remove the other runs as well")

    def run(self, **options: Any) -> None:
        """Look what is there, stop the database, and remove the folder."""
        home = settings.KURABE_HOME
        if connection.settings_dict["ENGINE"] != "annotate.postgres":
            raise CommandError("DATABASE_URL names a database of your own; remove the demo there")
        if (home / "postgres").exists():
            self._refuse_if_used(force=options["force"])
            connection.close()
            server.stop(home / "postgres")
        shutil.rmtree(home, ignore_errors=True)
        self.stdout.write(f"removed {home}")

    def _refuse_if_used(self, *, force: bool) -> None:
        """Refuse while somebody is connected, and where more than the demo would go."""
        if "annotate_selectionrun" not in connection.introspection.table_names():
            return
        others = SelectionRun.objects.exclude(slug=demo.SLUG).values_list("slug", flat=True)
        if others and not force:
            raise CommandError(
                f"{settings.KURABE_HOME} holds other runs too: {', '.join(others)};"
                " remove them with: manage.py clean_demo --force"
            )
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            if cursor.fetchone()[0]:
                raise CommandError("the site or a worker is running; stop it first (Ctrl-C)")
