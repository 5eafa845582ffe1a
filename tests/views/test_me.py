"""My data: what is kept can be seen, changed, and taken back."""

import pytest
from django.test import Client

from annotate.models import Annotator, Consent, Vote
from tests import factories as make
from tests.views.pages import browser_as, browser_of, cast_votes, volunteer_in
from tests.views.test_doors import enter, make_door, press_start

pytestmark = pytest.mark.django_db


def test_me_shows_consent_votes_languages_and_board() -> None:
    round_ = make.make_open_round()
    user = make.make_volunteer(round_.run, languages=["ja"], board_name="Hana")
    cast_votes(round_, user.annotator, 2)
    page = browser_of(user).get("/me/").content.decode()
    version = Consent.objects.get().text.version
    assert f"You agreed to version {version} on" in page
    assert "Votes that stand: 2, in runs: 1." in page
    assert 'value="ja" id="id_languages_1" checked' in page
    assert 'value="Hana"' in page


def test_me_of_a_stranger_says_that_nothing_is_kept() -> None:
    assert "Nothing is kept under this browser." in Client().get("/me/").content.decode()
    page = browser_as("volunteer").get("/me/").content.decode()
    assert "You have not rated anything yet" in page


def test_languages_can_be_changed_and_never_to_none() -> None:
    run = make.make_run()
    client = volunteer_in(run)
    answer = client.post("/me/languages/", {"languages": ["ja"]}, follow=True)
    assert answer.redirect_chain == [("/me/", 303)]
    assert '<a class="button" href="/">Go on rating</a>' in answer.content.decode()
    assert Annotator.objects.get().languages == ["ja"]
    answer = client.post("/me/languages/", {}, follow=True)
    assert answer.redirect_chain == [("/me/", 303)]
    assert "Choose at least one language" in answer.content.decode()
    assert Annotator.objects.get().languages == ["ja"]


def test_board_can_be_joined_and_left() -> None:
    client = volunteer_in(make.make_run())
    client.post("/me/board/", {"name": "Hana"})
    assert Annotator.objects.get().board_name == "Hana"
    client.post("/me/board/", {"name": "Hana", "leave": "1"})
    assert Annotator.objects.get().board_name == ""


def test_board_refuses_a_name_that_is_taken() -> None:
    make.make_annotator(board_name="Hana")
    user = make.make_volunteer(make.make_run())
    answer = browser_of(user).post("/me/board/", {"name": "Hana"}, follow=True)
    assert "Somebody on the board has this name" in answer.content.decode()
    user.annotator.refresh_from_db()
    assert user.annotator.board_name == ""


def test_votes_are_taken_back_only_when_that_is_confirmed() -> None:
    round_ = make.make_open_round()
    user = make.make_volunteer(round_.run)
    cast_votes(round_, user.annotator, 2)
    client = browser_of(user)
    page = client.get("/me/take-back/").content.decode()
    assert "Votes: 2, in runs: 1." in page
    assert Vote.objects.counting().count() == 2
    answer = client.post("/me/take-back/")
    assert (answer.status_code, answer["Location"]) == (303, "/goodbye/")
    assert Vote.objects.counting().count() == 0
    assert Vote.objects.first().withdrawn_by == user
    page = client.get("/goodbye/").content.decode()
    assert "Votes taken back: 2, in runs: 1." in page
    assert "Votes taken back" not in client.get("/goodbye/").content.decode()
    assert client.get(f"/rate/{round_.run.slug}/")["Location"].endswith("/welcome/")


def test_taking_back_takes_the_cookie_and_a_newcomer_may_begin_anew() -> None:
    run, client = make_door("open"), Client()
    enter(client, run)
    client.post("/me/take-back/")
    assert client.cookies["annotator"].value == ""
    assert client.get(f"/rate/{run.slug}/")["Location"].endswith("/welcome/")
    enter(client, run)
    assert client.get(f"/rate/{run.slug}/").status_code == 200
    assert Annotator.objects.count() == 2


def test_cookie_kept_aside_asks_for_consent_anew_after_taking_back() -> None:
    run, client = make_door("open"), Client()
    enter(client, run)
    kept = client.cookies["annotator"].value
    client.post("/me/take-back/")
    client.cookies["annotator"] = kept
    address = f"/rate/{run.slug}/welcome/"
    assert client.get(f"/rate/{run.slug}/")["Location"] == address
    press_start(client, address)
    assert [each.withdrawn_at is None for each in Consent.objects.all()] == [False, True]


@pytest.mark.parametrize("address", ["/me/languages/", "/me/board/", "/me/take-back/"])
def test_post_from_another_site_is_refused(address: str) -> None:
    client = volunteer_in(make.make_run(), enforce_csrf_checks=True)
    assert client.post(address, {"languages": ["ja"], "name": "Hana"}).status_code == 403
    assert Annotator.objects.get().languages == ["en", "ja"]
    assert Consent.objects.get().withdrawn_at is None


@pytest.mark.parametrize("address", ["/me/languages/", "/me/board/"])
def test_changes_need_a_post(address: str) -> None:
    assert volunteer_in(make.make_run()).get(address).status_code == 405


def test_header_leads_to_my_data() -> None:
    run, client = make_door("open"), Client()
    assert 'href="/me/"' not in client.get("/").content.decode()
    enter(client, run)
    assert 'href="/me/"' in client.get("/").content.decode()
    assert 'href="/me/"' in browser_as("volunteer").get("/").content.decode()
