"""Admins set how volunteers rate: a page of forms, each for a part of it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotate.models import (
    Completion,
    GoldPair,
    Invitation,
    Participation,
    RatingRules,
    ReasonTag,
    Report,
    SelectionRun,
)
from tests import factories as make
from tests.views.pages import browser_as, browser_of, count_queries

pytestmark = pytest.mark.django_db

WRITTEN = {
    "part": "written", "language": "en", "question": "Which is the capital of Japan?",
    "better": "Tokyo.", "worse": "Kyoto.", "right": "better", "use": "gold",
    "explanation_en": "", "explanation_ja": "",
}  # fmt: skip
CARE = {"part": "care", "gold_rate": "5", "repeat_rate": "0", "practice_needed": "0"}


@pytest.fixture
def run() -> SelectionRun:
    """Make a run with three prompts, each answered by two candidates."""
    return make.make_open_round().run


@pytest.fixture
def admin() -> Client:
    return browser_as("admin")


def address(run: SelectionRun) -> str:
    return f"/runs/{run.slug}/rating/"


def send(admin: Client, run: SelectionRun, fields: dict[str, Any]) -> str:
    """Send a form of the page, and give the page that comes of it."""
    answer = admin.post(address(run), fields)
    if answer.status_code == 303:
        assert answer["Location"].startswith(f"{address(run)}#")
        answer = admin.get(address(run))
    else:
        assert answer.status_code == 400
    return answer.content.decode()


def section(page: str, name: str) -> str:
    """Cut a section out of the page."""
    found = re.search(rf'<section id="{name}".*?</section>', page, re.S)
    assert found is not None
    return found.group()


@pytest.mark.parametrize(("role", "status"), [("volunteer", 403), ("researcher", 403)])
def test_rules_are_for_admins_alone(role: str, status: int, run: SelectionRun) -> None:
    browser = browser_as(role)
    assert browser.get(address(run)).status_code == status
    assert browser.post(address(run), {"part": "door", "door": "open"}).status_code == status
    assert not RatingRules.objects.exists()


def test_rules_ask_a_stranger_to_sign_in(run: SelectionRun) -> None:
    assert Client().get(address(run))["Location"] == f"/sign-in/?next={address(run)}"


def test_rules_of_no_run_are_not_found(admin: Client) -> None:
    assert admin.get("/runs/none/rating/").status_code == 404


def test_unknown_part_is_refused(admin: Client, run: SelectionRun) -> None:
    assert admin.post(address(run), {"part": "walls"}).status_code == 400


@pytest.mark.parametrize(("role", "is_there"), [("researcher", False), ("admin", True)])
def test_run_page_leads_admins_to_its_rules(role: str, is_there: bool, run: SelectionRun) -> None:
    page = browser_as(role).get(f"/runs/{run.slug}/").content.decode()
    assert (f'href="{address(run)}"' in page) is is_there


def test_page_shows_the_defaults_and_the_address_to_share(admin: Client, run: SelectionRun) -> None:
    page = admin.get(address(run)).content.decode()
    assert f'value="http://testserver/rate/{run.slug}/"' in page
    door = re.search(r'value="account"[^>]*', section(page, "door"))
    assert door is not None
    assert "checked" in door.group()
    assert 'role="status"' not in page


def test_door_is_saved_and_said_in_its_section(admin: Client, run: SelectionRun) -> None:
    page = send(admin, run, {"part": "door", "door": "open"})
    assert RatingRules.of(run).door == "open"
    assert "votes already cast stay as they are" in section(page, "door")
    assert 'role="status"' not in section(page, "questions")


def test_page_says_who_changed_the_rules_last(admin: Client, run: SelectionRun) -> None:
    assert "Nobody has changed anything" in admin.get(address(run)).content.decode()
    send(
        browser_of(make.make_user("admin", username="aiko")), run, {"part": "door", "door": "open"}
    )
    page = admin.get(address(run)).content.decode()
    assert "Last changed by aiko" in page
    log = f"/runs/{run.slug}/log/?kind=rules"
    assert f'href="{log}"' in page
    assert "door" in admin.get(log).content.decode()


def test_questions_are_saved_with_their_reasons(admin: Client, run: SelectionRun) -> None:
    tag = make.make_reason("repetition")
    send(admin, run, {"part": "questions", "offers_tie": "on", "reasons": [tag.pk]})
    stored = RatingRules.of(run)
    assert (stored.offers_tie, stored.offers_both_bad, stored.offers_passages) == (
        True, False, False,
    )  # fmt: skip
    assert list(stored.reasons.all()) == [tag]


def test_reason_of_ones_own_is_added_and_offered(admin: Client, run: SelectionRun) -> None:
    fields = {"part": "reason", "label_en": "Too polite", "label_ja": "丁寧すぎる"}
    page = section(send(admin, run, fields), "questions")
    assert RatingRules.of(run).reasons.get().label_ja == "丁寧すぎる"
    assert "Too polite" in page
    again = section(send(admin, run, fields), "questions")
    assert "already a reason called “Too polite”" in again


def test_reason_labels_are_in_the_readers_language(admin: Client, run: SelectionRun) -> None:
    tag = ReasonTag.objects.create(slug="x", label_en="too polite", label_ja="丁寧すぎる")
    page = admin.get(address(run), headers={"Accept-Language": "ja"}).content.decode()
    assert tag.label_ja in page
    assert tag.label_en not in page


def test_care_is_read_and_shown_in_percent(admin: Client, run: SelectionRun) -> None:
    page = send(admin, run, CARE | {"gold_rate": "7.5", "max_characters_per_s": "120"})
    stored = RatingRules.of(run)
    assert stored.gold_rate == pytest.approx(0.075)
    assert (stored.max_characters_per_s, stored.daily_limit) == (120, None)
    field = re.search(r'<input[^>]*name="gold_rate"[^>]*>', page)
    assert field is not None
    assert 'value="7.5"' in field.group()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"gold_rate": "51"}, "More than half"),
        ({"repeat_rate": "-1"}, "begins at 0"),
        ({"daily_limit": "0"}, "At least 1"),
        ({"max_characters_per_s": "0"}, "At least 1"),
        ({"practice_needed": "1"}, "there are 0 practice comparisons"),
    ],
)
def test_care_that_cannot_be_is_refused_beside_its_field(
    fields: dict[str, str], said: str, admin: Client, run: SelectionRun
) -> None:
    page = send(admin, run, CARE | fields)
    (name,) = fields
    found = re.search(rf'<div id="care-{name}_error">(.*?)</div>', page, re.S)
    assert found is not None
    assert said in found.group(1)
    assert f'value="{fields[name]}"' in page
    assert not RatingRules.objects.exists()


def test_page_counts_answers_that_name_their_maker(admin: Client, run: SelectionRun) -> None:
    prompt = make.make_prompt(run.prompt_sets.get())
    make.make_completion(run.candidates.first(), prompt, names_maker="I am X by Y")
    assert "the like: 1 answer of this run." in admin.get(address(run)).content.decode()


def test_words_that_no_text_can_hold_find_nothing(admin: Client, run: SelectionRun) -> None:
    answer = admin.get(address(run), {"find": "Question\0zzz"})
    assert answer.status_code == 200
    assert "No question of this run has these words." in answer.content.decode()


def test_instructions_longer_than_anybody_reads_are_refused(
    admin: Client, run: SelectionRun
) -> None:
    page = send(admin, run, {"part": "instructions", "instructions_en": "x" * 40_001})
    assert "at most 40000 characters" in section(page, "instructions")
    assert not RatingRules.objects.exists()


def test_instructions_are_saved_in_both_languages(admin: Client, run: SelectionRun) -> None:
    page = send(
        admin, run,
        {"part": "instructions", "instructions_en": "Read *all*.", "instructions_ja": "全部読む。"},
    )  # fmt: skip
    stored = RatingRules.of(run)
    assert (stored.instructions_en, stored.instructions_ja) == ("Read *all*.", "全部読む。")
    assert "two answers to it" in section(page, "instructions")  # the house's own stays readable


def test_invitation_is_made_listed_and_revoked(admin: Client, run: SelectionRun) -> None:
    page = send(admin, run, {"part": "invitation", "label": "class 3b", "admits_at_most": "2"})
    made = Invitation.objects.get()
    listed = section(page, "invitations")
    assert f"http://testserver/invitation/{made.token}/" in listed
    assert "0 of at most 2 came in" in listed
    page = send(admin, run, {"part": "revoke", "invitation": made.pk})
    listed = section(page, "invitations")
    assert made.token not in listed
    assert '<span class="badge">revoked</span>' in listed


def test_invitation_of_another_run_is_not_revoked(admin: Client, run: SelectionRun) -> None:
    other = Invitation.objects.create(run=make.make_run())
    send(admin, run, {"part": "revoke", "invitation": other.pk})
    other.refresh_from_db()
    assert other.revoked_at is None


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"admits_at_most": 1}, "full"),
        ({"admits_at_most": 2}, "open"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expired"),
    ],
)
def test_invitation_says_whether_it_lets_anybody_in(
    fields: dict[str, Any], state: str, admin: Client, run: SelectionRun
) -> None:
    made = Invitation.objects.create(run=run, **fields)
    Participation.objects.create(run=run, annotator=make.make_annotator(), invitation=made)
    listed = section(admin.get(address(run)).content.decode(), "invitations")
    assert f'<span class="badge">{state}</span>' in listed
    assert (made.token in listed) is (state == "open")


def test_invitation_in_the_past_is_refused_beside_its_field(
    admin: Client, run: SelectionRun
) -> None:
    page = send(admin, run, {"part": "invitation", "expires_at": "2020-01-01T10:00"})
    assert re.search(r'id="invitation-expires_at_error">\s*<p[^>]*>That time is past', page)
    assert not Invitation.objects.exists()


def test_known_answer_is_written_by_hand(admin: Client, run: SelectionRun) -> None:
    page = send(admin, run, WRITTEN)
    pair = GoldPair.objects.get()
    better = pair.completion_a if pair.outcome == "a" else pair.completion_b
    assert (pair.run, pair.use, better.replies) == (run, "gold", ["Tokyo."])
    assert "Which is the capital of Japan?" in section(page, "known")


def test_practice_needs_its_explanations(admin: Client, run: SelectionRun) -> None:
    page = send(admin, run, WRITTEN | {"use": "practice"})
    assert "explanation in both languages" in section(page, "known")
    assert "Tokyo." in page  # what was typed is still there
    assert not GoldPair.objects.exists()


def test_known_answer_is_chosen_from_the_run(admin: Client, run: SelectionRun) -> None:
    prompt = run.prompts().first()
    found = admin.get(address(run), {"find": prompt.turns[0][:10]}).content.decode()
    assert f'href="?prompt={prompt.pk}#choose"' in found
    better, other = Completion.objects.of_run(run).filter(prompt=prompt).order_by("-pk")
    chosen = admin.get(address(run), {"prompt": prompt.pk}).content.decode()
    assert better.replies[0] in chosen
    assert not [each.name for each in run.candidates.all() if each.name in chosen]
    fields = {"part": "chosen", "better": better.pk, "other": other.pk, "right": "better"}
    send(admin, run, fields | {"use": "gold"})
    pair = GoldPair.objects.get()
    assert {pair.completion_a, pair.completion_b} == {better, other}
    assert pair.outcome == ("a" if pair.completion_a == better else "b")


def test_hidden_answer_is_not_offered_as_known(admin: Client, run: SelectionRun) -> None:
    prompt = run.prompts().first()
    shown, hidden = Completion.objects.of_run(run).filter(prompt=prompt)
    comparison = make.make_comparison(
        shown, hidden, round_=run.rounds.get(), annotator=make.make_annotator()
    )
    Report.objects.create(comparison=comparison, completion=hidden)
    page = admin.get(address(run), {"prompt": prompt.pk}).content.decode()
    assert shown.replies[0] in page
    assert hidden.replies[0] not in page


@pytest.mark.parametrize(("right", "outcome"), [("tie", "tie"), ("both_bad", "both_bad")])
def test_known_answer_can_be_that_neither_is_better(
    right: str, outcome: str, admin: Client, run: SelectionRun
) -> None:
    send(admin, run, WRITTEN | {"right": right})
    assert GoldPair.objects.get().outcome == outcome


def test_answers_of_two_questions_make_no_pair(admin: Client, run: SelectionRun) -> None:
    better, other = run.candidates.first().completions.all()[:2]
    fields = {"part": "chosen", "better": better.pk, "other": other.pk, "right": "better"}
    answer = admin.post(f"{address(run)}?prompt={better.prompt_id}", fields | {"use": "gold"})
    assert answer.status_code == 400
    assert "Both must answer the same prompt." in answer.content.decode()


def test_known_answers_tell_how_often_they_were_found(admin: Client, run: SelectionRun) -> None:
    pair = make.make_gold_pair(run)
    for outcome in ("a", "a", "b"):
        comparison = make.make_comparison(
            pair.completion_a, pair.completion_b, round_=run.rounds.get(),
            annotator=make.make_annotator(), purpose="gold", gold=pair,
        )  # fmt: skip
        make.make_vote(comparison, outcome)
    listed = section(admin.get(address(run)).content.decode(), "known")
    assert "3 answers, 67 % right" in listed


def test_known_answer_is_retired(admin: Client, run: SelectionRun) -> None:
    pair = make.make_gold_pair(run)
    page = send(admin, run, {"part": "retire", "pair": pair.pk})
    pair.refresh_from_db()
    assert pair.retired_at is not None
    assert '<span class="badge">retired</span>' in section(page, "known")


def test_practice_that_is_needed_stays(admin: Client, run: SelectionRun) -> None:
    pair = make.make_gold_pair(run, use="practice")
    make.make_rules(run, practice_needed=1)
    page = send(admin, run, {"part": "retire", "pair": pair.pk})
    assert "ask for fewer under “Care” first" in section(page, "known")
    pair.refresh_from_db()
    assert pair.retired_at is None


def test_page_takes_no_query_for_each_row(admin: Client, run: SelectionRun) -> None:
    def fill() -> None:
        make.make_gold_pair(run)
        Invitation.objects.create(run=run)

    fill()
    admin.get(address(run))
    with_one = count_queries(lambda: admin.get(address(run)))
    fill()
    fill()
    assert count_queries(lambda: admin.get(address(run))) == with_one


def test_page_says_that_no_known_answer_is_there_to_show() -> None:
    run = make.make_run()
    words = "there is none to show"
    admin = browser_as("admin")
    assert words not in admin.get(f"/runs/{run.slug}/rating/").content.decode()
    make.make_rules(run, gold_rate=0.1)
    assert words in admin.get(f"/runs/{run.slug}/rating/").content.decode()
    make.make_gold_pair(run)
    assert words not in admin.get(f"/runs/{run.slug}/rating/").content.decode()


def test_page_says_that_the_run_is_closed() -> None:
    run = make.make_run(state="closed")
    page = browser_as("admin").get(f"/runs/{run.slug}/rating/").content.decode()
    assert "This run is closed: nobody rates in it any more" in page
