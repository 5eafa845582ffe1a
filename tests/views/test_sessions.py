"""Who has signed in is read as Django reads it, and on a connection that was lost meanwhile."""

from datetime import timedelta

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone

from annotate.models import User
from annotate.services.joined import ask
from tests import factories as make


def signed_in() -> tuple[Client, User]:
    """Sign a volunteer in."""
    client, user = Client(), make.make_user()
    client.force_login(user)
    return client, user


def is_signed_in(client: Client) -> bool:
    """Tell whether a page knows who asks for it."""
    return bool(client.get("/me/").wsgi_request.user.is_authenticated)


@pytest.mark.django_db
def test_an_account_stays_signed_in_until_its_session_ends() -> None:
    client, _user = signed_in()
    assert is_signed_in(client)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not is_signed_in(client)


@pytest.mark.django_db
def test_an_account_that_was_closed_is_nobody() -> None:
    client, user = signed_in()
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert not is_signed_in(client)


@pytest.mark.django_db
def test_a_new_password_ends_other_sessions() -> None:
    client, user = signed_in()
    user.set_password("another one")
    user.save()
    assert not is_signed_in(client)


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "x", "'; --", "é" * 40, "\x00"])
def test_a_made_up_session_is_nobodys(key: str) -> None:
    client = Client()
    client.cookies["sessionid"] = key
    assert not is_signed_in(client)


@pytest.mark.django_db
def test_a_session_of_an_earlier_release_holds() -> None:
    client, _user = signed_in()
    session = client.session
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session.save()
    assert is_signed_in(client)


def lose_connection() -> None:
    """End this thread's connection to the database, as a restart of PostgreSQL does."""
    other = connection.copy()
    ((process,),) = ask("SELECT pg_backend_pid()", {})
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [process])
    other.close()


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_lost_between_requests_is_replaced() -> None:
    lose_connection()
    connection.health_check_done = False  # as when a request begins
    assert ask("SELECT 1", {}) == [(1,)]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_lost_within_a_request_is_an_error() -> None:
    assert ask("SELECT 1", {}) == [(1,)]
    lose_connection()
    with pytest.raises(OperationalError):
        ask("SELECT 1", {})
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_transaction_whose_connection_was_lost_is_not_begun_again() -> None:
    with pytest.raises(OperationalError):
        lose_it_in_a_transaction()
    connection.close()


def lose_it_in_a_transaction() -> None:
    """Ask twice in one transaction, with the connection lost in between."""
    with transaction.atomic():
        lose_connection()
        ask("SELECT 1", {})
