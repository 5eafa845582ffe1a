"""What tests of the rating page in a browser share."""

from typing import Any

from playwright.sync_api import Locator, Page, Route, expect

from annotate.models import Round, User, Vote
from tests import factories as make

SETTLE_MS = 450  # a little longer than the page waits after a new comparison
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def make_pairs(*pairs: tuple[str, str], user: User, **rules: Any) -> Round:
    """Open a round of these pairs of replies, for a user who has been let in."""
    round_ = make.make_open_round(n_prompts=0)
    make.make_rules(round_.run, **rules)
    make.let_in(round_.run, user)
    for texts in pairs:
        prompt = make.make_prompt(round_.run.prompt_sets.get())
        for candidate, text in zip(round_.candidates.order_by("id"), texts, strict=True):
            make.make_completion(candidate, prompt, replies=[text])
    return round_


def address_of(round_: Round) -> str:
    return f"/rate/{round_.run.slug}/"


def settle(page: Page) -> None:
    """Wait as long as a comparison takes no vote after it has appeared."""
    page.wait_for_timeout(SETTLE_MS)


def until(page: Page, condition: str) -> None:
    """Wait for a condition; under the page's own policy Playwright may ask for it once only."""
    for _time in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {condition}")


def expect_votes(page: Page, n: int) -> None:
    """Wait until the page says that so many pairs are judged, and look into the ledger."""
    expect(page.locator("#progress")).to_contain_text(f"{n} in all")
    assert Vote.objects.standing().count() == n


def token_on(page: Page) -> str:
    return page.locator("#verdict input[name=token]").get_attribute("value") or ""


def expect_another(page: Page, token: str) -> str:
    """Wait until another comparison than this one is shown, and give its token."""
    expect(page.locator("#verdict input[name=token]")).not_to_have_value(token)
    return token_on(page)


def choices() -> list[str]:
    """Give what was chosen on the screen, vote by vote."""
    flip = {"left": {"a": "left", "b": "right"}, "right": {"a": "right", "b": "left"}}
    return [
        flip[str(vote.comparison.side_a)].get(vote.outcome, vote.outcome)
        for vote in Vote.objects.standing().select_related("comparison").order_by("id")
    ]


def button(page: Page, choice: str) -> Locator:
    return page.locator(f"#verdict button[value={choice}]")


def hold(page: Page, address: str) -> list[Route]:
    """Keep what the page asks of an address on its way, and give it as it comes."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(address, keep)
    return held


def let_go(page: Page, held: list[Route]) -> None:
    """Send the first of what is kept on its way, once there is one."""
    for _time in range(100):
        if held:
            held[0].continue_()
            return
        page.wait_for_timeout(50)
    raise AssertionError("nothing was asked")
