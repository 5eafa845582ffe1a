"""A site behind TLS: what `HTTPS_ONLY=True` switches on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings

from tests import factories as make
from tests.conftest import ROOT
from tests.permissions.headers import EVERYWHERE, list_faults

TELL = """
import json
from annotate import settings
names = ("SECURE_", "SESSION_", "CSRF_", "LANGUAGE_COOKIE", "MIDDLEWARE", "ALLOWED_HOSTS")
print(json.dumps({name: value for name, value in vars(settings).items() if name.startswith(names)}))
"""


def run_in_production(
    home: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python as an operator's site does, with an environment of its own."""
    plain = {
        "PATH": os.environ["PATH"],
        "KURABE_HOME": str(home),
        "DATABASE_URL": "postgresql://kurabe:secret@db.example/kurabe",
        "HTTPS_ONLY": "True",
        "ALLOWED_HOSTS": "kurabe.example.org",
        "EMAIL_HOST": "mail.example.org",
    }
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=plain | environment, text=True,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("subdomains", ["True", "False"])
def test_check_for_deployment_finds_nothing(subdomains: str, tmp_path: Path) -> None:
    found = run_in_production(
        tmp_path, "manage.py", "check", "--deploy", "--fail-level", "INFO",
        HSTS_SUBDOMAINS=subdomains,
    )  # fmt: skip
    assert found.stdout.startswith("System check identified no issues"), found.stderr


@pytest.fixture
def production(tmp_path: Path, db: None) -> Any:
    """Answer as a site does whose environment says HTTPS_ONLY."""
    told = run_in_production(tmp_path, "-c", TELL)
    with override_settings(**json.loads(told.stdout)):
        yield


def test_plain_http_leads_to_https_and_nowhere_else(production: None) -> None:
    answer = Client(headers={"Host": "kurabe.example.org"}).get("/sign-in/?next=/runs/")
    assert answer.status_code == 301
    assert answer["Location"] == "https://kurabe.example.org/sign-in/?next=/runs/"


def test_https_is_kept_to_for_a_year_and_cookies_travel_by_it_alone(production: None) -> None:
    run = make.make_open_round().run
    make.make_rules(run, door="open")
    proxied = {"Host": "kurabe.example.org", "X-Forwarded-Proto": "https"}
    client = Client(headers=proxied)
    page = client.get(f"/rate/{run.slug}/welcome/")
    assert page.status_code == 200
    assert page["Strict-Transport-Security"] == "max-age=31536000"
    version = make.make_consent_text().version
    started = client.post(f"/rate/{run.slug}/welcome/", {"languages": ["en"], "version": version})
    assert started.status_code == 302
    client.post("/language/", {"language": "ja"})
    client.get(f"/rate/{run.slug}/", {"view": "plain"})
    admin = make.make_user("admin")
    client.post("/sign-in/", {"username": admin.username, "password": "password"})
    assert {"annotator", "csrftoken", "sessionid", "django_language"} <= set(client.cookies)
    for name, cookie in client.cookies.items():
        assert cookie["secure"], name
        assert cookie["samesite"] == "Lax", name


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/static/kurabe/kurabe.css", "/nowhere/", "/api/v1/runs"])
def test_files_and_refusals_carry_the_headers_of_pages(address: str) -> None:
    answer = Client().get(address)
    if answer.streaming:
        b"".join(answer)
    assert {name: answer.get(name) for name in EVERYWHERE} == EVERYWHERE
    if not address.startswith("/static/"):
        assert list_faults(answer, address) == []
    assert "default-src 'self'" in answer["Content-Security-Policy"]
