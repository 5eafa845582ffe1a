"""Signing in and out, and the language of the page."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from annotate.models import User
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


def ask_for_code(client: Client, email: str, next_url: str = "") -> str:
    """Ask for a code and give the one that was sent."""
    answer = client.post("/sign-in/", {"email": email, "next": next_url})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/code/")
    return code_in(mail.outbox[-1].body)


def code_in(body: str) -> str:
    """Find the code in a mail: the one indented line."""
    return next(line.strip() for line in body.splitlines() if line.startswith("    "))


def test_code_makes_an_account_and_leads_to_where_one_was_going() -> None:
    client = Client()
    code = ask_for_code(client, "New@example.org", "/runs/")
    page = client.get("/sign-in/code/?next=/runs/")
    assert "New@example.org" in page.content.decode()
    assert page["Cache-Control"].count("no-store") == 1
    answer = client.post("/sign-in/code/", {"code": code, "next": "/runs/"})
    assert (answer.status_code, answer["Location"]) == (302, "/runs/")
    account = User.objects.get()
    assert (account.role, account.email) == ("volunteer", "New@example.org")
    assert not account.has_usable_password()
    assert "example" not in account.username
    assert client.session["_auth_user_id"] == str(account.pk)
    assert mail.outbox[0].to == ["New@example.org"]
    assert code in mail.outbox[0].subject


def test_code_signs_in_to_the_account_of_last_time() -> None:
    for email in ("ann@example.org", "Ann@Example.org"):
        client = Client()
        code = ask_for_code(client, email)
        assert client.post("/sign-in/code/", {"code": code})["Location"] == "/"
    assert User.objects.count() == 1


def test_code_never_leads_to_another_site() -> None:
    client = Client()
    away = "https://example.org/"
    code = ask_for_code(client, "ann@example.org", away)
    answer = client.post(f"/sign-in/code/?next={away}", {"code": code, "next": away})
    assert answer["Location"] == "/"


def test_code_opens_no_account_that_has_a_password() -> None:
    researcher = make.make_user("researcher", email="boss@example.org")
    client = Client()
    code = ask_for_code(client, "boss@example.org")
    client.post("/sign-in/code/", {"code": code})
    assert client.session["_auth_user_id"] != str(researcher.pk)
    assert client.get("/runs/").status_code == 403


def test_known_and_unknown_addresses_are_answered_alike() -> None:
    make.make_user("researcher", email="boss@example.org")
    off = make.make_user(email="off@example.org", is_active=False)
    off.set_unusable_password()
    off.save()
    ask_for_code(Client(), "known@example.org")
    pages = set()
    for name in ("known", "fresh", "boss", "off"):
        client = Client()
        answer = client.post("/sign-in/", {"email": f"{name}@example.org"}, follow=True)
        words = answer.content.decode().replace(name, "")
        pages.add(re.sub('csrfmiddlewaretoken" value="[^"]*', "", words))
    assert len(pages) == 1
    assert [each.to for each in mail.outbox].count(["off@example.org"]) == 0


def test_wrong_code_may_be_tried_again_and_the_third_ends_it() -> None:
    client = Client()
    code = ask_for_code(client, "ann@example.org")
    typed = {"code": "WRONG1", "next": "/rate/spring/"}
    for _attempt in range(2):
        answer = client.post("/sign-in/code/", typed)
        assert (answer.status_code, "Incorrect code." in answer.content.decode()) == (200, True)
    answer = client.post("/sign-in/code/", typed, follow=True)
    assert answer.redirect_chain == [("/sign-in/?next=%2Frate%2Fspring%2F", 302)]
    assert 'name="next" value="/rate/spring/"' in answer.content.decode()
    assert "Too many failed login attempts." in answer.content.decode()
    client.post("/sign-in/code/", {"code": code})
    assert "_auth_user_id" not in client.session


def test_codes_for_one_address_are_limited() -> None:
    for _request in range(3):
        ask_for_code(Client(), "ann@example.org")
    answer = Client().post("/sign-in/", {"email": "ann@example.org"})
    assert answer.status_code == 200
    assert "Too many codes were asked for." in answer.content.decode()
    assert len(mail.outbox) == 3


@pytest.mark.parametrize("address", ["/sign-in/", "/admin/login/"])
def test_wrong_passwords_are_limited_and_then_the_right_one_too(address: str) -> None:
    user = make.make_user("admin")
    wrong = {"username": user.username, "password": "wrong"}
    for _attempt in range(5):
        assert "correct" in Client().post(address, wrong).content.decode()
    for password in ("wrong", "password"):
        answer = Client().post(address, wrong | {"password": password})
        assert "Too many failed login attempts." in answer.content.decode()


def test_mistyped_address_can_be_typed_again() -> None:
    client = Client()
    ask_for_code(client, "anm@example.org")
    assert client.get("/sign-in/").status_code == 200
    code = ask_for_code(client, "ann@example.org")
    client.post("/sign-in/code/", {"code": code})
    assert User.objects.get(pk=client.session["_auth_user_id"]).email == "ann@example.org"


def test_address_that_nobody_proved_is_forgotten() -> None:
    invited = make.make_user(username="hana", email="hana@example.org", password=None)
    ask_for_code(Client(), "typo@example.org")
    User.objects.update(date_joined=timezone.now() - timedelta(days=2))
    ask_for_code(Client(), "ann@example.org")
    assert {user.email for user in User.objects.all()} == {"ann@example.org", invited.email}


def test_account_that_an_admin_made_without_a_password_signs_in_by_code() -> None:
    user = make.make_user("researcher", email="rina@example.org", password=None)
    client = Client()
    code = ask_for_code(client, "rina@example.org")
    client.post("/sign-in/code/", {"code": code})
    assert client.session["_auth_user_id"] == str(user.pk)


def test_code_from_another_site_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/sign-in/", {"email": "ann@example.org"}).status_code == 403
    assert User.objects.count() == 0


def test_mail_that_cannot_be_sent_is_said(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there
    answer = Client().post("/sign-in/", {"email": "ann@example.org"})
    assert "The mail could not be sent." in answer.content.decode()


def test_admin_signs_in_to_the_tables_with_a_password() -> None:
    for role, status in (("admin", 302), ("researcher", 200)):
        sent = {"username": make.make_user(role).username, "password": "password"}
        assert Client().post("/admin/login/?next=/admin/", sent).status_code == status
