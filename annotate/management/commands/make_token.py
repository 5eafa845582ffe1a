"""`manage.py make_token`: a token for the API, shown once."""

from argparse import ArgumentParser
from typing import Any

from annotate.management.base import KurabeCommand, find_account, number_from
from annotate.models import ApiToken
from annotate.services.tokens import make_token


class Command(KurabeCommand):
    """Make a token."""

    help = (
        "Make a token with which a program uses the API (docs/api.md) in an account's name. It is"
        " printed once and kept as a digest alone. manage.py tokens lists and revokes them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("user", metavar="USER", help="the account, a researcher or an admin")
        parser.add_argument("--name", required=True, help="what it is for")
        parser.add_argument(
            "--scope", choices=ApiToken.Scope.values, default=ApiToken.Scope.READ.value,
            help="what it allows; each scope allows all that the one before it does (default read)",
        )  # fmt: skip
        parser.add_argument(
            "--days", type=number_from(1), default=90, help="after which it ends (default 90)"
        )

    def run(self, **options: Any) -> None:
        """Print the token."""
        _token, secret = make_token(
            user=find_account(options["user"]), name=options["name"], scope=options["scope"],
            days=options["days"],
        )  # fmt: skip
        self.stdout.write(secret)
