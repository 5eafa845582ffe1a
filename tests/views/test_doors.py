"""Three doors: who is known by what, and what keeps others out."""

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from annotate.models import Annotator, Comparison, Invitation, SelectionRun, Vote
from annotate.services.simulating import read_page
from tests import factories as make
from tests.views.pages import HTMX, browser_as, browser_of

pytestmark = pytest.mark.django_db


def make_door(door: str, **rules: Any) -> SelectionRun:
    """Make a run that takes votes behind a door."""
    make.make_consent_text()
    run = make.make_open_round().run
    make.make_rules(run, door=door, **rules)
    return run


def press_start(client: Client, address: str, **sent: Any) -> Any:
    """Send the form of a welcome page as it stands there."""
    page = client.get(address).content.decode()
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    return client.post(address, hidden | {"languages": ["en"]} | sent)


def enter(client: Client, run: SelectionRun) -> None:
    """Come in by the open door."""
    assert press_start(client, f"/rate/{run.slug}/welcome/").status_code == 302


def test_open_door_leads_a_stranger_to_a_first_vote() -> None:
    run, client = make_door("open"), Client()
    address = f"/rate/{run.slug}/"
    assert client.get(address)["Location"] == f"{address}welcome/"
    assert press_start(client, f"{address}welcome/")["Location"] == address
    token = read_page(client.get(address).content.decode()).form["token"]
    assert client.post(address, {"token": token, "choice": "tie"}).status_code == 303
    annotator = Vote.objects.get().comparison.annotator
    assert (annotator.user, annotator.kind, annotator.languages) == (None, "person", ["en"])


def test_nothing_is_kept_of_a_stranger_before_start() -> None:
    run, invited = make_door("open"), make_door("invitation")
    link = Invitation.objects.create(run=invited)
    client = Client()
    for address in (
        "/", f"/rate/{run.slug}/", f"/rate/{run.slug}/welcome/", f"/rate/{run.slug}/practice/",
        f"/invitation/{link.token}/", f"/rate/{invited.slug}/", "/me/", "/me/take-back/",
        "/goodbye/", "/sign-in/",
    ):  # fmt: skip
        client.get(address)
    for address in ("/me/languages/", "/me/board/", "/me/take-back/", f"/rate/{run.slug}/"):
        client.post(address, {"name": "Hana"})
    assert Annotator.objects.count() == Comparison.objects.count() == 0
    assert "annotator" not in client.cookies


def test_cookie_is_signed_hidden_from_scripts_and_kept_for_a_year(settings: Any) -> None:
    run = make_door("open")
    for is_https in (False, True):
        settings.SESSION_COOKIE_SECURE = is_https
        client = Client()
        enter(client, run)
        cookie = client.cookies["annotator"]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
        assert bool(cookie["secure"]) == is_https
        assert cookie["max-age"] == 365 * 24 * 3600


def sign(number: object, salt: str = "kurabe.annotator") -> str:
    """Sign a number as the site signs its cookie."""
    response = HttpResponse()
    response.set_signed_cookie("annotator", str(number), salt=salt)
    return response.cookies["annotator"].value


@pytest.mark.parametrize("forge", ["none", "number", "signature", "salt", "age", "garbage"])
def test_cookie_that_was_tampered_with_is_nobody(
    forge: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, client = make_door("open"), Client()
    enter(client, run)
    number, _colon, signature = client.cookies["annotator"].value.partition(":")
    other = make.make_annotator()
    year_and_day_ago = time.time() - 366 * 24 * 3600
    with monkeypatch.context() as patch:
        patch.setattr(signing.time, "time", lambda: year_and_day_ago)
        old = sign(number)
    client.cookies["annotator"] = {
        "none": sign(number),
        "number": f"{other.pk}:{signature}",
        "signature": f"{number}:{signature[:-2]}{'aa' if signature[-2:] != 'aa' else 'bb'}",
        "salt": sign(number, salt="another"),
        "age": old,
        "garbage": ":::",
    }[forge]
    answer = client.get(f"/rate/{run.slug}/")
    assert answer.status_code == (200 if forge == "none" else 302)


def test_cookie_is_no_way_into_an_account() -> None:
    """Whose annotator has an account signs in to it."""
    run = make_door("open")
    client = Client()
    enter(client, run)
    Annotator.objects.update(user=make.make_user())
    assert client.get(f"/rate/{run.slug}/").status_code == 302


def test_account_goes_before_the_cookie() -> None:
    run = make_door("open")
    client = Client()
    enter(client, run)
    user = make.make_volunteer(run)
    client.force_login(user)
    token = read_page(client.get(f"/rate/{run.slug}/").content.decode()).form["token"]
    assert Comparison.objects.get(token=token).annotator == user.annotator


def test_sign_in_says_that_votes_of_this_browser_stay_with_it() -> None:
    run, client = make_door("open"), Client()
    words = "an account begins with none"
    assert words not in client.get("/sign-in/").content.decode()
    enter(client, run)
    assert words in client.get("/sign-in/").content.decode()


def test_account_door_asks_to_sign_in_and_then_welcomes() -> None:
    run = make_door("account")
    address = f"/rate/{run.slug}/"
    assert Client().get(address)["Location"] == f"/sign-in/?next={address}"
    assert Client().get(f"{address}welcome/")["Location"] == f"/sign-in/?next={address}welcome/"
    client = browser_as("volunteer")
    assert press_start(client, f"{address}welcome/")["Location"] == address
    assert "annotator" not in client.cookies
    assert read_page(client.get(address).content.decode()).has_comparison


@pytest.mark.parametrize("door", ["account", "open"])
def test_post_by_a_stranger_leads_to_a_page_and_never_to_the_post(door: str) -> None:
    run = make_door(door)
    sign_in = f"/sign-in/?next=/rate/{run.slug}/"
    expected = sign_in if door == "account" else f"/rate/{run.slug}/welcome/"
    address = f"/rate/{run.slug}/undo/"
    assert Client().post(address)["Location"] == expected
    assert Client().post(address, headers=HTMX)["HX-Redirect"] == expected


def test_invitation_door_is_shut_with_words() -> None:
    run = make_door("invitation")
    for client in (Client(), browser_as("volunteer"), browser_as("admin")):
        answer = client.get(f"/rate/{run.slug}/")
        assert answer.status_code == 403
        assert "This run is by invitation" in answer.content.decode()


@pytest.mark.parametrize("is_signed_in", [False, True])
def test_invitation_lets_in_whoever_presses_start(is_signed_in: bool) -> None:
    run = make_door("invitation")
    link = Invitation.objects.create(run=run, admits_at_most=1)
    client = browser_as("volunteer") if is_signed_in else Client()
    address = f"/invitation/{link.token}/"
    assert client.get(address).status_code == 200
    assert link.participations.count() == 0
    assert press_start(client, address)["Location"] == f"/rate/{run.slug}/"
    assert read_page(client.get(f"/rate/{run.slug}/").content.decode()).has_comparison
    assert client.get(address)["Location"] == f"/rate/{run.slug}/"
    assert ("annotator" in client.cookies) != is_signed_in


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"revoked_at": timezone.now()}, "This invitation has been revoked."),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "This invitation has expired."),
        ({"admits_at_most": 1}, "All places of this invitation are taken."),
    ],
)
def test_invitation_that_is_over_says_why(fields: dict[str, Any], words: str) -> None:
    link = Invitation.objects.create(run=make_door("invitation"), **fields)
    address = f"/invitation/{link.token}/"
    if "admits_at_most" in fields:
        press_start(Client(), address)
    there = Annotator.objects.count()
    for answer in (Client().get(address), Client().post(address, {"languages": ["en"]})):
        assert answer.status_code == 403
        assert words in answer.content.decode()
    assert Annotator.objects.count() == there


def test_invitation_taken_up_too_late_says_so() -> None:
    """The page was open while somebody else took the last place."""
    link = Invitation.objects.create(run=make_door("invitation"), admits_at_most=2)
    address = f"/invitation/{link.token}/"
    clients = [Client() for _newcomer in range(3)]
    pages = [client.get(address).content.decode() for client in clients]
    statuses = []
    for client, page in zip(clients, pages, strict=True):
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        statuses.append(client.post(address, hidden | {"languages": ["en"]}).status_code)
    assert statuses == [302, 302, 403]
    assert link.participations.count() == 2


def test_unknown_invitation_is_not_found() -> None:
    assert Client().get("/invitation/nonesuch/").status_code == 404


def test_invitation_to_a_run_with_another_door_leads_to_that() -> None:
    link = Invitation.objects.create(run=make_door("open"))
    answer = Client().get(f"/invitation/{link.token}/")
    assert answer["Location"] == f"/rate/{link.run.slug}/"


def test_start_from_another_site_is_refused() -> None:
    run = make_door("open")
    client = Client(enforce_csrf_checks=True)
    answer = client.post(f"/rate/{run.slug}/welcome/", {"languages": ["en"], "version": 1})
    assert answer.status_code == 403
    assert Annotator.objects.count() == 0


def test_researcher_goes_through_consent_like_anybody() -> None:
    run = make_door("open")
    answer = browser_as("researcher").get(f"/rate/{run.slug}/")
    assert answer["Location"] == f"/rate/{run.slug}/welcome/"


def test_simulated_annotator_is_led_through_no_gate() -> None:
    run = make_door("invitation", practice_needed=1)
    make.make_gold_pair(run, use="practice")
    user = make.make_user()
    make.make_annotator(user=user, kind="simulated")
    page = browser_of(user).get(f"/rate/{run.slug}/").content.decode()
    assert read_page(page).has_comparison


def test_newcomers_by_the_hundred_are_stopped_and_nobody_known_is(settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"start": "2/10m/ip"}
    run, known = make_door("open"), Client()
    address = f"/rate/{run.slug}/welcome/"
    enter(known, run)
    enter(Client(), run)
    answer = press_start(Client(), address)
    assert answer.status_code == 429
    assert "Please wait some minutes" in answer.content.decode()
    make.make_consent_text(newer=True)
    enter(known, run)
    assert press_start(browser_as("volunteer"), address).status_code == 302
    assert Annotator.objects.count() == 3
