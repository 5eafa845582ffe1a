"""docs/permissions.md, cell by cell: who is let in by which address, and what they are told."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse, HttpResponseBase
from django.test import Client, override_settings
from django.test.client import ClientHandler
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.models import User
from tests.permissions.headers import list_faults
from tests.permissions.made import (
    DOMAIN,
    NAMES,
    PLANTED,
    SECRETS,
    VARIABLES,
    Site,
    make_site,
)
from tests.permissions.table import (
    API,
    DEEDS,
    ROLES,
    SCOPES,
    Line,
    list_addresses,
    list_operations,
    list_tables,
    read_api,
    read_site,
    read_tables,
    tell,
    write_row,
)
from tests.views.pages import browser_of

pytestmark = pytest.mark.django_db  # so that there is a database
SITE, TABLES = read_site(), read_tables()
NO_SUCH_METHOD = 405
HANDLER = ClientHandler(enforce_csrf_checks=False)


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Make one of everything, once; what a request changes is undone after it."""
    plain = SECRETS | {
        "KURABE_HOME": tmp_path_factory.mktemp("home"),
        "API_REQUESTS_PER_MINUTE": 1_000_000,
        "API_FAILURES_PER_MINUTE": 1_000_000,
        "ACCOUNT_RATE_LIMITS": {},
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
    }
    with (
        pytest.MonkeyPatch.context() as patch,
        django_db_blocker.unblock(),
        override_settings(**plain),
        transaction.atomic(),
    ):
        for name, value in VARIABLES.items():
            patch.setenv(name, value)
        cache.clear()
        yield make_site()
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def sessions(site: Site) -> dict[str, str]:
    """Sign an account of each role in, and give its session's key."""
    return {role: browser_of(user).cookies["sessionid"].value for role, user in site.users.items()}


def send(
    client: Client, method: str, address: str, *, role: str = "", **options: Any
) -> HttpResponseBase:
    """Send a request without a word in it, and undo what it did; `role` is the account's."""
    client.raise_request_exception = False
    client.handler = HANDLER  # its middleware is loaded once
    with transaction.atomic():
        answer = client.generic(method, address, **options)
        # A stream to its end, at which Django's client lets go of it.
        body = b"".join(answer) if answer.streaming else answer.content
        transaction.set_rollback(True)
    assert list_faults(answer, address) == [], f"{method} {address}"
    assert list_leaks(answer, body, address, role=role) == [], f"{method} {address}"
    return answer


def list_leaks(answer: HttpResponseBase, body: bytes, address: str, *, role: str = "") -> list[str]:
    """List the secrets in an answer, others' addresses, and names of people in what goes out."""
    kept = list(PLANTED)
    if not address.startswith("/admin/"):  # where admins look after accounts
        kept.append(DOMAIN)
    if address.startswith(API) or "attachment" in answer.get("Content-Disposition", ""):
        kept += NAMES
    heard = str(dict(answer.items())).encode() + answer.cookies.output().encode() + body
    own = f"{role}@{DOMAIN}"  # which stands at the top of each page
    return [word for word in kept if word.encode() in heard.replace(own.encode(), b"")]


def ask_as(sessions: dict[str, str], role: str, method: str, address: str) -> HttpResponseBase:
    """Ask as somebody of a role, in a browser that has done nothing before."""
    client = Client()
    if role in sessions:
        client.cookies["sessionid"] = sessions[role]
    form = "application/x-www-form-urlencoded"
    return send(client, method, address, role=role, content_type=form)


def ask_with(site: Site, scope: str, method: str, address: str) -> HttpResponseBase:
    """Ask the API with a token of a scope, or without one."""
    held = {"Authorization": f"Bearer {site.secrets[scope]}"} if scope in site.secrets else {}
    address = API + site.fill(address)
    return send(Client(headers=held), method, address, content_type="application/json")


@pytest.mark.parametrize("line", SITE, ids=str)
def test_address_answers_each_role_as_the_table_says(
    line: Line, site: Site, sessions: dict[str, str]
) -> None:
    address = site.fill(line.address)
    cells = tuple(tell(ask_as(sessions, role, line.method, address), line.method) for role in ROLES)
    assert cells == line.cells


def test_every_address_has_a_line_for_each_of_its_methods(
    site: Site, sessions: dict[str, str]
) -> None:
    """And every line an address; other methods than GET and POST are refused."""
    lines = {(line.name, line.address, line.method) for line in SITE}
    assert len(lines) == len(SITE), "a line stands twice"
    there, lacking = set(), []
    for each in list_addresses():
        address = site.fill(each.route)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            is_known = (each.name, each.route, method) in lines
            if is_known:
                there.add((each.name, each.route, method))
                continue
            if each.name.startswith("admin:") and method not in ("GET", "POST"):
                continue  # Django's own pages answer these as one of the two
            if ask_as(sessions, "admin", method, address).status_code != NO_SUCH_METHOD:
                cells = [tell(ask_as(sessions, role, method, address), method) for role in ROLES]
                row = write_row(f"`{each.name}`", f"`{each.route}`", method, *cells)
                lacking.append(row)
    told = "docs/permissions.md, “The site”, lacks lines; if they are right, add:\n"
    assert not lacking, told + "\n".join(lacking)
    assert lines == there, "docs/permissions.md has lines of addresses that are not there"


@pytest.mark.parametrize("line", read_api(), ids=str)
def test_operation_needs_its_scope(line: Line, site: Site) -> None:
    """What a scope is too small for is refused; all else is looked at, whatever comes of it."""
    cells = tuple(
        tell(ask_with(site, scope, line.method, line.address), line.method) for scope in SCOPES
    )
    assert cells == line.cells


def test_every_operation_has_a_line(site: Site) -> None:
    lines = [(line.method, line.address) for line in read_api()]
    operations = list_operations()
    lacking = [
        write_row(
            method, f"`{address}`",
            *(tell(ask_with(site, scope, method, address), method) for scope in SCOPES),
        )
        for method, address in operations
        if (method, address) not in lines
    ]  # fmt: skip
    told = "docs/permissions.md, “The API”, lacks lines; if they are right, add:\n"
    assert not lacking, told + "\n".join(lacking)
    assert sorted(lines) == sorted(operations)


def test_volunteers_token_opens_no_operation(site: Site) -> None:
    """An admin who became a volunteer has tokens that allow nothing."""
    admin = site.users["admin"]
    with transaction.atomic():
        User.objects.filter(pk=admin.pk).update(
            role="volunteer", is_staff=False, is_superuser=False
        )
        answers = {
            (line.method, line.address): ask_with(site, "admin", line.method, line.address)
            for line in read_api()
        }
        transaction.set_rollback(True)
    assert {answer.status_code for answer in answers.values()} == {403}


def ask_table(sessions: dict[str, str], role: str, name: str) -> tuple[str, ...]:
    """Tell what somebody may do to a table of the admin, in the order of its columns."""
    model = next(each for each in admin.site._registry if each._meta.label_lower == name)
    key = model._default_manager.values_list("pk", flat=True).first() or 0
    address = f"/admin/{name.replace('.', '/')}/"
    asked = {
        "see": ("GET", address),
        "add": ("POST", f"{address}add/"),
        "change": ("POST", f"{address}{key}/change/"),
        "remove": ("POST", f"{address}{key}/delete/"),
    }
    return tuple(tell(ask_as(sessions, role, *asked[deed]), "POST") for deed in DEEDS)


@pytest.mark.parametrize("name", TABLES)
def test_table_is_open_to_admins_alone_as_far_as_its_line_says(
    name: str, site: Site, sessions: dict[str, str]
) -> None:
    assert ask_table(sessions, "admin", name) == TABLES[name]
    for role in ROLES[:-1]:
        assert set(ask_table(sessions, role, name)) == {"sign in"}


def test_every_table_has_a_line(site: Site, sessions: dict[str, str]) -> None:
    there = list_tables()
    lacking = [
        write_row(f"`{name}`", *ask_table(sessions, "admin", name))
        for name in there
        if name not in TABLES
    ]
    told = "docs/permissions.md, “Tables”, lacks lines; if they are right, add:\n"
    assert not lacking, told + "\n".join(lacking)
    assert sorted(TABLES) == sorted(there)


def test_a_planted_leak_is_found(site: Site, sessions: dict[str, str]) -> None:
    """The tests above can fail."""
    secret, name, domain = PLANTED[0], NAMES[0], DOMAIN
    page = HttpResponse(f"{secret} {name} {domain}")
    assert list_leaks(page, page.content, "/runs/") == [secret, domain]
    assert list_leaks(page, page.content, f"{API}/runs") == [secret, domain, name]
    own = HttpResponse(f"volunteer@{domain} admin@{domain}")
    assert list_leaks(own, own.content, "/", role="volunteer") == [domain]
    own = HttpResponse(f"volunteer@{domain}")
    assert list_leaks(own, own.content, "/", role="volunteer") == []
    page["Content-Disposition"] = f'attachment; filename="{name}"'
    assert list_leaks(page, b"", "/exports/") == [name]


def test_jobs_hold_numbers_alone(site: Site, sessions: dict[str, str]) -> None:
    """Whoever reads the table of jobs, or a worker's log, learns no text of anybody."""
    started = ("score_now", "retry_failed", "retry_judge", "rank_judges", "export", "run_plan")
    with transaction.atomic():
        for line in SITE:
            if line.name in started and line.method == "POST":
                address = site.fill(line.address)
                client = Client()
                client.cookies["sessionid"] = sessions["admin"]
                client.post(address, {"action": "launch"})
        kept = list(ProcrastinateJob.objects.values_list("args", flat=True))
        transaction.set_rollback(True)
    assert kept, "nothing was queued"
    assert {type(value) for each in kept for value in each.values()} <= {int}


def test_a_planted_fault_of_headers_or_markup_is_found() -> None:
    """The tests above can fail."""
    page = HttpResponse(
        '<script>go()</script><img src="https://x.example/a.png"><p style="top: 0">'
        '<a href="https://x.example/">followed by hand alone</a>'
    )
    page["Content-Security-Policy"] = "default-src 'self' 'unsafe-inline'"
    faults = list_faults(page, "/")
    assert [each for each in faults if each.startswith("it has")] == [
        "it has b'<img src=\"https://'", "it has b'<script>'", "it has b' style=\"'"
    ]  # fmt: skip
    assert "the policy allows unsafe" in faults
    assert "the policy has frame-ancestors None, not \"'none'\"" in faults
    assert "X-Frame-Options is None, not 'DENY'" in faults
