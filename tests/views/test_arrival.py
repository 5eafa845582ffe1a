"""The welcome page asks what is missing and nothing twice; practice explains."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client

from annotate.models import Annotator, Comparison, Consent, SelectionRun, Vote
from annotate.services.simulating import read_page
from tests import factories as make
from tests.views.pages import browser_of, volunteer_in
from tests.views.test_doors import make_door, press_start

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def version() -> int:
    """Give the version of a consent text whose words are known."""
    return make.make_consent_text(newer=True).version


def welcome(client: Client, run: SelectionRun, **options: Any) -> str:
    answer = client.get(f"/rate/{run.slug}/welcome/", **options)
    assert answer.status_code == 200
    return answer.content.decode()


def checked(page: str) -> list[str]:
    """List the languages that are chosen on the page."""
    boxes = re.findall(r'<input type="checkbox" name="languages" value="(\w+)"[^>]*>', page)
    return [tag for tag in boxes if re.search(rf'value="{tag}"[^>]* checked', page)]


def test_welcome_shows_consent_languages_and_instructions_with_one_button(version: int) -> None:
    page = welcome(Client(), make_door("open"))
    main = page[page.index("<main") :]
    assert main.count("<button") == 1
    assert f"Votes are kept ({version})." in main
    assert f"(version {version})" in main
    assert "Read both answers to the end" in main
    assert "<strong>Draw</strong>" in main
    assert "stays in this browser for a year" in main


def test_welcome_speaks_the_language_of_the_page(version: int) -> None:
    page = welcome(Client(), make_door("open"), headers={"Accept-Language": "ja"})
    assert "両方を最後まで読んで" in page
    assert f"投票の保存({version})" in page


def test_newcomers_to_a_closed_run_are_asked_nothing(version: int) -> None:
    run = make_door("open")
    SelectionRun.objects.filter(pk=run.pk).update(state=SelectionRun.State.CLOSED)
    page = Client().get(f"/rate/{run.slug}/", follow=True).content.decode()
    assert "This run has ended." in page
    assert "Start" not in page[page.index("<main") :]
    sent = {"version": version, "languages": ["en"], "newcomer": str(uuid.uuid4())}
    for state, n_annotators in ((SelectionRun.State.CLOSED, 0), (SelectionRun.State.VOTING, 1)):
        SelectionRun.objects.filter(pk=run.pk).update(state=state)
        Client().post(f"/rate/{run.slug}/welcome/", sent)
        assert Annotator.objects.count() == n_annotators


def test_welcome_tells_an_account_nothing_of_cookies() -> None:
    run = make_door("account")
    assert "cookie" not in welcome(browser_of(make.make_user()), run)


def test_welcome_offers_what_the_run_offers() -> None:
    page = welcome(Client(), make_door("open", offers_tie=False))
    assert "Draw" not in page
    assert "<strong>Both bad</strong>" in page


def test_welcome_shows_the_words_of_an_admin_as_safe_markdown() -> None:
    words = "Look at **tone** alone.\n\n<script>alert(1)</script>"
    page = welcome(Client(), make_door("open", instructions_en=words))
    assert "<strong>tone</strong>" in page
    assert "<script>alert" not in page
    assert "Read both answers" not in page


def test_welcome_offers_languages_of_prompts_and_chooses_those_of_the_browser() -> None:
    run = make_door("open")
    make.make_prompt(run.prompt_sets.get(), language="fr-CA")
    page = welcome(Client(), run, headers={"Accept-Language": "de,fr;q=0.9,en;q=0.2"})
    assert re.findall(r'name="languages" value="(\w+)"', page) == ["en", "ja", "fr"]
    assert checked(page) == ["en", "fr"]
    assert checked(welcome(Client(), run, headers={"Accept-Language": "zz"})) == []


@pytest.mark.parametrize("languages", [[], ["xx"]])
def test_welcome_needs_a_language_that_it_offers(languages: list[str]) -> None:
    run, client = make_door("open"), Client()
    answer = press_start(client, f"/rate/{run.slug}/welcome/", languages=languages)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()
    assert Annotator.objects.count() == 0


def test_welcome_that_was_given_asks_nothing_and_shows_the_instructions() -> None:
    run = make.make_run()
    page = welcome(volunteer_in(run), run)
    main = page[page.index("<main") :]
    assert "Read both answers to the end" in main
    assert main.count("<button") == main.count('type="checkbox"') == 0
    assert f'href="/rate/{run.slug}/"' in main


def test_second_run_asks_for_nothing_but_start() -> None:
    user = make.make_volunteer(make.make_run())
    run = make.make_run()
    page = welcome(browser_of(user), run)
    main = page[page.index("<main") :]
    assert "Read both answers to the end" in main
    assert "Votes are kept" not in main
    assert 'type="checkbox"' not in main
    assert main.count("<button") == 1


def test_new_version_of_the_consent_asks_for_that_alone(version: int) -> None:
    run = make.make_open_round().run
    client = volunteer_in(run)
    address = f"/rate/{run.slug}/"
    assert client.get(address).status_code == 200
    make.make_consent_text(newer=True)
    assert client.get(address)["Location"] == f"{address}welcome/"
    page = welcome(client, run)
    main = page[page.index("<main") :]
    assert "The terms have changed" in main
    assert f"Votes are kept ({version + 1})." in main
    assert "Read both answers" not in main
    assert 'type="checkbox"' not in main
    assert press_start(client, f"{address}welcome/", languages=[])["Location"] == address
    assert [consent.text.version for consent in Consent.objects.all()] == [
        version,
        version + 1,
    ]


def test_consent_that_changed_meanwhile_is_shown_anew(version: int) -> None:
    run, client = make_door("open"), Client()
    make.make_consent_text(newer=True)
    answer = press_start(client, f"/rate/{run.slug}/welcome/", version=version)
    assert "The text has changed." in answer.content.decode()
    assert f"Votes are kept ({version + 1})." in answer.content.decode()
    assert Annotator.objects.count() == 0


def test_start_pressed_again_leads_on(version: int) -> None:
    run = make.make_run()
    answer = volunteer_in(run).post(f"/rate/{run.slug}/welcome/", {"version": version})
    assert answer["Location"] == f"/rate/{run.slug}/"


def test_pages_on_the_way_in_are_never_cached() -> None:
    run = make_door("open")
    for address in (f"/rate/{run.slug}/welcome/", f"/rate/{run.slug}/practice/", "/me/"):
        assert Client().get(address)["Cache-Control"] == "no-store"


def make_practice(**rules: Any) -> tuple[SelectionRun, Client]:
    """Make a run with one pair to practise on, and a browser that has pressed Start."""
    run = make.make_open_round().run
    make.make_rules(run, **{"practice_needed": 1} | rules)
    words = {"explanation_en": "Look at the *number*.", "explanation_ja": "数を見てください。"}
    make.make_gold_pair(run, use="practice", **words)
    return run, volunteer_in(run)


def answer_practice(client: Client, run: SelectionRun, *, right: bool) -> Any:
    """Answer the practice comparison at hand."""
    address = f"/rate/{run.slug}/practice/"
    page = client.get(address).content.decode()
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    comparison = Comparison.objects.get(token=found[1])
    better = str(comparison.side_a)
    choice = better if right else {"left": "right", "right": "left"}[better]
    return client.post(address, {"token": found[1], "choice": choice})


def test_practice_explains_and_then_lets_one_rate() -> None:
    run, client = make_practice()
    address = f"/rate/{run.slug}/practice/"
    assert client.get(f"/rate/{run.slug}/")["Location"] == address
    page = client.get(address).content.decode()
    assert "This one does not count." in page
    assert "Look at the" not in page
    answer = answer_practice(client, run, right=True)
    assert answer.status_code == 303
    page = client.get(answer["Location"]).content.decode()
    assert "<strong>Yes.</strong>" in page
    assert "Look at the <em>number</em>." in page
    assert "1 of 1 right" in page
    assert client.get(f"/rate/{run.slug}/").status_code == 200
    assert client.get(address)["Location"] == f"/rate/{run.slug}/"
    assert Vote.objects.counting().count() == 0


def test_practice_says_calmly_what_most_people_would_say() -> None:
    run, client = make_practice()
    answer = answer_practice(client, run, right=False)
    page = client.get(answer["Location"], headers={"Accept-Language": "ja"}).content.decode()
    assert "数を見てください。" in page
    page = client.get(answer["Location"]).content.decode()
    better = "A" if Comparison.objects.get().side_a == "left" else "B"
    assert f"Most people would say that {better} is better." in page
    assert f"You said that {'B' if better == 'A' else 'A'} is better." in page
    assert 'name="again"' in page


def test_practice_can_be_gone_through_again() -> None:
    run, client = make_practice()
    address = f"/rate/{run.slug}/practice/"
    answer_practice(client, run, right=False)
    page = client.get(address).content.decode()
    assert "You had 0 of 1 right; 1 are needed." in page
    assert client.post(address, {"again": "1"})["Location"] == address
    answer_practice(client, run, right=True)
    assert client.get(f"/rate/{run.slug}/").status_code == 200


def test_practice_shows_nobody_elses_answer() -> None:
    run, client = make_practice()
    answer = answer_practice(client, run, right=True)
    page = volunteer_in(run).get(answer["Location"]).content.decode()
    assert "Look at the" not in page


def test_practice_does_not_name_its_purpose_or_writer() -> None:
    run, client = make_practice()
    page = client.get(f"/rate/{run.slug}/practice/").content.decode()
    names = run.candidates.values_list("name", flat=True)
    assert [name for name in names if name in page] == []


def test_practice_answer_that_cannot_be_read_asks_again() -> None:
    run, client = make_practice()
    address = f"/rate/{run.slug}/practice/"
    answer = client.post(address, {"token": "none", "choice": "left"}, follow=True)
    assert "Please choose again." in answer.content.decode()
    assert Vote.objects.count() == 0


def test_practice_of_a_run_whose_round_has_closed_says_so() -> None:
    run, client = make_practice()
    run.rounds.update(closed_at=run.rounds.get().opened_at)
    page = client.get(f"/rate/{run.slug}/practice/").content.decode()
    assert "This round takes no votes." in page


def test_practice_is_not_what_the_simulated_look_for() -> None:
    run, client = make_practice()
    page = read_page(client.get(f"/rate/{run.slug}/practice/").content.decode())
    assert not page.has_comparison
