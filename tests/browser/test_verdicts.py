"""What a run's rules add to a verdict, and the ways around one: undo, skip, report."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from annotate.models import Comparison, ReasonTag, Report, Round, User, Vote
from tests import factories as make
from tests.browser.conftest import Open
from tests.browser.rating import (
    PHONE,
    address_of,
    button,
    choices,
    expect_another,
    expect_votes,
    make_pairs,
    settle,
    token_on,
)

DEGREE_KEYS = {
    "Shift+ArrowLeft": ("left", "clearly"), "ArrowLeft": ("left", "slightly"),
    "ArrowRight": ("right", "slightly"), "Shift+ArrowRight": ("right", "clearly"),
    "1": ("left", "clearly"), "2": ("left", "slightly"), "3": ("tie", ""),
    "4": ("both_bad", ""), "5": ("right", "slightly"), "6": ("right", "clearly"),
}  # fmt: skip


@pytest.fixture
def volunteer(transactional_db: None) -> User:
    return make.make_user()


def make_asking(user: User, *, n_pairs: int = 4, **rules: Any) -> Round:
    """Open a round that asks for two reasons and a comment."""
    pairs = [(f"left {n}", f"right {n}") for n in range(n_pairs)]
    round_ = make_pairs(*pairs, user=user, **{"offers_comment": True} | rules)
    for slug, label_ja in (("correct", "正確"), ("natural", "自然")):
        tag = ReasonTag.objects.create(slug=slug, label_en=f"more {slug}", label_ja=label_ja)
        round_.run.stored_rules.reasons.add(tag)
    return round_


def reasons_of(vote: Vote) -> tuple[list[str], list[str]]:
    """Give the reasons for the left side and for the right one."""
    if vote.comparison.side_a == "left":
        return vote.reasons_a, vote.reasons_b
    return vote.reasons_b, vote.reasons_a


def choose_reasons(page: Page) -> None:
    """Say why with the mouse: one reason for A, two for B, and a comment."""
    page.locator(".menu:has(.why) summary").click()
    left, right = page.get_by_role("group", name="A"), page.get_by_role("group", name="B")
    left.get_by_label("more correct").check()
    right.get_by_label("more correct").check()
    right.get_by_label("more natural").check()
    page.get_by_label("Comment").fill("both are fine, 2 is better")


def test_degrees_have_keys_of_their_own(open_as: Open, volunteer: User) -> None:
    round_ = make_asking(volunteer, n_pairs=11, asks_degree=True)
    page = open_as(volunteer, address_of(round_))
    for number, key in enumerate(DEGREE_KEYS, start=1):
        settle(page)
        page.keyboard.press(key)
        expect_votes(page, number)
    degrees = list(Vote.objects.order_by("id").values_list("degree", flat=True))
    assert list(zip(choices(), degrees, strict=True)) == list(DEGREE_KEYS.values())


@pytest.mark.parametrize(
    ("rules", "offered"),
    [
        ({}, ["left", "tie", "both_bad", "right"]),
        ({"offers_tie": False}, ["left", "both_bad", "right"]),
        ({"offers_tie": False, "offers_both_bad": False}, ["left", "right"]),
        (
            {"asks_degree": True, "offers_both_bad": False},
            ["left_clearly", "left_slightly", "tie", "right_slightly", "right_clearly"],
        ),
    ],
)
def test_buttons_are_those_of_the_run_and_digits_count_them(
    rules: dict[str, bool], offered: list[str], open_as: Open, volunteer: User
) -> None:
    page = open_as(volunteer, address_of(make_asking(volunteer, **rules)))
    buttons = page.locator("#verdict button[name=choice]")
    assert buttons.evaluate_all("(all) => all.map((each) => each.value)") == offered
    places = [box.bounding_box()["x"] for box in buttons.all()]
    assert places == sorted(places)
    settle(page)
    page.keyboard.press(str(len(offered) + 1))
    page.wait_for_timeout(200)
    assert Vote.objects.count() == 0
    page.keyboard.press(str(len(offered)))
    expect_votes(page, 1)
    assert choices() == ["right"]


@pytest.mark.parametrize("script", [True, False])
def test_reasons_and_a_comment_go_with_the_vote_and_are_empty_for_the_next(
    script: bool, open_as: Open, volunteer: User
) -> None:
    page = open_as(volunteer, address_of(make_asking(volunteer)), java_script_enabled=script)
    place = button(page, "left").bounding_box(), page.locator(".reply").first.bounding_box()
    choose_reasons(page)
    assert place == (
        button(page, "left").bounding_box(), page.locator(".reply").first.bounding_box()
    )  # fmt: skip
    settle(page)
    button(page, "right").click()
    expect_votes(page, 1)
    vote = Vote.objects.select_related("comparison").get()
    assert reasons_of(vote) == (["correct"], ["correct", "natural"])
    assert vote.comment == "both are fine, 2 is better"
    page.get_by_text("Say why").click()
    expect(page.get_by_label("Comment")).to_have_value("")
    expect(page.locator(".why :checked")).to_have_count(0)
    settle(page)
    button(page, "left").click()
    expect_votes(page, 2)
    last = Vote.objects.select_related("comparison").last()
    assert last is not None
    assert (*reasons_of(last), last.comment) == ([], [], "")


def test_reasons_are_chosen_by_key_and_labelled_in_the_readers_language(
    open_as: Open, volunteer: User
) -> None:
    page = open_as(volunteer, address_of(make_asking(volunteer)), locale="ja")
    choose_first_reason_by_key(page)
    expect(page.get_by_role("group", name="A").get_by_label("正確")).to_be_checked()
    page.keyboard.press("Escape")
    expect(page.locator(".why")).to_be_hidden()
    token = token_on(page)
    page.keyboard.press("ArrowLeft")
    expect_another(page, token)
    expect(page.locator(".why :checked")).to_have_count(0)
    expect(page.locator("#progress")).to_contain_text("1")
    vote = Vote.objects.select_related("comparison").get()
    assert reasons_of(vote) == (["correct"], [])


@pytest.mark.parametrize("script", [True, False])
def test_enter_in_a_field_is_no_verdict(script: bool, open_as: Open, volunteer: User) -> None:
    page = open_as(volunteer, address_of(make_asking(volunteer)), java_script_enabled=script)
    choose_first_reason_by_key(page)
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    expect(page.locator(".why :checked")).to_have_count(1)
    assert Vote.objects.count() == 0


def choose_first_reason_by_key(page: Page) -> None:
    settle(page)
    page.locator(".menu:has(.why) summary").focus()
    for key in ("Enter", "Tab", "Space"):
        page.keyboard.press(key)


def test_another_view_of_the_pair_keeps_what_was_chosen(open_as: Open, volunteer: User) -> None:
    page = open_as(volunteer, address_of(make_asking(volunteer)))
    choose_reasons(page)
    settle(page)
    page.get_by_role("link", name="Plain").click()
    expect(page.locator(".text.plain")).to_have_count(2)
    expect(page.locator(".why :checked")).to_have_count(3)
    page.keyboard.press("1")
    expect_votes(page, 1)
    assert Vote.objects.get().comment == "both are fine, 2 is better"


def test_input_method_neither_votes_nor_loses_what_is_typed(open_as: Open, volunteer: User) -> None:
    page = open_as(volunteer, address_of(make_asking(volunteer)))
    settle(page)
    page.get_by_text("Say why").click()
    page.get_by_label("Comment").focus()
    device = page.context.new_cdp_session(page)
    for code, composed in (("Digit2", "２"), ("Digit4", "２４"), ("ArrowLeft", "２４じ")):
        device.send(
            "Input.dispatchKeyEvent",
            {"type": "rawKeyDown", "key": "Process", "code": code, "windowsVirtualKeyCode": 229},
        )
        device.send(
            "Input.imeSetComposition",
            {"text": composed, "selectionStart": len(composed), "selectionEnd": len(composed)},
        )
    device.send(
        "Input.dispatchKeyEvent",
        {"type": "rawKeyDown", "key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229},
    )
    device.send("Input.insertText", {"text": "２４時"})
    expect(page.get_by_label("Comment")).to_have_value("２４時")
    # With no field to write in, an input method that is switched on is no voter either.
    page.keyboard.press("Escape")
    for code in ("Digit1", "ArrowRight"):
        device.send(
            "Input.dispatchKeyEvent",
            {"type": "rawKeyDown", "key": "Process", "code": code, "windowsVirtualKeyCode": 229},
        )
    page.wait_for_timeout(200)
    assert Vote.objects.count() == 0
    page.keyboard.press("1")
    expect_votes(page, 1)
    assert Vote.objects.get().comment == "２４時"


@pytest.mark.parametrize("script", [True, False])
def test_undo_shows_the_pair_again_and_the_next_vote_counts(
    script: bool, open_as: Open, volunteer: User
) -> None:
    page = open_as(volunteer, address_of(make_asking(volunteer)), java_script_enabled=script)
    first = token_on(page)
    settle(page)
    button(page, "left").click()
    second = expect_another(page, first)
    expect_votes(page, 1)
    settle(page)
    page.get_by_role("button", name="Undo").click()
    expect_another(page, second)
    assert token_on(page) == first
    expect(page.locator(".note")).to_have_text("Taken back. Here is that pair again.")
    settle(page)
    button(page, "right").click()
    expect_votes(page, 1)
    assert choices() == ["right"]
    expect_another(page, first)
    assert token_on(page) == second


def test_undo_by_key_goes_back_vote_by_vote(open_as: Open, volunteer: User) -> None:
    page = open_as(volunteer, address_of(make_asking(volunteer)))
    seen = []
    for number in range(1, 3):
        seen.append(token_on(page))
        settle(page)
        page.keyboard.press("1")
        expect_votes(page, number)
    for number in (1, 0):
        settle(page)
        page.keyboard.press("Backspace")
        expect_votes(page, number)
        assert token_on(page) == seen.pop()
    settle(page)
    page.keyboard.press("Backspace")
    expect(page.locator(".note")).to_have_text("There is nothing to undo.")


@pytest.mark.parametrize("script", [True, False])
def test_skip_asks_why_and_brings_another_pair(
    script: bool, open_as: Open, volunteer: User
) -> None:
    page = open_as(volunteer, address_of(make_asking(volunteer)), java_script_enabled=script)
    first = token_on(page)
    settle(page)
    page.locator(".tools").get_by_text("Skip").first.click()
    page.get_by_role("button", name="Not my language").click()
    expect_another(page, first)
    expect(page.locator(".note")).to_contain_text("Skipped")
    skipped = Comparison.objects.get(token=first)
    assert (skipped.skip_reason, Vote.objects.count()) == ("not_my_language", 0)
    settle(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#verdict input[name=token]")).to_have_value(first)


def test_skip_has_a_key_that_leads_to_its_reasons(open_as: Open, volunteer: User) -> None:
    page = open_as(volunteer, address_of(make_asking(volunteer)))
    first = token_on(page)
    settle(page)
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="I can't judge this")).to_be_focused()
    page.keyboard.press("Enter")
    expect_another(page, first)
    assert Comparison.objects.get(token=first).skip_reason == "cannot_judge"


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}, PHONE])
def test_report_hides_the_answer_from_everybody(
    options: dict[str, Any], open_as: Open, volunteer: User
) -> None:
    round_ = make_asking(volunteer, n_pairs=2)
    page = open_as(volunteer, address_of(round_), **options)
    first = token_on(page)
    harmful = page.locator("[data-reply=right]").inner_text()
    settle(page)
    page.get_by_text("Report", exact=True).click()
    page.get_by_label("What is wrong with it").fill("it tells how to harm somebody")
    page.get_by_label("What is wrong with it").press("Enter")
    page.wait_for_timeout(500)
    assert Report.objects.count() == 0
    expect(page.locator("#verdict input[name=token]")).to_have_value(first)
    page.get_by_role("button", name="Report B").click()
    expect_another(page, first)
    expect(page.locator(".note")).to_contain_text("hidden for everyone")
    report = Report.objects.select_related("completion").get()
    assert report.completion.replies == [harmful]
    assert report.text == "it tells how to harm somebody"
    other = open_as(make.make_volunteer(round_.run), address_of(round_), **options)
    assert harmful not in other.locator("article").inner_text()
    assert other.locator("[data-reply]").count() == 2


@pytest.mark.parametrize("script", [True, False])
def test_each_turn_is_judged_apart(script: bool, open_as: Open, volunteer: User) -> None:
    round_ = make.make_open_round(n_prompts=0)
    make.make_rules(round_.run, judges_each_turn=True)
    make.let_in(round_.run, volunteer)
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["First?", "Second?"])
    for candidate in round_.candidates.all():
        replies = [f"first of {candidate.pk}", f"second of {candidate.pk}"]
        make.make_completion(candidate, prompt, replies=replies)
    page = open_as(volunteer, address_of(round_), java_script_enabled=script)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Which answer to question 1 is better?")
    expect(page.locator("[data-turn]")).to_have_text(["First?"])
    token = token_on(page)
    settle(page)
    button(page, "left").click()
    expect(heading).to_have_text("Which answer to question 2 is better?")
    expect(page.locator("[data-turn]")).to_have_text(["First?", "Second?"])
    assert token_on(page) == token
    settle(page)
    button(page, "tie").click()
    expect(page.locator("[data-nothing-left]")).to_be_visible()
    assert list(Vote.objects.order_by("turn").values_list("turn", flat=True)) == [1, 2]
    assert choices() == ["left", "tie"]
