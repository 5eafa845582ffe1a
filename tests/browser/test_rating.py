"""A volunteer at the rating page: by mouse, by key, by thumb, with and without JavaScript."""

import re

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from annotate.models import Comparison, Round, User, Vote
from annotate.services import states
from tests import factories as make
from tests.browser.conftest import Open
from tests.browser.rating import (
    PHONE,
    address_of,
    button,
    choices,
    expect_another,
    expect_votes,
    hold,
    let_go,
    make_pairs,
    settle,
    token_on,
    until,
)

KEYS = {
    "ArrowLeft": "left", "1": "left", "2": "tie", "3": "both_bad",
    "ArrowRight": "right", "4": "right",
}  # fmt: skip
LONG = "A sentence that fills the line. " * 400


@pytest.fixture
def volunteer(transactional_db: None) -> User:
    return make.make_user()


@pytest.fixture
def round_(volunteer: User) -> Round:
    round_ = make.make_open_round(n_prompts=12)
    make.let_in(round_.run, volunteer)
    return round_


def test_vote_by_mouse_brings_the_next_comparison(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, "/")
    page.locator(f"a[href='{address_of(round_)}']").first.click()
    first = token_on(page)
    settle(page)
    page.get_by_role("button", name="B is better").click()
    expect_votes(page, 1)
    assert choices() == ["right"]
    second = token_on(page)
    assert second != first
    assert second == str(Comparison.objects.unanswered().order_by("id")[0].token)


def test_next_comparison_is_shown_before_the_site_has_answered(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, address_of(round_))
    ahead: list[str] = []
    for number in range(1, 4):
        settle(page)
        held = hold(page, address_of(round_) + "?*")
        first = token_on(page)
        page.keyboard.press("1")
        ahead.append(expect_another(page, first))
        assert Vote.objects.count() == number - 1
        let_go(page, held)
        expect_votes(page, number)
        page.unroute(address_of(round_) + "?*")
        assert token_on(page) == ahead[-1]
    assert len(set(ahead)) == 3


def test_vote_that_waits_for_the_next_pair_is_seen_to_be_taken(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, "/")
    page.route("**/ahead/*", lambda route: route.abort())
    page.goto(address_of(round_))
    settle(page)
    held = hold(page, "**" + address_of(round_))
    first = token_on(page)
    page.keyboard.press("1")
    expect(button(page, "left")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[aria-pressed]")).to_have_count(1)
    let_go(page, held)
    expect_another(page, first)
    expect(page.locator("[aria-pressed]")).to_have_count(0)


def test_every_key_votes_as_the_legend_says(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(volunteer, address_of(round_))
    for number, key in enumerate(KEYS, start=1):
        settle(page)
        page.keyboard.press(key)
        expect_votes(page, number)
    assert choices() == list(KEYS.values())


def test_arrows_up_and_down_scroll_and_do_not_vote(open_as: Open, volunteer: User) -> None:
    round_ = make_pairs((LONG, LONG + "!"), ("a", "b"), user=volunteer)
    page = open_as(volunteer, address_of(round_))
    settle(page)
    if not page.get_by_label("Show both answers in full").count():
        page.keyboard.press("1")
        expect_votes(page, 1)
        page.keyboard.press("Backspace")
    page.get_by_label("Show both answers in full").check()
    votes = Vote.objects.count()
    for _press in range(3):
        page.keyboard.press("ArrowDown")
    until(page, "scrollY > 0")
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(200)
    assert Vote.objects.count() == votes


def test_keys_that_were_not_meant_do_nothing(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(volunteer, address_of(round_))
    settle(page)
    page.evaluate(
        """() => {
          const strike = (init) => document.body.dispatchEvent(
            new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init }));
          strike({ key: "1", isComposing: true });
          strike({ key: "1", keyCode: 229 });
          strike({ key: "Process", code: "Digit1", keyCode: 229 });
          strike({ key: "ArrowRight", repeat: true });
          for (const held of ["ctrlKey", "altKey", "metaKey", "shiftKey"])
            strike({ key: "ArrowLeft", [held]: true });
          const field = document.body.appendChild(document.createElement("input"));
          field.focus();
          field.dispatchEvent(new KeyboardEvent("keydown", { key: "2", bubbles: true }));
          field.remove();
        }"""
    )
    for key in ("a", "5", "Enter", "PageDown"):
        page.keyboard.press(key)
    page.wait_for_timeout(200)
    assert Vote.objects.count() == 0
    page.keyboard.press("1")
    expect_votes(page, 1)


def test_key_that_is_held_down_is_one_vote(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(volunteer, address_of(round_))
    settle(page)
    page.keyboard.down("ArrowRight")
    for _repeat in range(10):
        page.wait_for_timeout(100)
        page.keyboard.down("ArrowRight")  # Chromium marks it as a repetition
    page.keyboard.up("ArrowRight")
    expect_votes(page, 1)


def test_vote_without_javascript(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(volunteer, address_of(round_), java_script_enabled=False)
    expect(page.locator("kbd:visible, .legend:visible")).to_have_count(0)
    button(page, "tie").click()
    expect_votes(page, 1)
    assert choices() == ["tie"]
    page.reload()
    expect_votes(page, 1)


@pytest.mark.parametrize("script", [True, False])
def test_double_click_is_one_vote(
    script: bool, open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, address_of(round_), java_script_enabled=script)
    settle(page)
    button(page, "left").dblclick()
    expect_votes(page, 1)
    page.wait_for_timeout(300)
    assert Vote.objects.count() == 1


def test_second_click_that_meets_the_next_comparison_is_no_vote(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, address_of(round_))
    settle(page)
    # No Playwright between the two: it is slower than a hand.
    page.evaluate(
        """() => {
          const click = () => document.querySelector("#verdict button[value=left]").click();
          click();
          requestAnimationFrame(click);
        }"""
    )
    page.wait_for_timeout(300)
    expect_votes(page, 1)
    settle(page)
    button(page, "left").click()
    expect_votes(page, 2)


@pytest.mark.parametrize("script", [True, False])
def test_back_button_and_reload_show_no_judged_pair_again(
    script: bool, open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, "/", java_script_enabled=script)
    page.goto(address_of(round_))
    first = token_on(page)
    settle(page)
    button(page, "left").click()
    expect_votes(page, 1)
    second = token_on(page)
    page.reload()
    assert token_on(page) == second != first
    page.goto("/")
    page.go_back()
    expect(page.locator("#verdict input[name=token]")).to_have_value(second)
    assert Vote.objects.count() == 1
    settle(page)
    button(page, "right").click()
    expect_votes(page, 2)
    assert choices() == ["left", "right"]


def test_two_tabs_show_the_same_pairs_and_make_one_vote_of_each(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    one = open_as(volunteer, address_of(round_))
    other = open_as(volunteer, address_of(round_))
    assert token_on(one) == token_on(other)
    settle(other)
    button(one, "tie").click()
    expect_votes(one, 1)
    button(other, "both_bad").click()
    expect(other.locator(".note")).to_contain_text("Your first vote stands.")
    assert choices() == ["tie"]
    assert token_on(one) == token_on(other)
    settle(other)
    for number, tab in enumerate((other, one, other), start=2):
        settle(tab)
        seen = token_on(tab)
        with tab.expect_response(lambda answer: answer.request.method == "POST"):
            button(tab, "left").click()
        expect_another(tab, seen)
        assert Vote.objects.count() <= number
    assert Vote.objects.count() == Comparison.objects.filter(answered_at__isnull=False).count()


def test_a_pair_ahead_that_comes_late_takes_no_number_back(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, "about:blank")
    held: list[tuple[Route, APIResponse]] = []
    page.route("**/ahead/**", lambda route: held.append((route, route.fetch())))
    with page.expect_request("**/ahead/**"):
        page.goto(address_of(round_))
    settle(page)
    button(page, "left").click()
    expect_votes(page, 1)
    route, response = held[0]
    with page.expect_response("**/ahead/**"):
        route.fulfill(response=response)
    page.wait_for_timeout(200)
    expect_votes(page, 1)


def test_vote_after_the_round_closed_says_so(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(volunteer, address_of(round_))
    states.close_round(round_=round_)
    settle(page)
    button(page, "left").click()
    expect(page.get_by_role("alert")).to_have_text(
        "This round has closed, so the vote was not taken."
    )
    expect(page.locator("[data-nothing-left]")).to_be_visible()
    page.get_by_role("link", name="Go to the home page").click()
    expect(page).to_have_url(re.compile("/$"))
    assert Vote.objects.count() == 0


def test_last_pair_leads_to_why_nothing_is_left(open_as: Open, volunteer: User) -> None:
    round_ = make_pairs(("a", "b"), user=volunteer)
    page = open_as(volunteer, address_of(round_))
    settle(page)
    page.keyboard.press("2")
    expect(page.get_by_text("You have judged every pair of this round.")).to_be_visible()
    expect_votes(page, 1)
    expect(page.locator("#stage").get_by_role("link", name="My votes")).to_be_visible()
    settle(page)
    page.keyboard.press("Backspace")
    expect(page.locator("#verdict")).to_be_visible()
    expect_votes(page, 0)


def test_next_comparison_begins_at_the_top_with_the_focus_on_it(
    open_as: Open, volunteer: User
) -> None:
    round_ = make_pairs((LONG, LONG + "!"), (LONG, LONG + "?"), user=volunteer)
    page = open_as(volunteer, address_of(round_))
    settle(page)
    expect(button(page, "left")).to_be_in_viewport(ratio=1)
    page.get_by_label("Show both answers in full").check()
    page.mouse.wheel(0, 5_000)
    until(page, "scrollY > 500")
    button(page, "right").focus()
    page.keyboard.press("Enter")
    expect_votes(page, 1)
    assert page.evaluate("window.scrollY") == 0
    assert page.evaluate("document.activeElement.textContent") == "Which answer is better?"


def test_nothing_moves_when_the_next_pair_comes(open_as: Open, volunteer: User) -> None:
    round_ = make_pairs((LONG, "b"), ("c", "d"), (LONG, "f"), ("g", "h"), user=volunteer)
    page = open_as(volunteer, address_of(round_))
    places = []
    for number in range(1, 4):
        settle(page)
        page.keyboard.press("ArrowLeft")
        expect_votes(page, number)
        frame = (page.locator("h1"), button(page, "left"), button(page, "right"))
        places.append([box.bounding_box() for box in frame])
    assert places[0] == places[1] == places[2]


STYLE = """(element) => {
  const { color, backgroundColor, borderColor, fontSize, fontWeight, padding }
    = getComputedStyle(element);
  return [color, backgroundColor, borderColor, fontSize, fontWeight, padding];
}"""


@pytest.mark.parametrize("degrees", [False, True])
def test_sides_have_equal_weight(degrees: bool, open_as: Open, volunteer: User) -> None:
    round_ = make_pairs(("short", LONG), user=volunteer, asks_degree=degrees)
    page = open_as(volunteer, address_of(round_), locale="ja")
    for width in (390, 768, 1024, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.reload()
        check_sides(page, degrees=degrees, is_wide=width > 768)


def check_sides(page: Page, *, degrees: bool, is_wide: bool) -> None:
    middle = page.locator(".foot").evaluate(
        "(foot) => { const { left, right } = foot.getBoundingClientRect(); return left + right }"
    )
    ends = ("_clearly", "_slightly") if degrees else ("",)
    pairs = [[button(page, f"left{end}"), button(page, f"right{end}")] for end in ends]
    for one, other in [page.locator(".reply").all(), *pairs]:
        left, right = one.bounding_box(), other.bounding_box()
        # Chromium lays out in 64ths of a pixel.
        assert left["width"] == pytest.approx(right["width"], abs=0.02)
        assert one.evaluate(STYLE) == other.evaluate(STYLE)
        if is_wide or [one, other] in pairs:
            assert (left["height"], left["y"]) == (right["height"], right["y"])
            # B's stands where A's would be in a mirror.
            assert left["x"] + right["x"] + right["width"] == pytest.approx(middle, abs=0.02)


def test_rating_on_a_phone(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(volunteer, address_of(round_), **PHONE)
    first, second = (box.bounding_box() for box in page.locator(".reply").all())
    assert second["y"] >= first["y"] + first["height"]
    assert first["width"] == second["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    targets = page.locator(".foot :is(button:not([hidden]), summary):visible").all()
    assert len(targets) == 7
    for box in targets:
        expect(box).to_be_in_viewport(ratio=1)
        assert box.bounding_box()["height"] >= 44
    expect(page.locator(".legend")).to_be_hidden()
    settle(page)
    button(page, "both_bad").tap()
    expect_votes(page, 1)
    assert choices() == ["both_bad"]


def test_touch_that_sent_nothing_leaves_no_button_chosen(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    make.make_rules(round_.run, max_characters_per_s=1)
    page = open_as(volunteer, address_of(round_), **PHONE)
    settle(page)
    button(page, "left").tap()
    expect(page.locator(".notices")).to_contain_text("Please read both answers first")
    page.wait_for_timeout(200)  # the colour has come to rest
    colour = "(button) => getComputedStyle(button).backgroundColor"
    assert button(page, "left").evaluate(colour) == button(page, "right").evaluate(colour)


@pytest.mark.parametrize("width", [320, 1280])
def test_wild_texts_hold_the_layout(width: int, open_as: Open, volunteer: User) -> None:
    round_ = make.make_open_round(n_prompts=0)
    make.let_in(round_.run, volunteer)
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["x" * 2_000])
    wild = ["無" * 20_000, "مرحبا " * 50 + "https://example.org/" + "a" * 3_000 + "👩‍👩‍👧\n\t" * 40]
    for candidate, text in zip(round_.candidates.all(), wild, strict=True):
        make.make_completion(candidate, prompt, replies=[text])
    page = open_as(volunteer, address_of(round_), viewport={"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(button(page, "left")).to_be_in_viewport(ratio=1)


def test_language_switch_keeps_the_comparison(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, address_of(round_))
    token = token_on(page)
    page.get_by_role("button", name="日本語").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("どちらの回答が良いですか？")
    assert token_on(page) == token
    assert page.locator("article").get_attribute("lang") == "en"
