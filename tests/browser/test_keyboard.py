"""The whole way of a volunteer without a mouse, and always to be seen where one is."""

import pytest
from playwright.sync_api import Locator, Page, expect

from annotate.models import Comparison, ReasonTag, Report, Round, User, Vote
from tests import factories as make
from tests.browser.conftest import Open
from tests.browser.rating import expect_another, expect_votes, settle, token_on

TABS_AT_MOST = 60

# Something of the element differs from what it is without the focus: its outline, as a rule.
IS_SEEN = """(element) => {
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  const isOnScreen = box.bottom > 0 && box.top < innerHeight && box.right > 0;
  const hasOutline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const middle = [box.x + box.width / 2, Math.min(box.y + box.height / 2, innerHeight - 1)];
  const top = document.elementFromPoint(...middle);
  return isOnScreen && hasOutline && (element.contains(top) || Boolean(top?.contains(element)));
}"""


@pytest.fixture
def round_(transactional_db: None) -> Round:
    """Open a round in whose run everything is asked."""
    round_ = make.make_open_round(n_prompts=8)
    rules = make.make_rules(round_.run, offers_comment=True)
    for n, (en, ja) in enumerate([("more correct", "より正確"), ("repetition", "繰り返しが多い")]):
        tag, _is_new = ReasonTag.objects.get_or_create(
            slug=f"reason-{n}", defaults={"label_en": en, "label_ja": ja}
        )
        rules.reasons.add(tag)
    return round_


@pytest.fixture
def volunteer(round_: Round) -> User:
    return make.make_volunteer(round_.run)


def tab_to(page: Page, wanted: Locator, *, key: str = "Tab") -> None:
    """Press Tab until the wanted control has the focus; every stop on the way can be seen."""
    for _press in range(TABS_AT_MOST):
        page.keyboard.press(key)
        focused = page.locator(":focus")
        if not focused.count():
            continue  # after the last control comes the browser itself, and then the first again
        assert focused.evaluate(IS_SEEN), focused.evaluate("(element) => element.outerHTML")
        if wanted.evaluate("(element) => element === document.activeElement"):
            return
    raise AssertionError(f"no Tab leads to {wanted}")


def summary(page: Page, label: str) -> Locator:
    return page.locator("summary", has_text=label)


def test_first_tab_offers_to_skip_the_frame(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_vote_with_reasons_and_comment_by_keyboard(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    settle(page)
    tab_to(page, summary(page, "Say why"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("repetition").first)
    page.keyboard.press("Space")
    tab_to(page, page.get_by_label("Comment", exact=True))
    page.keyboard.type("1 is clear 2")  # digits here are words, and no votes
    page.keyboard.press("Escape")
    expect(summary(page, "Say why")).to_be_focused()
    assert Vote.objects.count() == 0
    page.keyboard.press("1")
    expect_votes(page, 1)
    vote = Vote.objects.get()
    assert [*vote.reasons_a, *vote.reasons_b] == ["reason-1"]
    assert vote.comment == "1 is clear 2"


def test_verdict_is_reached_by_tab_and_given_by_enter(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    settle(page)
    first = token_on(page)
    tab_to(page, page.locator("#verdict button[value=both_bad]"))
    page.keyboard.press("Enter")
    expect_another(page, first)
    expect_votes(page, 1)
    assert Vote.objects.get().outcome == "both_bad"
    # And on from there: the focus is not lost with the pair that is gone.
    expect(page.locator("h1")).to_be_focused()
    tab_to(page, page.locator("#verdict button[value=tie]"))


def test_skip_undo_and_report_by_keyboard(open_as: Open, volunteer: User, round_: Round) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    settle(page)
    first = token_on(page)
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="I can't judge this")).to_be_focused()
    page.keyboard.press("Enter")
    second = expect_another(page, first)
    assert Comparison.objects.get(token=first).skip_reason == "cannot_judge"
    settle(page)
    page.keyboard.press("Backspace")
    assert expect_another(page, second) == first
    settle(page)
    tab_to(page, summary(page, "Report"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Report B"))
    page.keyboard.press("Enter")
    expect_another(page, first)
    assert Report.objects.get().comparison.token == Comparison.objects.get(token=first).token


def test_keys_in_a_menu_that_asks_are_no_verdict(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    settle(page)
    page.keyboard.press("0")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Not my language")).to_be_focused()
    for key in ("1", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="I can't judge this")).to_be_focused()
    assert not Vote.objects.exists()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    expect_votes(page, 1)


def test_vote_is_found_again_and_changed_by_keyboard(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    settle(page)
    page.keyboard.press("1")
    expect_votes(page, 1)
    tab_to(page, page.get_by_role("link", name="My votes"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{page.url.split('/rate/')[0]}/rate/{round_.run.slug}/votes/")
    page.wait_for_load_state()
    tab_to(page, page.locator("main ol a").first)
    page.keyboard.press("Enter")
    tab_to(page, page.locator("button[value=tie]"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_be_visible()
    assert Vote.objects.standing().get().outcome == "tie"


def test_view_changes_by_keyboard_and_keeps_the_focus(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    page = open_as(volunteer, f"/rate/{round_.run.slug}/")
    tab_to(page, page.get_by_role("link", name="Plain"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Plain")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("link", name="Plain")).to_be_focused()
    tab_to(page, page.get_by_role("link", name="Rendered"), key="Shift+Tab")
