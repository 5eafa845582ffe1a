"""Who may use the API, and what strangers learn of it: nothing."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from annotate.api.site import api
from annotate.models import ApiToken, SelectionRun, User
from annotate.services.tokens import digest, make_token
from tests import factories as make
from tests.api.conftest import Program
from tests.views.pages import browser_as, browser_of

pytestmark = pytest.mark.django_db
DESCRIPTION = "/api/v1/openapi.json"


def operations() -> list[tuple[str, str]]:
    """List every operation of the API: method and address, of a run or set `r` and a part 1."""
    described = api.get_openapi_schema()["paths"]
    filled = {"{slug}": "r", "{pk}": "1", "{form}": "dpo", "{ending}": "jsonl",
              "{token}": str(uuid.UUID(int=4))}  # fmt: skip
    return [
        (method, re.sub(r"{\w+}", lambda found: filled[found[0]], path))
        for path, methods in described.items()
        for method in methods
    ]


def ask(client: Client, method: str, address: str) -> Any:
    return getattr(client, method)(address, content_type="application/json")


def test_every_address_of_the_api_is_in_its_description() -> None:
    """So that the tests below, which read it, leave none out."""
    found = {
        "/api/v1/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        for pattern in next(
            each for each in get_resolver().url_patterns if str(each.pattern) == "api/v1/"
        ).url_patterns
    }
    described = set(api.get_openapi_schema()["paths"])
    assert found - described == {DESCRIPTION, "/api/v1/", "/api/v1/{address}"}
    assert len(operations()) >= 14


@pytest.mark.parametrize("role", ["", "volunteer", "researcher", "admin"])
def test_no_cookie_of_a_signed_in_browser_opens_the_api(role: str) -> None:
    """So no page of another site can have an admin's browser do anything."""
    make.make_run(slug="r")
    client = browser_as(role) if role else Client()
    for method, address in operations():
        answer = ask(client, method, address)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer"), address
        assert answer["Content-Type"] == "application/problem+json"
    assert SelectionRun.objects.get().state == "draft"


def test_address_that_is_not_there_is_refused_as_every_other() -> None:
    assert Client().get("/api/v1/no/such").status_code == 401
    answer = Program("researcher", "read").get("/api/v1/no/such")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("change", "is_let_in"),
    [
        ({}, True),
        ({"revoked_at": timezone.now()}, False),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, False),
        ({"expires_at": timezone.now() + timedelta(hours=1)}, True),
        ({"digest": digest("another")}, False),
    ],
)
def test_token_lets_in_while_it_holds(change: dict[str, Any], is_let_in: bool) -> None:
    program = Program("researcher", "read")
    ApiToken.objects.filter(pk=program.token.pk).update(**change)
    assert program.get("/api/v1/runs").status_code == (200 if is_let_in else 401)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer kurabe_x", "\0"])
def test_header_that_is_no_token_is_refused(header: str) -> None:
    client = Client(headers={"Authorization": header})
    assert client.get("/api/v1/runs").status_code == 401


def test_account_that_was_switched_off_has_no_way_in() -> None:
    program = Program("admin", "admin")
    User.objects.filter(pk=program.user.pk).update(is_active=False)
    assert program.get("/api/v1/runs").status_code == 401


def test_refusal_says_which_scope_and_role_are_needed() -> None:
    """Which operation needs which is in docs/permissions.md, and asked in tests/permissions."""
    make.make_run(slug="r")
    answer = Program("admin", "read").post("/api/v1/runs/r/pause")
    assert answer.status_code == 403
    needed = "needs a token of scope “admin”, of an account with role Admin"
    assert needed.lower() in answer.json()["detail"].lower()


def test_admins_token_does_what_its_accounts_role_allows_today() -> None:
    program = Program("admin", "admin")
    make.make_run(slug="r", state="voting")
    User.objects.filter(pk=program.user.pk).update(
        role="researcher", is_staff=False, is_superuser=False
    )
    assert program.post("/api/v1/runs/r/pause").status_code == 403
    assert program.get("/api/v1/runs/r").status_code == 200
    User.objects.filter(pk=program.user.pk).update(role="volunteer")
    assert program.get("/api/v1/runs/r").status_code == 403


def test_use_is_noted_once_a_minute() -> None:
    program = Program("researcher", "read")
    program.get("/api/v1/runs")
    first = ApiToken.objects.get().last_used_at
    program.get("/api/v1/runs")
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    program.get("/api/v1/runs")
    assert ApiToken.objects.get().last_used_at > first


def test_only_the_digest_of_a_token_is_stored() -> None:
    token, secret = make_token(user=make.make_user("researcher"), name="x")
    stored = str(ApiToken.objects.filter(pk=token.pk).values().get())
    assert secret not in stored
    assert token.digest == digest(secret)


def test_description_is_for_whoever_may_use_the_api() -> None:
    """It holds words that would tell a volunteer what is compared."""
    asked = [Client(), browser_as("volunteer"), browser_as("researcher"), Program("admin", "read")]
    assert [each.get(DESCRIPTION).status_code for each in asked] == [401, 401, 200, 200]
    User.objects.filter(pk=asked[-1].user.pk).update(
        role="volunteer", is_staff=False, is_superuser=False
    )
    assert asked[-1].get(DESCRIPTION).status_code == 403


def test_description_is_openapi_and_names_the_plans_fields() -> None:
    answer = Program("researcher", "read").get(DESCRIPTION)
    told = answer.json()
    assert (answer.status_code, told["openapi"]) == (200, "3.1.0")
    body = told["paths"]["/api/v1/runs"]["post"]["requestBody"]
    assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Plan"}
    assert set(told["components"]["schemas"]["Plan"]["required"]) == {"slug", "prompts", "models"}
    named = set(re.findall(r"#/components/schemas/(\w+)", answer.content.decode()))
    assert named <= set(told["components"]["schemas"])


def test_site_has_no_page_that_loads_documentation_from_elsewhere() -> None:
    assert browser_of(make.make_user("admin")).get("/api/v1/docs").status_code in (401, 404)


def test_answers_are_kept_by_nobody_but_who_asked() -> None:
    """And by them only to be asked for again; what is not tagged is not kept at all."""
    program = Program("researcher", "read")
    assert program.get("/api/v1/runs")["Cache-Control"] == "private, no-cache"
    for answer in (program.get("/api/v1/runs/none"), program.post("/api/v1/forecast")):
        assert answer["Cache-Control"] == "no-store"
