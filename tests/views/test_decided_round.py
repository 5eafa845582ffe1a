"""A round that has its answer asks volunteers for nothing more, and tells them nothing of it."""

import re

import pytest

from annotate.models import DecisionRules, Round
from annotate.services import estimating
from tests import factories as make
from tests.views.estimates import make_difference, make_estimate, make_evidence, make_stop
from tests.views.pages import HTMX, browser_as, volunteer_in

pytestmark = pytest.mark.django_db

# So long that no time, size or digest has them by chance.
RECOGNISED = {"strength": 9121.12, "low": 9131.13, "high": 9141.14, "p_best": 911.123,
              "votes": 916_916}  # fmt: skip
# Keys, tokens and digests.
FORM_KEYS = re.compile(r'(?:value|href|src|data-owner)="[^"]*"|[0-9a-f-]{36}')


@pytest.fixture
def round_() -> Round:
    """Make a round whose run stops early, and in which nobody has voted."""
    round_ = make.make_open_round(votes_wanted=909_909)
    DecisionRules.objects.create(run=round_.run, stops_early=True)
    return round_


def decide(round_: Round) -> None:
    """Let the round find that its first candidate is the best."""
    leader, rival = round_.candidates.order_by("id")
    evidence = make_evidence(
        leader, make_difference(rival, 917_917.0), answer="best", votes_remaining=920_000
    )
    make_estimate(round_, evidence)
    make_stop(round_, evidence)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_volunteer_is_thanked_and_told_nothing(headers: dict[str, str], round_: Round) -> None:
    browser = volunteer_in(round_.run)
    decide(round_)
    page = browser.get(f"/rate/{round_.run.slug}/", headers=headers).content.decode()
    assert "This round has its answer: no more votes are needed." in page
    assert "When the run ends, you can read what the models were." in page
    assert page.count("Thank you") == 1
    assert "Look again" not in page
    names = round_.candidates.values_list("name", flat=True)
    told = [*names, "0.875", "909,909", "917,917", "920,000"]
    assert [each for each in told if each in FORM_KEYS.sub("", page)] == []


def test_comparison_that_stood_before_a_volunteer_is_judged_still(round_: Round) -> None:
    browser = volunteer_in(round_.run)
    address = f"/rate/{round_.run.slug}/"
    browser.get(address)
    shown = round_.comparisons.get()
    decide(round_)
    assert str(shown.token) in browser.get(address).content.decode()
    sent = {"token": shown.token, "choice": "left"}
    page = browser.post(address, sent, follow=True).content.decode()
    assert shown.votes.standing().count() == 1
    assert "This round has its answer" in page
    assert "1 vote today" in page
    assert round_.comparisons.count() == 1


def test_no_page_of_a_volunteer_tells_what_the_estimate_says(round_: Round) -> None:
    browser = volunteer_in(round_.run)
    rate = f"/rate/{round_.run.slug}/"
    for _vote in range(2):
        browser.get(rate)
        shown = round_.comparisons.get(answered_at=None)
        browser.post(rate, {"token": shown.token, "choice": "left"})
    estimate = estimating.refresh_estimate(round_=round_)
    estimate.standings = [row | RECOGNISED for row in estimate.standings]
    leader, rival = round_.candidates.order_by("id")
    estimate.evidence = make_evidence(
        leader, make_difference(rival, 917_917.0), votes_remaining=920_000
    )
    estimate.save()
    own = round_.comparisons.filter(answered_at__isnull=False).first()
    assert own is not None
    numbers = ["911.123", "9121.12", "9131.13", "9141.14", "916,916", "917,917", "920,000"]
    told = [leader.name, rival.name, *numbers]
    pages = ("", "ahead/", "votes/", f"votes/{own.token}/", "board/", "results/")
    for address in ("/", "/me/", *(f"{rate}{page}" for page in pages)):
        answer = browser.get(address, follow=True)
        assert answer.status_code == 200
        page = FORM_KEYS.sub("", answer.content.decode())
        assert [each for each in told if each in page] == [], address
    researcher = browser_as("researcher").get(f"/runs/{round_.run.slug}/").content.decode()
    assert [each for each in told if each not in researcher] == []


def test_waiting_page_of_another_run_does_not_offer_it(round_: Round) -> None:
    decide(round_)
    other = make.make_open_round(n_candidates=1)
    browser = volunteer_in(other.run)
    page = browser.get(f"/rate/{other.run.slug}/").content.decode()
    assert f'href="/rate/{round_.run.slug}/"' not in page
    DecisionRules.objects.update(stops_early=False)
    page = browser.get(f"/rate/{other.run.slug}/").content.decode()
    assert f'href="/rate/{round_.run.slug}/"' in page
