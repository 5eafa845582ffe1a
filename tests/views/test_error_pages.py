"""What a visitor sees when something is not there, not allowed, or broken."""

import pytest
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.defaults import bad_request, server_error

from annotate.urls import urlpatterns as site_urls
from tests.views.pages import browser_as

pytestmark = pytest.mark.django_db


def explode(request: object) -> None:
    """Fail, as a page with a fault would."""
    raise ZeroDivisionError


def explode_with_secrets(request: object) -> None:
    """Fail with a secret at hand, as a page that asks a service might."""
    key = settings.SECRET_KEY
    raise ZeroDivisionError(len(key))


urlpatterns = [
    *site_urls,
    path("explode/", explode),
    path("secrets/", csrf_exempt(explode_with_secrets)),
]


def test_missing_page_leads_home_in_the_readers_language() -> None:
    answer = Client().get("/never/was/", headers={"Accept-Language": "ja"})
    page = answer.content.decode()
    assert answer.status_code == 404
    assert "ページが見つかりません" in page
    assert 'href="/"' in page


def test_forbidden_page_says_whom_to_ask() -> None:
    answer = browser_as("volunteer").get("/runs/")
    assert answer.status_code == 403
    assert "ask an admin to change your role" in answer.content.decode()


@override_settings(ROOT_URLCONF=__name__)
def test_broken_page_says_that_it_is_our_fault() -> None:
    client = browser_as("volunteer", raise_request_exception=False)
    answer = client.get("/explode/")
    assert answer.status_code == 500
    assert "It is our fault, not yours." in answer.content.decode()


def test_error_pages_need_no_database_and_no_session() -> None:
    request = RequestFactory().get("/")
    assert b"It is our fault" in server_error(request).content
    assert b"could not be read" in bad_request(request, SuspiciousOperation()).content


@override_settings(ROOT_URLCONF=__name__, SECRET_KEY="planted-key" * 6, HF_TOKEN="hf_planted")
def test_broken_page_tells_no_secret_to_visitor_log_or_mail(
    caplog: pytest.LogCaptureFixture, mailoutbox: list[object]
) -> None:
    """The log has the lines of the code, and none of the values."""
    headers = {"Authorization": "Bearer kurabe_planted", "Cookie": "sessionid=planted-session"}
    client = Client(raise_request_exception=False, headers=headers)
    answer = client.post("/secrets/?code=planted-code", {"password": "planted-password"})
    assert (answer.status_code, mailoutbox) == (500, [])
    assert "ZeroDivisionError" in caplog.text
    assert "planted" not in answer.content.decode() + caplog.text
