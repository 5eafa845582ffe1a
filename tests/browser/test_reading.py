"""A volunteer reads: rendered, plain, or the differences; whole or folded; both sides in step."""

from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from annotate.models import Comparison, Participation, Prompt, Round, User, Vote
from annotate.services.annotators import annotator_of
from tests import factories as make
from tests.attacks.corpus import HUGE
from tests.browser.conftest import Open
from tests.browser.rating import button, expect_votes, settle, token_on
from tests.browser.test_accessibility import LOOKS, list_faults
from tests.rendering.hostile import HOSTILE

LONG = "\n\n".join(
    f"**Paragraph {n}.** " + "A sentence that fills the line. " * 8 for n in range(20)
)
WIDTHS = (390, 1280)
PAIRS_ON_A_PAGE = 40  # texts that stand as turns of one conversation
SCROLL_MS = 150
SHARE = "(text) => text.scrollTop / (text.scrollHeight - text.clientHeight)"
FITS = "document.documentElement.scrollWidth <= innerWidth"


def make_pair(left: list[str], right: list[str], user: User, **prompt: Any) -> Comparison:
    """Make a round of one pair, drawn for a user with its sides as given."""
    round_ = make.make_open_round(n_prompts=0)
    turns = [f"Turn {n}?" for n in range(len(left))]
    asked = make.make_prompt(round_.run.prompt_sets.get(), **{"turns": turns} | prompt)
    return draw(round_, asked, left, right, user)


def draw(
    round_: Round, prompt: Prompt, left: list[str], right: list[str], user: User
) -> Comparison:
    first, second = (
        make.make_completion(candidate, prompt, replies=replies)
        for candidate, replies in zip(round_.candidates.order_by("id"), (left, right), strict=True)
    )
    if not Participation.objects.filter(run=round_.run, annotator__user=user).exists():
        make.let_in(round_.run, user)
    annotator = annotator_of(user=user)
    return make.make_comparison(first, second, round_=round_, annotator=annotator)


def address_of(comparison: Comparison) -> str:
    return f"/rate/{comparison.round.run.slug}/"


@pytest.fixture
def volunteer(transactional_db: None) -> User:
    return make.make_user()


def heights(page: Page) -> list[float]:
    return [box.bounding_box()["height"] for box in page.locator(".is-long .text").all()]


def test_hostile_texts_run_nothing_fetch_nothing_and_stay_in_their_boxes(
    open_as: Open, volunteer: User
) -> None:
    texts = [text.replace("\x00", "\ufffd") for _name, text in HOSTILE]
    batches = [texts[i : i + PAIRS_ON_A_PAGE] for i in range(0, len(texts), PAIRS_ON_A_PAGE)]
    pages = [make_pair(batch, batch[::-1], volunteer) for batch in batches]
    asked: list[str] = []
    page = open_as(volunteer, "/")
    origin = page.evaluate("location.origin")

    def note(request: Request) -> None:
        asked.append(request.url)

    page.context.on("request", note)
    seen = 0
    for comparison in pages:
        for view in ("rendered", "plain", "differences"):
            page.goto(f"{address_of(comparison)}?view={view}")
            assert token_on(page) == str(comparison.token)
            assert page.evaluate("window.__ran") is None
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate(FITS), f"{view}, {width} px, {comparison.prompt.turns}"
            assert (
                page.locator(
                    ".replies script, .replies style, .replies [href], .replies [src]"
                ).count()
                == 0
            )
        seen += page.locator("[data-reply=left]").count()
    assert seen == len(HOSTILE) >= 200
    assert {url.split("/")[2] for url in asked} == {origin.split("/")[2]}


def test_hostile_text_that_ran_would_be_noticed(open_as: Open, volunteer: User) -> None:
    """The test above can fail."""
    page = open_as(volunteer, address_of(make_pair(["a"], ["b"], volunteer)))
    page.evaluate(
        """() => {
          const wide = document.createElement("div");
          wide.textContent = "x".repeat(9000);
          document.body.append(wide);
          window.__ran = 1;
        }"""
    )
    assert page.evaluate("window.__ran") == 1
    assert not page.evaluate(FITS)


@pytest.mark.parametrize("script", [True, False])
def test_views_are_links_that_keep_the_pair_and_the_choice(
    script: bool, open_as: Open, volunteer: User
) -> None:
    comparison = make_pair(["the **old** cat"], ["the **old** dog"], volunteer)
    draw(
        comparison.round,
        make.make_prompt(comparison.round.run.prompt_sets.get()),
        ["next *cat*"],
        ["next *dog*"],
        make.make_user(),
    )
    page = open_as(volunteer, address_of(comparison), java_script_enabled=script)
    left = page.locator("[data-reply=left]")
    expect(left.locator("strong")).to_have_text("old")
    page.get_by_role("link", name="Differences").click()
    expect(left.locator("mark")).to_have_text("cat")
    page.get_by_role("link", name="Plain").click()
    expect(left).to_have_text("the **old** cat")
    expect(page.get_by_role("link", name="Plain")).to_have_attribute("aria-current", "true")
    assert token_on(page) == str(comparison.token)
    settle(page)
    button(page, "left").click()
    expect_votes(page, 1)
    expect(left).to_contain_text("next *")


def test_view_changes_without_a_jump_and_keeps_what_was_set(open_as: Open, volunteer: User) -> None:
    page = open_as(volunteer, address_of(make_pair([LONG], [LONG + " And more."], volunteer)))
    page.get_by_label("Show both answers in full").check()
    page.evaluate("window.scrollTo(0, 40)")
    page.get_by_role("link", name="Plain").click()
    expect(page.locator(".text.plain")).to_have_count(2)
    assert page.evaluate("window.scrollY") == 40
    expect(page.get_by_label("Show both answers in full")).to_be_checked()
    expect(page.get_by_role("link", name="Plain")).to_be_focused()
    # The pair was there before: a vote that follows at once is meant.
    settle(page)
    page.get_by_role("link", name="Rendered").click()
    expect(page.locator(".text.rendered")).to_have_count(2)
    page.keyboard.press("1")
    expect(page.locator("#progress")).to_contain_text("1 in all")
    assert Vote.objects.count() == 1


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("width", WIDTHS)
def test_long_answers_fold_alike_and_open_together(
    script: bool, width: int, open_as: Open, volunteer: User
) -> None:
    comparison = make_pair([LONG], [LONG[: len(LONG) // 2]], volunteer)
    page = open_as(
        volunteer,
        address_of(comparison),
        java_script_enabled=script,
        viewport={"width": width, "height": 900},
    )
    assert heights(page)[0] == heights(page)[1] == 36 * 16
    page.get_by_label("Show both answers in full").check()
    assert min(heights(page)) > 36 * 16
    page.get_by_label("Show both answers in full").uncheck()
    assert heights(page)[0] == heights(page)[1] == 36 * 16


def test_unfolding_leaves_the_answer_that_is_being_read_where_it_is(
    open_as: Open, volunteer: User
) -> None:
    comparison = make_pair([LONG], [LONG], volunteer)
    page = open_as(volunteer, address_of(comparison), viewport={"width": 390, "height": 844})
    second = page.locator(".reply").nth(1)
    second.evaluate("(reply) => reply.scrollIntoView()")
    before = second.bounding_box()["y"]
    page.get_by_label("Show both answers in full").check()
    assert second.bounding_box()["y"] == pytest.approx(before, abs=1)
    page.mouse.wheel(0, 2000)
    page.wait_for_timeout(SCROLL_MS)
    page.get_by_label("Show both answers in full").uncheck()
    expect(second).to_be_in_viewport()


def test_short_answers_have_no_control_for_their_length(open_as: Open, volunteer: User) -> None:
    page = open_as(volunteer, address_of(make_pair(["short"], ["also"], volunteer)))
    expect(page.get_by_role("checkbox")).to_have_count(0)


def test_answers_scroll_in_step_on_request(open_as: Open, volunteer: User) -> None:
    page = open_as(volunteer, address_of(make_pair([LONG], [LONG * 2], volunteer)))
    page.get_by_label("Scroll both together").check()
    left, right = page.locator("[data-reply]").all()
    left.evaluate("(text) => { text.scrollTop = text.scrollHeight }")
    page.wait_for_timeout(SCROLL_MS)
    assert right.evaluate(SHARE) == pytest.approx(1, abs=0.01)
    right.evaluate("(text) => { text.scrollTop = text.scrollHeight / 3 }")
    page.wait_for_timeout(SCROLL_MS)
    assert left.evaluate(SHARE) == pytest.approx(right.evaluate(SHARE), abs=0.01)
    assert 0.2 < left.evaluate(SHARE) < 0.5
    # An arrow that scrolls an answer is no vote.
    left.evaluate("(text) => { text.tabIndex = 0; text.focus() }")
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(100)
    assert Vote.objects.count() == 0
    page.get_by_label("Scroll both together").uncheck()
    settle(page)
    page.keyboard.press("1")
    expect_votes(page, 1)


def test_scrolling_in_step_is_not_offered_on_a_phone(open_as: Open, volunteer: User) -> None:
    comparison = make_pair([LONG], [LONG], volunteer)
    page = open_as(volunteer, address_of(comparison), viewport={"width": 390, "height": 800})
    expect(page.get_by_label("Scroll both together")).to_be_hidden()


def test_sides_have_equal_weight_whatever_their_markup(open_as: Open, volunteer: User) -> None:
    markup = "# A\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx = 1\n```\n\n$$x^2$$"
    page = open_as(volunteer, address_of(make_pair([markup], ["plain"], volunteer)))
    one, other = (box.bounding_box() for box in page.locator(".reply").all())
    assert [one[key] - other[key] for key in ("width", "height", "y")] == [0, 0, 0]
    fonts = "(elements) => elements.map((each) => getComputedStyle(each).fontFamily.split(',')[0])"
    assert set(page.locator(".text :is(code, code *)").evaluate_all(fonts)) == {"ui-monospace"}
    assert page.locator("[data-reply=left]").get_attribute("dir") == "auto"


@pytest.mark.parametrize("markup", ["1. one\n2. two", "- one", "## Head", "> said", "```\nx\n```"])
def test_every_text_begins_at_the_same_height(markup: str, open_as: Open, volunteer: User) -> None:
    page = open_as(volunteer, address_of(make_pair([markup], ["plain"], volunteer)))
    first = page.locator("[data-reply] > :first-child")
    one, other = (box.bounding_box()["y"] for box in first.all())
    assert one == other


def test_text_from_right_to_left_is_set_from_the_right(open_as: Open, volunteer: User) -> None:
    page = open_as(volunteer, address_of(make_pair(["English first.\n\nمرحبا"], ["b"], volunteer)))
    arabic = page.locator("[data-reply=left] p").nth(1)
    starts = arabic.evaluate(
        """(p) => {
          const range = document.createRange();
          range.selectNodeContents(p);
          return p.getBoundingClientRect().right - range.getBoundingClientRect().right;
        }"""
    )
    assert starts == pytest.approx(0, abs=1)


@pytest.mark.parametrize("view", ["rendered", "plain", "differences"])
def test_rendered_answers_pass_the_audit(view: str, open_as: Open, volunteer: User) -> None:
    markup = "### a\n# b\n#### c\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx\n```\n\n" + LONG
    comparison = make_pair([markup], ["## x\n\n" + LONG], volunteer)
    page = open_as(volunteer, f"{address_of(comparison)}?view={view}", reduced_motion="reduce")
    assert [fault for look in LOOKS for fault in list_faults(page, **look)] == []


# Chromium itself lays it out for half a minute, on a page of nothing else.
BEYOND_CHROMIUM = "a hundred thousand marks on one letter"


# These are tried by `make test`, all others by `make test-slow`.
AT_ONCE = ("a line of a megabyte", "a hundred thousand turns of direction")


@pytest.mark.parametrize("view", ["plain", pytest.param("rendered", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(name, text, marks=() if name in AT_ONCE else pytest.mark.slow)
        for name, text in HUGE
        if name != BEYOND_CHROMIUM
    ],
)
def test_a_vote_can_be_cast_on_a_huge_text(
    name: str, text: str, view: str, open_as: Open, volunteer: User
) -> None:
    pair = make_pair([text], ["a short one"], volunteer)
    page = open_as(volunteer, f"{address_of(pair)}?view={view}")
    expect(button(page, "right")).to_be_visible()
    assert page.evaluate(FITS), name
    settle(page)
    button(page, "right").click()
    expect(page.locator("[data-nothing-left]")).to_be_visible()
    assert Vote.objects.count() == 1
