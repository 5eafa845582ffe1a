"""`manage.py tokens`: list the API's tokens, and revoke one."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from annotate.management.base import KurabeCommand, number_from
from annotate.models import ApiToken
from annotate.services.tokens import revoke_token


class Command(KurabeCommand):
    """List or revoke tokens."""

    help = "List the tokens of the API, or revoke one by its number."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--revoke", type=number_from(1), metavar="NUMBER", help="the token")

    def run(self, **options: Any) -> None:
        """Revoke what was named, or list all."""
        if options["revoke"] is None:
            self.console.print(_table())
            return
        token = ApiToken.objects.filter(pk=options["revoke"]).first()
        if token is None:
            raise CommandError(
                f"there is no token {options['revoke']}; manage.py tokens lists them"
            )
        revoke_token(token=token)
        self.stdout.write(f"token {token.pk} ({token.name}) is revoked")


def _table() -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("number", "account", "for", "scope", "made", "ends", "last used", "revoked"):
        table.add_column(heading)
    for token in ApiToken.objects.select_related("user"):
        times = (token.created_at, token.expires_at, token.last_used_at, token.revoked_at)
        table.add_row(
            str(token.pk), Text(token.user.username), Text(token.name), token.scope,
            *map(_day, times),
        )  # fmt: skip
    return table


def _day(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M}" if time else "–"
