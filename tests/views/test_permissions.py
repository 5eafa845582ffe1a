"""Beside docs/permissions.md (tests/permissions): who is led where, and what is shown to whom."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import reverse

from annotate.permissions import has_role
from tests import factories as make
from tests.views.pages import (
    HTMX,
    browser_as,
    browser_of,
    make_training,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ["volunteer", "researcher", "admin"])
def test_rating_page_opens_for_every_role_that_has_agreed(role: str) -> None:
    run = make.make_run()
    user = make.make_user(role)
    address = reverse("rate", args=[run.slug])
    answer = browser_of(user).get(address)
    assert (answer.status_code, answer["Location"]) == (302, f"{address}welcome/")
    make.let_in(run, user)
    assert browser_of(user).get(address).status_code == 200


def test_stranger_behind_htmx_gets_the_whole_sign_in_page() -> None:
    address = reverse("training", args=[make_training(make.make_run()).pk])
    answer = Client().get(address, headers=HTMX)
    assert answer["HX-Redirect"] == f"/sign-in/?next={address}"
    assert answer.content == b""


def test_has_role_is_false_for_a_stranger() -> None:
    assert not has_role(AnonymousUser(), "volunteer")


def test_navigation_shows_only_what_may_be_opened() -> None:
    links = {
        role: [name for name in ("/runs/", "/admin/") if f'href="{name}"' in page]
        for role in ("volunteer", "researcher", "admin")
        for page in [browser_as(role).get("/").content.decode()]
    }
    assert links == {"volunteer": [], "researcher": ["/runs/"], "admin": ["/runs/", "/admin/"]}
