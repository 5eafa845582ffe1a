"""A researcher's own tokens: made, shown once, taken back; nobody else's."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from annotate.models import ApiToken
from annotate.services.tokens import find_token, make_token, revoke_token
from tests import factories as make
from tests.views.pages import browser_as, browser_of

pytestmark = pytest.mark.django_db
ADDRESS = "/me/tokens/"


def test_token_is_shown_once_and_opens_the_api() -> None:
    user = make.make_user("researcher")
    browser = browser_of(user)
    wish = {"name": "night runs <b>", "scope": "export", "days": "30"}
    answer = browser.post(ADDRESS, wish)
    page = answer.content.decode()
    (secret,) = re.findall(r'id="secret"[^>]*>(kurabe_[\w-]+)<', page)
    assert answer["Cache-Control"] == "no-store"
    token = find_token(secret)
    assert token is not None
    assert (token.user, token.name, token.scope) == (user, "night runs <b>", "export")
    assert token.expires_at - timezone.now() == pytest.approx(
        timedelta(days=30), abs=timedelta(minutes=1)
    )
    again = browser.get(ADDRESS).content.decode()
    assert secret not in again
    assert "night runs &lt;b&gt;" in again
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    assert program.get("/api/v1/runs").status_code == 200


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scope": "admin"}, "scope"),
        ({"scope": ""}, "scope"),
        ({"days": "99999"}, "days"),
    ],
)
def test_wish_that_cannot_be_is_refused_at_its_field(wish: dict[str, str], field: str) -> None:
    browser = browser_as("researcher")
    answer = browser.post(ADDRESS, {"name": "x", "scope": "read", "days": "90"} | wish)
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_scopes_are_those_of_the_role() -> None:
    offered = {
        role: re.findall(r'<option value="(\w+)"[^>]*>\w+:', page)
        for role in ("researcher", "admin")
        for page in [browser_as(role).get(ADDRESS).content.decode()]
    }
    assert offered == {
        "researcher": ["read", "export"],
        "admin": ["read", "export", "write", "admin"],
    }


def test_token_is_revoked_by_its_owner_alone() -> None:
    owner, other = make.make_user("researcher"), make.make_user("admin")
    token, secret = make_token(user=owner, name="mine")
    address = f"{ADDRESS}{token.pk}/revoke/"
    assert browser_of(other).post(address).status_code == 404
    assert "mine" not in browser_of(other).get(ADDRESS).content.decode()
    assert find_token(secret) is not None
    answer = browser_of(owner).post(address, follow=True)
    assert "is revoked" in answer.content.decode()
    assert find_token(secret) is None
    assert browser_of(owner).get(address).status_code == 405


def test_tokens_that_are_over_stand_apart() -> None:
    user = make.make_user("researcher")
    tokens = [make_token(user=user, name=name, days=30)[0] for name in ("now", "over", "back")]
    ApiToken.objects.filter(pk=tokens[1].pk).update(expires_at=timezone.now())
    revoke_token(token=tokens[2])
    page = browser_of(user).get(ADDRESS).content.decode()
    holding, past = page.split("Tokens that are over")
    assert ["now" in holding, "over</th>" in holding, "back</th>" in holding] == [
        True,
        False,
        False,
    ]
    assert re.findall(r'<li class="break">(\w+)', past) == ["back", "over"]


def test_page_with_nothing_on_it_says_so_and_is_for_researchers() -> None:
    assert "No token of yours holds" in browser_as("researcher").get(ADDRESS).content.decode()
    assert browser_as("volunteer").get(ADDRESS).status_code == 403
    assert Client().get(ADDRESS).status_code == 302
    assert "/me/tokens/" not in browser_as("volunteer").get("/").content.decode()
