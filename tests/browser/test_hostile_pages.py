"""Hostile texts on every page, in a real browser: no script, no request, no page out of shape."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import expect

from annotate import quotas
from annotate.models import Annotator, Comparison, Round, User, Vote
from annotate.views import pace
from tests import factories as make
from tests.attacks.browsing import NARROW, WIDE, Watched
from tests.attacks.corpus import GROUPS, TEXTS
from tests.attacks.poison import poison
from tests.browser.conftest import Open
from tests.browser.rating import address_of, choices, expect_votes, settle
from tests.browser.site_pages import (
    choose_more,
    list_pages,
    make_site,
    open_details,
    open_report,
    open_skip,
    open_why,
    see_counted,
    see_pictures,
)

TURNS = 10
VIEWS = ("rendered", "plain", "differences")
# Deeds that need no words of the site's own rows.
DEEDS = {choose_more, open_details, open_report, open_skip, open_why, see_counted, see_pictures}


@pytest.fixture
def round_(transactional_db: None) -> Round:
    return make.make_open_round(n_prompts=0)


@pytest.fixture
def volunteer(round_: Round) -> User:
    make.make_rules(round_.run, offers_passages=True, offers_comment=True)
    return make.make_volunteer(round_.run)


def tell(faults: dict[str, list[str]]) -> str:
    """Write what was wrong, a page a line."""
    return "\n".join(f"{found}: {where[:300]}" for where, found in faults.items())


def put_before(user: User, round_: Round, left: Sequence[str], right: Sequence[str]) -> None:
    """Put a pair of conversations before the user; whatever was there is answered.

    The question to each pair of replies is the left one: it is a stranger's text as well.
    """
    annotator = Annotator.objects.get(user=user)
    Comparison.objects.filter(annotator=annotator).update(answered_at=timezone.now())
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=list(left), system=right[0])
    pair = [
        make.make_completion(candidate, prompt, replies=list(replies))
        for candidate, replies in zip(round_.candidates.order_by("id"), (left, right), strict=True)
    ]
    make.make_comparison(*pair, round_=round_, annotator=annotator, shown_at=timezone.now())


def in_parts(texts: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Yield the texts, so many on the left and on the right at a time."""
    for start in range(0, len(texts), 2 * TURNS):
        part = list(texts[start : start + 2 * TURNS])
        part += ["."] * (len(part) % 2)
        yield part[::2], part[1::2]


def list_faults_of_pair(watched: Watched, round_: Round, n_turns: int, view: str) -> list[str]:
    """Open the rating page in a view; list what is wrong with it, folded and in full."""
    watched.open(f"/rate/{round_.run.slug}/?view={view}")
    found = watched.list_faults(is_rating=True)
    page = watched.page
    if page.locator("#whole").count():
        page.locator("#whole").check()
        found += watched.list_faults(is_rating=True)
    n_replies = page.locator("[data-reply]").count()
    if n_replies != 2 * n_turns:
        found.append(f"{n_replies} replies, not {2 * n_turns}")
    return found


def test_verdict_stays_whole_whatever_the_texts_hold(
    open_as: Open, round_: Round, volunteer: User
) -> None:
    """Some of each kind; and the vote is taken."""
    few = [text for texts in GROUPS.values() for text in texts[::9]]
    watched, faults = Watched(open_as, volunteer), {}
    for number, (left, right) in enumerate(in_parts(few)):
        put_before(volunteer, round_, left, right)
        view = VIEWS[number % len(VIEWS)]
        if found := list_faults_of_pair(watched, round_, len(left), view):
            faults[str((left, right, view))] = found
    assert not faults, tell(faults)
    watched.page.wait_for_timeout(450)  # as long as a new comparison takes no vote
    watched.page.locator("#verdict button[name=choice]").first.click()
    watched.page.locator("#progress").get_by_text("1 in all").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_verdict_stays_whole_whatever_of_the_corpus_is_judged(
    view: str, open_as: Open, round_: Round, volunteer: User
) -> None:
    watched, faults = Watched(open_as, volunteer), {}
    for left, right in in_parts([text for _name, text in TEXTS]):
        put_before(volunteer, round_, left, right)
        if found := list_faults_of_pair(watched, round_, len(left), view):
            faults[str((left, right))[:2_000]] = found
    assert not faults, tell(faults)


@pytest.mark.slow
def test_no_page_is_moved_by_what_its_rows_hold(open_as: Open, transactional_db: None) -> None:
    """Every page of the site, over rows of which each free text is hostile."""
    site, faults = make_site(), {}
    poison()
    for reader, pages in groupby(list_pages(site), lambda shown: shown.reader):
        watched = Watched(open_as, reader)
        for shown in pages:
            watched.open(shown.address)
            if shown.act in DEEDS:
                shown.act(watched.page)
            if found := watched.list_faults():
                faults[str(shown)] = found
    assert not faults, tell(faults)


@pytest.mark.slow
def test_admin_pages_show_hostile_rows_as_text(open_as: Open, transactional_db: None) -> None:
    """The lists and forms of Django's own admin."""
    from django.contrib import admin  # noqa: PLC0415  after the site is set up

    make_site()
    poison()
    superuser = User.objects.create_superuser("root-of-all", password="password")
    watched, faults = Watched(open_as, superuser), {}
    for model in admin.site._registry:
        if model._meta.app_label != "annotate":
            continue
        place = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        newest = model.objects.order_by("-pk").values_list("pk", flat=True).first()
        for address in (place, f"{place}{newest}/change/" if newest else place):
            watched.open(address)
            # Django's own pages are as wide as their fields, and its scripts style what they move.
            found = [
                each
                for each in watched.list_faults(widths=(WIDE,))
                if "style" not in each and "wide of" not in each
            ]
            if found:
                faults[address] = found
    assert not faults, tell(faults)


def test_what_is_looked_for_is_found(open_as: Open, round_: Round, volunteer: User) -> None:
    """The tests above can fail."""
    put_before(volunteer, round_, ["a"], ["b"])
    watched = Watched(open_as, volunteer, bypass_csp=True)
    watched.open(f"/rate/{round_.run.slug}/")
    assert watched.list_faults(is_rating=True) == []
    watched.page.evaluate(
        """() => {
          window.__ran = 1;
          document.body.insertAdjacentHTML("beforeend",
            "<div style='position:fixed;inset:0;z-index:9'></div><i id=stage></i>"
            + "<div style='width:2000px'>wide</div><img src='//leak.invalid/x'>");
        }"""
    )
    found = " ".join(watched.list_faults(is_rating=True, widths=(NARROW,)))
    for fault in ("a script ran", "wide of 390", "DIV has style", "twice: stage", "is covered"):
        assert fault in found
    assert "leak.invalid" in found


def test_vote_beyond_the_pace_waits_in_the_browser_and_is_taken_later(
    open_as: Open,
    round_: Round,
    volunteer: User,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _prompt in range(4):
        prompt = make.make_prompt(round_.run.prompt_sets.get())
        for candidate in round_.candidates.all():
            make.make_completion(candidate, prompt)
    cache.clear()
    quotas.forget_blocks()
    monkeypatch.setattr(pace, "BLOCK", 1)
    settings.ANSWERS_PER_MINUTE = 1
    page = open_as(volunteer, address_of(round_))
    settle(page)
    page.keyboard.press("1")
    expect_votes(page, 1)
    settle(page)
    page.keyboard.press("2")
    expect(page.locator("#unsaved")).to_be_visible()
    assert Vote.objects.count() == 1
    page.reload()  # it outlasts the page
    expect(page.locator("#unsaved")).to_be_visible()
    settings.ANSWERS_PER_MINUTE = 0
    page.locator("#unsaved button").click()
    expect_votes(page, 2)
    assert choices() == ["left", "tie"]
