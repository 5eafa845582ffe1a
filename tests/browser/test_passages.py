"""A volunteer marks passages by mouse, keyboard and touch; the right characters are stored."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from annotate.models import Comparison, PassageMark, Round, User, Vote
from tests import factories as make
from tests.browser.conftest import Open
from tests.browser.rating import button, expect_votes, settle
from tests.browser.test_accessibility import list_faults
from tests.views.pages import browser_of

LEFT = "Cats 👩‍👩‍👧 purr & **never** bark.\n\n1. one\n2. two `code`\n\nIt is $x^2$ so."
RIGHT = "| a | b |\n|---|---|\n| left | **right** |\n\n日本語の**「重要」**です\u200bね。"

SELECT = """(reply, words) => {
  const walker = document.createTreeWalker(reply, NodeFilter.SHOW_TEXT);
  const places = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    for (let i = 0; i < node.data.length; i++) places.push([node, i]);
  const start = reply.textContent.indexOf(words);
  const range = document.createRange();
  range.setStart(...places[start]);
  const [node, i] = places[start + words.length - 1];
  range.setEnd(node, i + 1);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}"""


@pytest.fixture
def round_(transactional_db: None) -> Round:
    return make.make_open_round(n_prompts=0)


@pytest.fixture
def volunteer(round_: Round) -> User:
    return make.make_volunteer(round_.run)


@pytest.fixture
def pair(round_: Round, volunteer: User) -> Comparison:
    return draw(round_, volunteer, LEFT, RIGHT)


def draw(round_: Round, user: User, left: str, right: str) -> Comparison:
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    first, second = (
        make.make_completion(candidate, prompt, replies=[text])
        for candidate, text in zip(round_.candidates.order_by("id"), (left, right), strict=True)
    )
    return make.make_comparison(first, second, round_=round_, annotator=user.annotator)


def address_of(pair: Comparison) -> str:
    return f"/rate/{pair.round.run.slug}/"


def mark(page: Page, side: str, words: str, label: str) -> None:
    """Select words of a reply, and choose what is wrong with them."""
    page.locator(f"[data-reply={side}]").evaluate(SELECT, words)
    tool(page, label).click()
    expect(page.locator("#passage-tools")).to_be_hidden()


def tool(page: Page, label: str) -> Any:
    return page.get_by_role("toolbar").get_by_role("button", name=label)


def drawn(page: Page) -> str:
    """Give the words of all marks on the screen."""
    return "|".join(page.locator("mark.passage").all_inner_texts())


def stored() -> list[tuple[str, str]]:
    """Give the tag and the stored words of every mark of a vote that stands."""
    found = []
    for each in PassageMark.objects.filter(vote__in=Vote.objects.standing()).order_by("id"):
        comparison = each.vote.comparison
        completion = comparison.completion_a if each.which == "a" else comparison.completion_b
        found.append((each.tag, completion.replies[each.turn - 1][each.start : each.end]))
    return sorted(found)


def vote(page: Page, n: int = 1) -> None:
    settle(page)
    button(page, "left").click()
    expect_votes(page, n)


def test_word_is_marked_by_mouse_and_stored_with_the_vote(
    open_as: Open, volunteer: User, pair: Comparison
) -> None:
    page = open_as(volunteer, address_of(pair))
    page.locator("[data-reply=left] strong").dblclick()
    expect(page.get_by_role("toolbar")).to_be_visible()
    tool(page, "wrong fact").click()
    expect(page.locator("mark.passage")).to_have_text("never")
    assert page.evaluate("getSelection().isCollapsed")
    vote(page)
    assert stored() == [("wrong_fact", "never")]
    expect(page.locator("mark.passage")).to_have_count(0)
    expect(page.locator("input[name=mark]")).to_have_count(0)


@pytest.mark.parametrize("view", ["rendered", "plain", "differences"])
def test_stored_characters_are_those_that_were_selected(
    view: str, open_as: Open, volunteer: User, pair: Comparison
) -> None:
    page = open_as(volunteer, f"{address_of(pair)}?view={view}")
    for side, words, label in [
        ("left", "👩‍👩‍👧 purr &", "unnatural"),
        ("left", "bark", "wrong fact"),
        ("left", "code", "wrong fact"),
        ("right", "right", "unnatural"),
        ("right", "重要」", "wrong language"),
        ("right", "ね", "wrong language"),
    ]:
        mark(page, side, words, label)
    vote(page)
    closing = "重要」"
    assert stored() == sorted([
        ("unnatural", "👩‍👩‍👧 purr &"), ("wrong_fact", "bark"), ("wrong_fact", "code"),
        ("unnatural", "right"), ("wrong_language", closing), ("wrong_language", "ね"),
    ])  # fmt: skip


def test_selection_over_markup_takes_what_lies_between(
    open_as: Open, volunteer: User, pair: Comparison
) -> None:
    page = open_as(volunteer, address_of(pair))
    mark(page, "left", "& never bark", "unnatural")
    assert drawn(page) == "& |never| bark"
    mark(page, "right", "left\nright", "wrong fact")
    mark(page, "left", "x2", "wrong fact")
    expect(page.locator("mark.passage math")).to_have_count(1)
    vote(page)
    assert stored() == sorted([
        ("unnatural", "& **never** bark"), ("wrong_fact", "left | **right"),
        ("wrong_fact", "$x^2$"),
    ])  # fmt: skip


def test_marks_stay_over_every_view_and_are_sent_once(
    open_as: Open, volunteer: User, pair: Comparison
) -> None:
    page = open_as(volunteer, address_of(pair))
    mark(page, "left", "never bark", "unnatural")
    for view, words in {
        "Plain": "never** bark", "Differences": "never** bark", "Rendered": "never| bark",
    }.items():  # fmt: skip
        page.get_by_role("link", name=view).click()
        expect(page.locator(f".text.{view.lower()}")).to_have_count(2)
        expect(page.locator("mark.passage").first).to_contain_text("never")
        assert drawn(page).replace("*|", "*").replace("|*", "*").replace(" |", " ") in (words,)
        expect(page.locator("input[name=mark]")).to_have_count(1)
    vote(page)
    assert stored() == [("unnatural", "never** bark")]


def test_mark_is_changed_and_removed(open_as: Open, volunteer: User, pair: Comparison) -> None:
    page = open_as(volunteer, address_of(pair))
    mark(page, "left", "purr", "unnatural")
    mark(page, "left", "bark", "unnatural")
    page.locator("mark.passage").first.click()
    expect(tool(page, "unnatural")).to_have_attribute("aria-pressed", "true")
    tool(page, "wrong fact").click()
    page.locator("mark.passage").nth(1).click()
    tool(page, "Remove the mark").click()
    assert drawn(page) == "purr"
    vote(page)
    assert stored() == [("wrong_fact", "purr")]


def test_passage_is_marked_and_removed_by_keyboard(
    open_as: Open, volunteer: User, pair: Comparison
) -> None:
    page = open_as(volunteer, address_of(pair))
    settle(page)
    page.locator("[data-reply=left] strong").dblclick()
    for _step in range(5):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_role("toolbar")).to_be_visible()
    page.keyboard.press("m")
    expect(tool(page, "wrong language")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(tool(page, "unnatural")).to_be_focused()
    page.keyboard.press("Enter")
    assert drawn(page) == "never| bark"
    page.locator("mark.passage").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("toolbar")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("toolbar")).to_be_hidden()
    assert Vote.objects.count() == 0
    page.keyboard.press("1")
    expect_votes(page, 1)
    assert stored() == [("unnatural", "never** bark")]


def test_passage_is_marked_on_a_phone(open_as: Open, volunteer: User, pair: Comparison) -> None:
    page = open_as(
        volunteer,
        address_of(pair),
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
    )
    page.locator("[data-reply=left]").evaluate(SELECT, "bark")
    expect(page.get_by_role("toolbar")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    tool(page, "wrong fact").tap()
    assert drawn(page) == "bark"
    settle(page)
    button(page, "left").tap()
    expect_votes(page, 1)
    assert stored() == [("wrong_fact", "bark")]


def test_selection_that_leaves_an_answer_ends_with_it(
    open_as: Open, volunteer: User, pair: Comparison
) -> None:
    page = open_as(volunteer, address_of(pair))
    page.locator("[data-reply=right] p").evaluate(
        """(end) => {
          const start = document.querySelector("[data-reply=left] ol li:last-child").firstChild;
          getSelection().setBaseAndExtent(start, 0, end.firstChild, 2);
        }"""
    )
    tool(page, "unnatural").click()
    expect(page.locator("[data-reply=right] mark.passage")).to_have_count(0)
    vote(page)
    assert stored() == [("unnatural", "two `code`\n\nIt is $x^2$ so.")]


def test_turn_judged_apart_takes_marks_of_its_own_replies_alone(
    open_as: Open, volunteer: User, round_: Round
) -> None:
    make.make_rules(round_.run, judges_each_turn=True)
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["One?", "Two?"])
    first, second = (
        make.make_completion(candidate, prompt, replies=["early words", "late words"])
        for candidate in round_.candidates.order_by("id")
    )
    pair = make.make_comparison(first, second, round_=round_, annotator=volunteer.annotator)
    page = open_as(volunteer, address_of(pair))
    mark(page, "left", "early", "unnatural")
    settle(page)
    button(page, "left").click()
    late = page.locator("[data-reply=left][data-turn-number='2']")
    expect(late).to_be_visible()
    assert drawn(page) == ""
    page.locator("[data-reply=left][data-turn-number='1']").evaluate(SELECT, "early")
    page.wait_for_timeout(400)
    expect(page.get_by_role("toolbar")).to_be_hidden()
    late.evaluate(SELECT, "late")
    tool(page, "wrong fact").click()
    settle(page)
    button(page, "left").click()
    expect(page.locator("#progress")).to_contain_text("1 in all")
    assert stored() == [("unnatural", "early"), ("wrong_fact", "late")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_and_their_tools_are_for_everybody(
    scheme: str, open_as: Open, volunteer: User, pair: Comparison
) -> None:
    page = open_as(volunteer, address_of(pair))
    mark(page, "left", "never bark", "unnatural")
    page.locator("mark.passage").first.click()
    expect(page.get_by_role("toolbar")).to_be_visible()
    assert list_faults(page, width=1280, scheme=scheme) == []


def test_nothing_outside_of_an_answer_can_be_marked(
    open_as: Open, volunteer: User, pair: Comparison
) -> None:
    page = open_as(volunteer, address_of(pair))
    page.locator("[data-turn]").dblclick()
    page.wait_for_timeout(400)
    expect(page.get_by_role("toolbar")).to_be_hidden()


def test_run_that_offers_no_passages_has_no_tools(
    open_as: Open, volunteer: User, pair: Comparison
) -> None:
    make.make_rules(pair.round.run, offers_passages=False)
    page = open_as(volunteer, address_of(pair))
    page.locator("[data-reply=left] strong").dblclick()
    page.wait_for_timeout(400)
    expect(page.get_by_role("toolbar")).to_have_count(0)
    assert page.locator("[data-pieces-at]").count() == 0


def test_undone_vote_shows_its_marks_again(
    open_as: Open, volunteer: User, pair: Comparison
) -> None:
    draw(pair.round, volunteer, "next one", "and other")
    page = open_as(volunteer, address_of(pair))
    mark(page, "left", "bark", "unnatural")
    vote(page)
    expect(page.locator("[data-reply=left]")).to_have_text("next one")
    assert drawn(page) == ""
    settle(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("mark.passage")).to_have_text("bark")


@pytest.mark.parametrize("script", [True, False])
def test_marks_are_drawn_again_when_the_vote_is_revisited(
    script: bool, open_as: Open, volunteer: User, pair: Comparison
) -> None:
    cast = make.make_vote(pair, "a")
    start = LEFT.index("never")
    PassageMark.objects.create(
        vote=cast, which="a", start=start, end=start + len("never** bark"), tag="unnatural"
    )
    page = open_as(volunteer, f"{address_of(pair)}votes/{pair.token}/", java_script_enabled=script)
    assert drawn(page) == "never| bark"
    if script:
        mark(page, "right", "left", "wrong fact")
    page.get_by_role("button", name="B is better").click()
    expect(page.locator("h1 strong")).to_have_text("B is better")
    expected = [("unnatural", "never** bark")] + [("wrong_fact", "left")] * script
    assert stored() == expected
    page.get_by_role("link", name="Plain").click()
    assert drawn(page).startswith("never** bark")


def test_browser_and_server_read_the_same_text(
    open_as: Open, volunteer: User, pair: Comparison
) -> None:
    """The places that a browser counts are those of the pieces that the server wrote."""
    page = open_as(volunteer, address_of(pair))
    address = page.locator("[data-pieces-at]").get_attribute("data-pieces-at")
    pieces = browser_of(volunteer).get(address).json()
    assert set(pieces) == {"left 1", "right 1"}
    for side in ("left", "right"):
        numbers = [int(number) for number in pieces[f"{side} 1"].split()]
        drawn_length = sum(numbers[0::3]) + sum(numbers[2::3])
        text = page.locator(f"[data-reply={side}]").evaluate("(reply) => reply.textContent")
        assert drawn_length == len(text)
    page.wait_for_load_state("networkidle")


def test_pieces_come_once_for_a_pair_and_only_where_something_is_selected(
    open_as: Open, volunteer: User, pair: Comparison
) -> None:
    page = open_as(volunteer, address_of(pair))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    settle(page)
    assert not [each for each in asked if "/pieces/" in each]
    mark(page, "left", "never", "wrong fact")
    mark(page, "right", "right", "unnatural")
    assert len([each for each in asked if "/pieces/" in each]) == 1


def test_tools_are_offered_again_once_the_connection_is_back(
    open_as: Open, volunteer: User, pair: Comparison
) -> None:
    page = open_as(volunteer, address_of(pair))
    page.context.set_offline(True)
    page.locator("[data-reply=left]").evaluate(SELECT, "never")
    page.wait_for_timeout(600)
    expect(page.get_by_role("toolbar")).to_be_hidden()
    page.context.set_offline(False)
    mark(page, "left", "bark", "wrong fact")
    vote(page)
    assert stored() == [("wrong_fact", "bark")]


@pytest.mark.parametrize("turn", ["0", "1", "9" * 30, "9" * 5_000, "-1", "x", ""])
def test_pieces_of_any_turn_are_of_what_there_is(
    turn: str, volunteer: User, pair: Comparison
) -> None:
    address = f"{address_of(pair)}pieces/{pair.token}/"
    answer = browser_of(volunteer).get(address, {"turn": turn, "view": "rendered"})
    assert set(answer.json()) == {"left 1", "right 1"}
