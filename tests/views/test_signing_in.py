"""Signing in and out, and the language of the page."""

import pytest
from django.test import Client

from tests import factories as make
from tests.views.pages import browser_as

pytestmark = pytest.mark.django_db


def test_sign_in_leads_to_where_one_was_going() -> None:
    user = make.make_user()
    answer = Client().post(
        "/sign-in/", {"username": user.username, "password": "password", "next": "/rate/spring/"}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/rate/spring/")


def test_sign_in_never_leads_to_another_site() -> None:
    user = make.make_user()
    answer = Client().post(
        "/sign-in/",
        {"username": user.username, "password": "password", "next": "https://example.org/"},
    )
    assert answer["Location"] == "/"


def test_sign_in_says_that_the_password_is_wrong() -> None:
    user = make.make_user()
    answer = Client().post("/sign-in/", {"username": user.username, "password": "wrong"})
    assert answer.status_code == 200
    assert 'role="alert">Please enter a correct username and password' in answer.content.decode()


def test_sign_in_labels_its_fields() -> None:
    page = Client().get("/sign-in/").content.decode()
    assert '<label for="id_username">' in page
    assert '<label for="id_password">' in page


def test_sign_out_needs_a_post_and_ends_the_session() -> None:
    client = browser_as("volunteer")
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/")["Location"] == "/"
    assert "Sign in to rate" in client.get("/").content.decode()


def test_language_switch_is_remembered() -> None:
    client = browser_as("volunteer")
    answer = client.post("/language/", {"language": "ja", "next": "/"})
    assert answer["Location"] == "/"
    page = client.get("/").content.decode()
    assert '<html lang="ja">' in page
    assert "サインアウト" in page


def test_language_follows_the_browser_at_first() -> None:
    page = Client().get("/", headers={"Accept-Language": "ja"}).content.decode()
    assert '<html lang="ja">' in page
    assert "並んだ二つの回答" in page
