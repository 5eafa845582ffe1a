"""Each role may do all that the one before it may; strangers are asked to sign in."""

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
    make_dataset,
    make_ranking,
    make_training,
)

pytestmark = pytest.mark.django_db

RESEARCH_PAGES = ["runs", "run", "quality", "ranking", "dataset", "dataset_file", "training"]


@pytest.fixture
def addresses() -> dict[str, str]:
    """Give the address of every page that is not for all."""
    run = make.make_run()
    dataset, training_run = make_dataset(run), make_training(run)
    return {
        "rate": reverse("rate", args=[run.slug]),
        "runs": reverse("runs"),
        "run": reverse("run", args=[run.slug]),
        "quality": reverse("quality", args=[run.slug]),
        "ranking": reverse("ranking", args=[run.slug, make_ranking(run).pk]),
        "dataset": reverse("dataset", args=[dataset.pk]),
        "dataset_file": reverse("dataset_file", args=[dataset.pk]),
        "training": reverse("training", args=[training_run.pk]),
    }


@pytest.mark.parametrize("page", ["rate", *RESEARCH_PAGES])
def test_page_asks_a_stranger_to_sign_in(page: str, addresses: dict[str, str]) -> None:
    answer = Client().get(addresses[page])
    assert (answer.status_code, answer["Location"]) == (302, f"/sign-in/?next={addresses[page]}")


@pytest.mark.parametrize("page", RESEARCH_PAGES)
@pytest.mark.parametrize(
    ("role", "status"), [("volunteer", 403), ("researcher", 200), ("admin", 200)]
)
def test_research_page_opens_from_researcher_on(
    page: str, role: str, status: int, addresses: dict[str, str]
) -> None:
    answer = browser_as(role).get(addresses[page])
    answer.close()
    assert answer.status_code == status


@pytest.mark.parametrize("role", ["volunteer", "researcher", "admin"])
def test_rating_page_opens_for_every_role_that_has_agreed(role: str) -> None:
    run = make.make_run()
    user = make.make_user(role)
    address = reverse("rate", args=[run.slug])
    answer = browser_of(user).get(address)
    assert (answer.status_code, answer["Location"]) == (302, f"{address}welcome/")
    make.let_in(run, user)
    assert browser_of(user).get(address).status_code == 200


@pytest.mark.parametrize(
    ("role", "status"), [("volunteer", 302), ("researcher", 302), ("admin", 200)]
)
def test_django_admin_opens_for_admins_alone(role: str, status: int) -> None:
    assert browser_as(role).get("/admin/").status_code == status


def test_stranger_behind_htmx_gets_the_whole_sign_in_page(addresses: dict[str, str]) -> None:
    answer = Client().get(addresses["training"], headers=HTMX)
    assert answer["HX-Redirect"] == f"/sign-in/?next={addresses['training']}"
    assert answer.content == b""


@pytest.mark.parametrize("page", RESEARCH_PAGES)
def test_research_page_takes_no_post(page: str, addresses: dict[str, str]) -> None:
    assert browser_as("admin").post(addresses[page]).status_code == 405


def test_has_role_is_false_for_a_stranger() -> None:
    assert not has_role(AnonymousUser(), "volunteer")


def test_navigation_shows_only_what_may_be_opened() -> None:
    links = {
        role: [name for name in ("/runs/", "/admin/") if f'href="{name}"' in page]
        for role in ("volunteer", "researcher", "admin")
        for page in [browser_as(role).get("/").content.decode()]
    }
    assert links == {"volunteer": [], "researcher": ["/runs/"], "admin": ["/runs/", "/admin/"]}
