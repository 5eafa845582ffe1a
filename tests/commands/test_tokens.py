"""`make_token` and `tokens`: keys of the API, shown once, listed, taken back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotate.models import ApiToken
from annotate.services.tokens import find_token
from tests import factories as make
from tests.commands.conftest import Run

pytestmark = pytest.mark.django_db


def test_token_is_printed_once_and_opens_the_api(run: Run) -> None:
    make.make_user("admin", username="ada")
    secret = run("make_token", "ada", "--name", "night runs", "--scope", "admin", "--days", 7)
    token = find_token(secret.strip())
    assert token is not None
    assert (token.user.username, token.name, token.scope) == ("ada", "night runs", "admin")
    assert token.expires_at - timezone.now() == pytest.approx(
        timedelta(days=7), abs=timedelta(minutes=1)
    )


def test_scope_beyond_the_accounts_role_is_refused(refused: Run) -> None:
    make.make_user("researcher", username="rei")
    assert refused("make_token", "rei", "--name", "x", "--scope", "admin") == (
        "Account rei is a Researcher, and scope “admin” needs the role Admin."
    )
    make.make_user("volunteer", username="vic")
    assert "needs the role Researcher" in refused("make_token", "vic", "--name", "x")
    assert "Say what the token is for." in refused("make_token", "rei", "--name", " ")
    assert not ApiToken.objects.exists()


def test_tokens_are_listed_without_secrets_and_revoked_by_number(run: Run, refused: Run) -> None:
    make.make_user("admin", username="ada")
    secret = run("make_token", "ada", "--name", "nightly").strip()
    token = ApiToken.objects.get()
    listed = run("tokens")
    assert "nightly" in listed
    assert secret not in listed
    assert token.digest not in listed
    assert run("tokens", "--revoke", token.pk) == f"token {token.pk} (nightly) is revoked\n"
    assert find_token(secret) is None
    assert refused("tokens", "--revoke", token.pk + 1).startswith("there is no token")
